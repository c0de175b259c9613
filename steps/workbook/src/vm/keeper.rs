//! The process that ends the machine, whatever ends its owner.
//!
//! A machine is several processes: User-mode Linux has helpers for input and output and one process for each
//! program inside, QEMU has a server for the file system. Killing the first of them leaves others behind. So a
//! keeper starts them, each in a process group of its own; orphans fall to it, for it is a subreaper (prctl(2));
//! and the kernel tells it when its parent dies, even by `kill -9`. Then it kills the groups, waits until
//! nobody is left, and ends.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout, getppid, setsid};
use step_00::{Child, Program, birth, exec, spawn};

/// A program of the machine.
#[derive(Debug)]
pub(super) struct Part {
    /// What is executed.
    pub(super) program: Program,
    /// Descriptors that it inherits under their numbers.
    pub(super) inherits: Vec<OwnedFd>,
}

impl Part {
    /// A program with these words and this environment.
    pub(super) fn new(words: &[OsString], env: &[OsString], inherits: Vec<OwnedFd>) -> Result<Self> {
        Ok(Self { program: Program::new(words)?.env(env)?, inherits })
    }
}

/// Starts the parts, in order; the machine lives as long as the last of them. What they say goes to the console.
pub(super) fn keep(parts: &[Part], console: &File) -> Result<Child> {
    let nothing = File::open("/dev/null").doing("open(2)", "/dev/null")?;
    let owner = nix::unistd::getpid();
    spawn(|| {
        // Not SIGKILL, which spawn has asked for: there is something left to do then.
        prctl::set_pdeathsig(Signal::SIGTERM).doing("prctl(2) PR_SET_PDEATHSIG", "SIGTERM")?;
        if getppid() != owner {
            birth::end(0);
        }
        prctl::set_child_subreaper(true).doing("prctl(2) PR_SET_CHILD_SUBREAPER", "")?;
        // Out of the terminal's reach: its interrupts are for the command inside.
        setsid().doing("setsid(2)", "")?;
        let signals: SigSet = [Signal::SIGTERM, Signal::SIGCHLD].into_iter().collect();
        SigSet::all().thread_block().doing("sigprocmask(2)", "")?;
        let mut groups = Vec::new();
        let outcome =
            parts.iter().try_for_each(|part| start(part, console, &nothing).map(|child| groups.push(child)));
        let outcome = outcome.and_then(|()| watch(&groups, signals));
        end_all(&groups);
        match outcome.and(first_error(groups)) {
            Ok(()) => birth::end(0),
            Err(error) => Err(error),
        }
    })
}

fn start(part: &Part, console: &File, nothing: &File) -> Result<Child> {
    spawn(|| become_part(part, console, nothing))
}

fn become_part(part: &Part, console: &File, nothing: &File) -> Result<Infallible> {
    setsid().doing("setsid(2)", "")?;
    SigSet::empty().thread_set_mask().doing("sigprocmask(2)", "")?;
    dup2_stdin(nothing).doing("dup2(2)", "standard input")?;
    dup2_stdout(console).doing("dup2(2)", "standard output")?;
    dup2_stderr(console).doing("dup2(2)", "standard error")?;
    for fd in &part.inherits {
        fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty())).doing("fcntl(2) F_SETFD", fd_name(fd).as_str())?;
    }
    exec(&part.program)
}

fn fd_name(fd: &impl AsFd) -> String {
    format!("descriptor {}", fd.as_fd().as_raw_fd())
}

/// Sleeps until a part has ended, or it is time to.
fn watch(groups: &[Child], signals: SigSet) -> Result<()> {
    loop {
        let signal = signals.wait().doing("sigwait(3)", "")?;
        if signal == Signal::SIGTERM {
            return Ok(());
        }
        while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            match status {
                WaitStatus::StillAlive => break,
                status if groups.iter().any(|child| Some(child.pid()) == status.pid()) => return Ok(()),
                _ => {}
            }
        }
    }
}

/// Kills each group, and waits for everybody: orphans are our children now.
fn end_all(groups: &[Child]) {
    for group in groups {
        let _ = killpg(group.pid(), Signal::SIGKILL);
    }
    loop {
        match waitpid(None::<Pid>, None) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return,
        }
    }
}

/// Why a part did not begin, if it did not.
fn first_error(groups: Vec<Child>) -> Result<()> {
    let errors: Vec<Error> = groups.into_iter().filter_map(Child::error).collect();
    errors.into_iter().next().map_or(Ok(()), Err)
}
