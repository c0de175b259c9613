//! A kernel that allows everything: a machine of one's own for one command, thrown away afterwards.
//!
//! User-mode Linux is a kernel that runs as an ordinary process; QEMU emulates a whole computer, slower and more
//! complete. Either boots with the host's file system as its root and a tmpfs over it, so that the checkout is
//! there and cannot be damaged. This very program is the first process inside.
//!
//! - [`uml`] and [`qemu`]: what each of them needs, and how it is started; [`debian`]: a kernel for the latter,
//!   and [`cpio`]: the root that it begins with
//! - [`keeper`]: the process that ends all of it, whatever happens to us
//! - [`frame`]: what host and machine say to each other; [`order`]: what shall be done inside
//! - [`conversation`]: the host's side of it; [`inside`]: the machine's side

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use kit::scratch::Scratch;
use kit::{Doing, Error, Result};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{AccessFlags, access};
use step_00::supervise::FORWARDED;
use step_03::limits::Bytes;

mod conversation;
mod cpio;
mod debian;
mod frame;
pub mod inside;
mod keeper;
mod order;
mod qemu;
mod uml;

use keeper::Part;
use order::{Order, User};

/// The verb of the first process inside.
pub const INSIDE: &str = "vm-inside";

/// Run a command in the same checkout under a kernel that allows everything.
///
/// The machine has a root, version 2 control groups with every controller handed down, user namespaces and a
/// loopback network. It sees the host's files; what it writes goes to memory and is thrown away. Its /tmp, /run
/// and /dev/shm are fresh (a working directory below /tmp is kept), and it has no network.
///
/// The command gets this working directory and file mode mask, and of this environment PATH, HOME, TERM, LANG,
/// NO_COLOR, CARGO*, RUST*, DIVE_* and a few more. Its standard output and error are pipes, and come out here apart. Its
/// standard input is empty without -i. It leads a session of its own without a terminal; limits and signals that are
/// ignored here are not handed in.
///
/// This guards against accidents, not against malice: root inside User-mode Linux could mount the host's files
/// once more, with the rights of whoever started it here.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_STATUS)]
pub struct Args {
    /// The kernel: User-mode Linux, or a Debian kernel in QEMU. Without this: the first of them that is found
    #[arg(long, value_enum, value_name = "KERNEL")]
    with: Option<Kernel>,
    /// Download the kernel for QEMU to the cache directory, if it is not there
    #[arg(long)]
    fetch: bool,
    /// Run the command as an ordinary user, in a control group that is delegated to them: as you, or as uid 1000
    /// if you are root
    #[arg(long)]
    user: bool,
    /// Hand standard input in
    #[arg(short, long)]
    interactive: bool,
    /// Memory of the machine, which also holds what is written; with k, M or G
    #[arg(long, value_name = "SIZE", default_value = "2G")]
    memory: Bytes,
    /// End the machine after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u32).range(1..))]
    timeout: u32,
    /// Keep what is written in this directory; may be given several times
    #[arg(long, value_name = "DIR")]
    writable: Vec<PathBuf>,
    /// Set a variable inside: `NAME=VALUE`, or `NAME` for its value here; may be given several times
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<OsString>,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

const EXIT_STATUS: &str = "\
Exit status: the command's own; 128+N when signal N ended it; 124 when the time was up; 125 when the machine
failed; 126 when the command could not be executed; 127 when it was not found. A first SIGINT or SIGTERM goes to
the command, a second one ends the machine.";

/// A kernel to run under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kernel {
    /// User-mode Linux: starts within two seconds, as an ordinary user too
    Uml,
    /// A Debian kernel in an emulated computer: slower, lacks nothing, and is for root alone
    Qemu,
}

/// A machine that is ready to be started.
struct Machine {
    parts: Vec<Part>,
    /// Our end of the line.
    line: OwnedFd,
    modules: OsString,
    /// How long it may take to boot.
    patience: u64,
    scratch: Scratch,
}

/// Runs the command in a machine; the exit status is the command's.
pub fn run(args: &Args) -> Result<u8> {
    // From here on a signal is something to read, so that nothing is left behind. SIGPIPE too: a reader who has
    // had enough ends the machine, not only us.
    let mut signals: SigSet = FORWARDED.into_iter().collect();
    signals.add(Signal::SIGPIPE);
    signals.thread_block().doing("sigprocmask(2)", "")?;

    let order = args.order()?;
    let machine = args.machine(!order.writable.is_empty())?;
    let console =
        File::from(memfd_create(c"console", MFdFlags::MFD_CLOEXEC).doing("memfd_create(2)", "console")?);
    let limits = conversation::Limits { boot: machine.patience, command: args.timeout.into() };
    let order = Order { modules: machine.modules.clone(), ..order };
    let keeper = keeper::keep(&machine.parts, &console)?;
    let outcome = conversation::hold(&machine.line, &keeper, order, &limits);
    let ended = conversation::end(keeper);
    drop(machine.scratch);
    if let Err(error) = &outcome {
        conversation::tell_console(&console, error);
    }
    // A part that did not begin says why; that the machine was silent then is no news.
    ended.and(outcome)
}

impl Args {
    /// The machine that was asked for; else User-mode Linux, or QEMU if only that is there.
    fn machine(&self, writable: bool) -> Result<Machine> {
        let uml = |program: &PathBuf| uml::machine(program, self.memory, writable);
        let qemu = || qemu::find(self.fetch).and_then(|found| qemu::machine(&found, self.memory));
        match self.with {
            Some(Kernel::Uml) => uml(&uml::find()?),
            Some(Kernel::Qemu) => qemu(),
            None => match uml::find() {
                Ok(program) => uml(&program),
                Err(missing) => qemu().map_err(|_| missing),
            },
        }
    }

    fn order(&self) -> Result<Order> {
        let cwd = std::env::current_dir().doing("find the working directory", "")?;
        let program =
            self.command.first().ok_or_else(|| Error::refused("execute", "", "no command was given"))?;
        let user = self.user.then(User::here);
        let mut env = order::environment(&self.env)?;
        if let Some(user) = &user {
            order::set(&mut env, "HOME", &user.home);
        }
        let bin = env.iter().find(|(name, _)| name == "DIVE_BIN_DIR").map(|(_, value)| value.clone());
        Ok(Order {
            argv: self.command.clone(),
            needed: order::needed(&cwd, program, bin),
            cwd: cwd.into_os_string(),
            env,
            umask: own_umask(),
            user,
            input: self.interactive,
            modules: OsString::new(),
            writable: self.writable.iter().map(|dir| order::writable(dir)).collect::<Result<_>>()?,
        })
    }
}

/// It can only be read by setting it.
fn own_umask() -> u32 {
    let own = umask(Mode::empty());
    umask(own);
    own.bits()
}

/// Where packages are unpacked that are not installed: below the user's cache directory.
fn cache() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)?;
    Some(base.join("docker-dive/vm"))
}

/// A program by its name, in PATH, in the usual folders, or unpacked in the cache.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/bin", "/usr/sbin", "/sbin", "/usr/lib/qemu", "/usr/libexec"].map(PathBuf::from);
    let unpacked = cache().map(|cache| cache.join("usr/bin"));
    let folders = std::env::split_paths(&path).chain(usual).chain(unpacked);
    folders
        .map(|folder| folder.join(name))
        .find(|file| access(file, AccessFlags::X_OK).is_ok() && file.is_file())
}
