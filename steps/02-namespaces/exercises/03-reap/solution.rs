//! Exercise 02.03: what process 1 owes.

use std::convert::Infallible;

use kit::{Doing, Result};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use step_00::supervise::{FORWARDED, exit_status};
use step_00::{Program, birth, spawn};

/// Starts the command as a child, reaps whatever ends, passes signals on, and ends as the command does.
pub fn init(program: &Program, exec: fn(&Program) -> Result<Infallible>) -> Result<Infallible> {
    let mut signals: SigSet = FORWARDED.into_iter().collect();
    signals.add(Signal::SIGCHLD);
    signals.thread_block().doing("sigprocmask(2)", "")?;
    let child = spawn(|| {
        SigSet::empty().thread_set_mask().doing("sigprocmask(2)", "")?;
        exec(program)
    })?;
    loop {
        match signals.wait().doing("sigwait(3)", "")? {
            Signal::SIGCHLD => {
                if let Some(status) = reap(child.pid())? {
                    return child.error().map_or_else(|| birth::end(status), Err);
                }
            }
            // The command may just have ended; then there is nobody to tell.
            signal => match kill(child.pid(), signal) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(errno) => return Err(errno).doing("kill(2)", signal.as_str()),
            },
        }
    }
}

/// Everybody who has ended, for one SIGCHLD may stand for several. The command's status, if it is among them.
fn reap(command: Pid) -> Result<Option<u8>> {
    let mut ended = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(ended),
            Ok(status) if status.pid() == Some(command) => ended = Some(exit_status(status)),
            Ok(_) => {}
            Err(errno) => return Err(errno).doing("waitpid(2)", "-1"),
        }
    }
}
