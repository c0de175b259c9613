//! What the first process of a pid namespace owes to the others.
//!
//! When a process ends, it stays as a zombie until its parent has asked for its status. When a *parent* ends,
//! its children fall to the first process of the pid namespace (pid_namespaces(7)). If that is a program which
//! never waits for strangers, zombies pile up until no pid is left. So a small init stands there, starts the
//! command as its child, and waits for everybody.
//!
//! It also passes signals on. The kernel drops every signal that the first process has no handler for, which
//! is why `sleep` as pid 1 does not end on SIGTERM.

use std::convert::Infallible;

use kit::{Doing, Result};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use step_00::supervise::{FORWARDED, exit_status};
use step_00::{Program, birth, spawn};

// ANCHOR: init
/// Starts the command as a child, reaps whatever ends, and ends as the command does.
///
/// `exec` is how the command is executed; its error comes back as ours.
pub fn init(program: &Program, exec: fn(&Program) -> Result<Infallible>) -> Result<Infallible> {
    let mut signals: SigSet = FORWARDED.into_iter().collect();
    signals.add(Signal::SIGCHLD);
    // SIGCHLD is blocked before there is a child; spawn blocks the others.
    signals.thread_block().doing("sigprocmask(2)", "")?;
    let child = spawn(|| {
        let nothing = SigSet::empty();
        nothing.thread_set_mask().doing("sigprocmask(2)", "")?;
        exec(program)
    })?;
    loop {
        match signals.wait().doing("sigwait(3)", "")? {
            Signal::SIGCHLD => {
                if let Some(status) = reap(child.pid())? {
                    return child.error().map_or_else(|| birth::end(status), Err);
                }
            }
            signal => match kill(child.pid(), signal) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(errno) => return Err(errno).doing("kill(2)", signal.as_str()),
            },
        }
    }
}
// ANCHOR_END: init

// ANCHOR: reap
/// Collects every child that has ended. One SIGCHLD may stand for several of them. The exit status of the
/// command, if it is among them.
fn reap(command: Pid) -> Result<Option<u8>> {
    let mut ended = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return Ok(ended),
            // Nobody is left. If the command was not met, a real-time signal ended it, too.
            Err(Errno::ECHILD) => return Ok(ended.or(Some(u8::MAX))),
            Ok(status) if status.pid() == Some(command) => ended = Some(exit_status(status)),
            // An orphan. EINVAL: a real-time signal ended it, for which the crate that makes the call has no name.
            Ok(_) | Err(Errno::EINVAL) => {}
            Err(errno) => return Err(errno).doing("waitpid(2)", "-1"),
        }
    }
}
// ANCHOR_END: reap
