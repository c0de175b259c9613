//! The machine's side: the first process inside.
//!
//! It is this program, started by the kernel. It makes the surroundings ([`tree`], [`group`]), runs the command
//! and reaps orphans ([`serve`]), and switches the machine off. It can fail, but not end: a kernel whose first
//! process ends panics. So every error goes to the host over the line.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use kit::{Doing, Error, Result};
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{getpid, isatty};

use super::frame::{Decoder, Frame};
use super::order::Order;

mod group;
pub(super) mod module;
mod serve;
mod tree;

/// Where the host's files are mounted if they are not the root.
pub(super) const HOST: &str = "/host";
/// Where the modules lie that lead there, in the order of their names.
pub(super) const MODULES: &str = "/modules";

/// How long a device may take to appear.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the kernel's command line says to the first process of a machine.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The tag under which a virtio device offers the host's files; without it they are the root already
    #[arg(long)]
    host: Option<String>,
    /// The device that leads to the host, or how its name begins
    line: PathBuf,
    /// What the kernel appends
    rest: Vec<OsString>,
}

/// Runs as the first process of a machine, and nowhere else. Returns only if it cannot begin.
pub fn run(args: &Args) -> Result<u8> {
    if getpid().as_raw() != 1 {
        let error =
            Error::refused("be the first process of a machine", "", format!("this is process {}", getpid()));
        return Err(error.advise("cargo dive vm starts it"));
    }
    tree::mount_first()?;
    if args.host.is_some() {
        module::load_all(Path::new(MODULES))?;
    }
    let mut line = Line::open(&device(&args.line)?)?;
    line.say(&Frame::Ready)?;
    let outcome = obey(&mut line, args.host.as_deref());
    line.say(&Frame::Ended(outcome))?;
    // The host says when it has read everything; a line that is closed says the same.
    while !matches!(line.hear(), Ok(Frame::Over) | Err(_)) {}
    switch_off().map(|never| match never {})
}

/// A device appears a moment after its module was loaded.
fn device(begins: &Path) -> Result<PathBuf> {
    let dir = begins.parent().unwrap_or(Path::new("/dev"));
    let begun = Instant::now();
    loop {
        let entries = fs::read_dir(dir).doing("list", dir)?.flatten().map(|entry| entry.path());
        let ours = |path: &PathBuf| {
            path.as_os_str().as_encoded_bytes().starts_with(begins.as_os_str().as_encoded_bytes())
        };
        if let Some(device) = entries.filter(ours).min() {
            return Ok(device);
        }
        if begun.elapsed() > PATIENCE {
            return Err(Error::refused("find the line to the host", begins.display(), "it does not appear"));
        }
        sleep(Duration::from_millis(10));
    }
}

fn obey(line: &mut Line, host: Option<&str>) -> Result<u8> {
    let Frame::Order(order) = line.hear()? else {
        return Err(Error::refused("read from the host's line", "", "the order does not come first"));
    };
    surround(&order, host)?;
    serve::command(line, &order)
}

fn surround(order: &Order, host: Option<&str>) -> Result<()> {
    let below = match host {
        None => Path::new("/"),
        Some(tag) => tree::mount_host(tag, order)?,
    };
    tree::make(below, order)?;
    group::hand_everything_down()?;
    tree::link_modules(order)?;
    if let Some(user) = &order.user {
        group::delegate(user)?;
        tree::admit(user, order)?;
    }
    Ok(())
}

fn switch_off() -> Result<Infallible> {
    reboot(RebootMode::RB_POWER_OFF).doing("reboot(2)", "RB_POWER_OFF")
}

/// Our end of the line.
pub(super) struct Line {
    file: File,
    decoder: Decoder,
}

impl Line {
    /// Opens the device. A serial line gets none of the services of a terminal: they would change bytes.
    fn open(device: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).custom_flags(libc::O_NOCTTY | libc::O_CLOEXEC).open(device);
        let file = file.doing("open(2)", device)?;
        if isatty(&file).unwrap_or(false) {
            let mut settings = tcgetattr(&file).doing("tcgetattr(3)", device)?;
            cfmakeraw(&mut settings);
            tcsetattr(&file, SetArg::TCSANOW, &settings).doing("tcsetattr(3)", device)?;
        }
        Ok(Self { file, decoder: Decoder::default() })
    }

    fn say(&mut self, frame: &Frame) -> Result<()> {
        self.file.write_all(&frame.encode()?).doing("write to the host's line", "")
    }

    /// Waits for a frame.
    fn hear(&mut self) -> Result<Frame> {
        loop {
            if let Some(frame) = self.decoder.next()? {
                return Ok(frame);
            }
            self.read_once()?;
        }
    }

    /// Reads what there is, and says how much; waits if there is nothing.
    fn read_once(&mut self) -> Result<()> {
        let mut bytes = [0; 4096];
        match self.file.read(&mut bytes).doing("read from the host's line", "")? {
            0 => Err(Error::refused("read from the host's line", "", "it is closed")),
            length => {
                self.decoder.take(&bytes[..length]);
                self.say(&Frame::Heard(u32::try_from(length).unwrap_or(u32::MAX)))
            }
        }
    }
}
