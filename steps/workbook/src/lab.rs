//! A process in which things are tried, and from which nothing may leak.
//!
//! [`Lab::enter`] turns the calling process into a lab: orphans fall to it, what it mounts stays in a mount
//! namespace of its own, what it runs makes its directories and control groups under a name that no other lab
//! has. [`Lab::leave`] compares what is there with what was there before. So labs can work side by side, and
//! none takes its neighbour's things for leaks.
//!
//! - [`state`]: what is compared
//! - [`sentinel`]: what attacks are aimed at: a file, a process, a disk, all of them the lab's own

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use clap::Args as ClapArgs;
use kit::{Doing, Error, Result, Tier, scratch};
use nix::errno::Errno;
use nix::fcntl::Flock;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use tempfile::TempDir;

pub mod sentinel;
pub mod state;

use state::State;

/// What `cargo dive lab` is asked.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs a command in a lab. The exit status is the command's, or 125 if anything leaked.
pub fn run(args: &Args) -> Result<u8> {
    let lab = Lab::enter()?;
    let mut command = lab.command(&args.command[0]);
    let here = std::env::current_dir().doing("getcwd(2)", "")?;
    let status =
        command.args(&args.command[1..]).current_dir(here).status().doing("execve(2)", "the command")?;
    lab.leave()?;
    Ok(exit_status(status))
}

/// As a shell tells it.
pub fn exit_status(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

/// The lab that the calling process has become.
#[derive(Debug)]
pub struct Lab {
    name: String,
    dir: TempDir,
    scratch: PathBuf,
    before: State,
    /// Says that the directory's lab lives.
    _lock: Flock<File>,
}

impl Lab {
    /// Makes a lab of the calling process, which must have one thread. Who may mount gets a mount namespace of
    /// its own; who may not cannot leak mounts either.
    pub fn enter() -> Result<Self> {
        let threads = fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
        if threads > 1 {
            return Err(Error::refused(
                "make a lab of this process",
                "",
                format!("it has {threads} threads"),
            ));
        }
        keep_descriptors()?;
        prctl::set_child_subreaper(true).doing("prctl(2) PR_SET_CHILD_SUBREAPER", "")?;
        if Tier::of_self() == Tier::Root {
            let none: Option<&str> = None;
            unshare(CloneFlags::CLONE_NEWNS).doing("unshare(2) CLONE_NEWNS", "")?;
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
                .doing("mount(2) MS_PRIVATE on", "/")?;
        }
        let (dir, lock) = own_dir()?;
        // Others than its owner work in it: a root that is borrowed, a user that an attack is tried as.
        open_to(dir.path(), 0o755)?;
        let scratch = dir.path().join("tmp");
        let work = dir.path().join("work");
        let bin = dir.path().join("bin");
        for (dir, mode) in [(&scratch, 0o1777), (&work, 0o777), (&bin, 0o755)] {
            fs::create_dir(dir).doing("mkdir(2)", dir)?;
            open_to(dir, mode)?;
        }
        let name = format!("lab{:x}", std::process::id());
        let before = State::now(&name, &scratch)?;
        Ok(Self { name, dir, scratch, before, _lock: lock })
    }

    /// A directory to work in; it goes with the lab.
    pub fn dir(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    /// A directory for programs that everybody may execute.
    pub fn bin(&self) -> PathBuf {
        self.dir.path().join("bin")
    }

    /// The directory in which the steps that run here assemble their roots (`TMPDIR`).
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// How the directories and control groups that are made here are called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command that works in the lab's directory, and under its name.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.dir()).env("TMPDIR", &self.scratch).env(scratch::LAB, &self.name);
        command
    }

    /// Waits for orphans that have been killed: each takes a moment to end, and until then holds what it held.
    pub fn settle(&self) {
        state::reap_the_dying(None);
    }

    /// The same, but for one child that lives on.
    pub fn settle_but(&self, child: u32) {
        state::reap_the_dying(Some(child));
    }

    /// What is there that was not there before, a line each. Processes among it are ended, groups and files removed, so
    /// that a fault is told once and by the one who made it.
    pub fn leaks(&self) -> Result<Vec<String>> {
        self.settle();
        let leaks = State::now(&self.name, &self.scratch)?.beyond(&self.before);
        state::end_children()?;
        state::remove_groups(&self.name)?;
        state::remove_files(&self.name)?;
        Ok(leaks)
    }

    /// Ends the lab. Errors name the leaks.
    pub fn leave(self) -> Result<()> {
        let leaks = self.leaks()?;
        self.remove()?;
        if leaks.is_empty() { Ok(()) } else { Err(Error::refused("leave the lab", "", leaks.join("; "))) }
    }

    /// Ends the lab with whatever is in it: leaks were expected.
    pub fn clear(self) -> Result<()> {
        self.leaks()?;
        self.remove()
    }

    fn remove(self) -> Result<()> {
        let path = self.dir.path().to_owned();
        drop(self);
        if path.exists() {
            Err(Error::call("remove the lab's directory", path.display(), Errno::EBUSY))
        } else {
            Ok(())
        }
    }
}

/// A mount that leaked may lead out of the lab, to files that are not its own: it goes first. One that stays keeps the
/// directory with it.
impl Drop for Lab {
    fn drop(&mut self) {
        let below = || -> Vec<PathBuf> {
            let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
            let targets = mountinfo.lines().filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from);
            targets.filter(|target| target.starts_with(self.dir.path())).collect()
        };
        for target in below().iter().rev() {
            let _ = umount2(target, MntFlags::MNT_DETACH);
        }
        let mounted = !below().is_empty();
        self.dir.disable_cleanup(mounted);
    }
}

/// The lab's directory, locked; those of labs that were killed go first.
fn own_dir() -> Result<(TempDir, Flock<File>)> {
    const PREFIX: &str = "dive-lab-";
    scratch::sweep(&std::env::temp_dir(), PREFIX);
    for _ in 0..16 {
        let dir = tempfile::Builder::new().prefix(PREFIX).tempdir().doing("mkdir(2)", "a lab's directory")?;
        // Between mkdir and flock another lab's sweep may have taken it for a dead one's.
        match scratch::lock(dir.path()) {
            Some(lock) if dir.path().exists() => return Ok((dir, lock)),
            _ => {}
        }
    }
    Err(Error::refused("make a lab's directory", "", "others remove it as fast as it is made"))
}

/// Whoever executed this process may have left descriptors open in it. What runs in the lab shall not inherit
/// them: a test that counts descriptors would count those.
fn keep_descriptors() -> Result<()> {
    // SAFETY: the call takes integers, and marks descriptors without closing any (Linux 5.11).
    #[allow(unsafe_code)]
    let marked = unsafe { libc::close_range(3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC.cast_signed()) };
    Errno::result(marked).map(drop).doing("close_range(2) CLOSE_RANGE_CLOEXEC", "")
}

fn open_to(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).doing("chmod(2)", path)
}
