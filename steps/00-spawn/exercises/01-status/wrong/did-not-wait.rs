// hint: did-not-wait
//! Asks whether it has ended, and takes no for an answer.

use std::convert::Infallible;

use kit::{Doing, Result, term};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use step_00::birth;

/// A child that runs.
pub struct Child {
    pid: Pid,
}

/// Makes a child, in which `body` runs: it executes the command, or comes back with an error.
pub fn spawn(body: impl FnOnce() -> Result<Infallible>) -> Result<Child> {
    match forked()? {
        ForkResult::Parent { child } => Ok(Child { pid: child }),
        ForkResult::Child => {
            let Err(error) = body();
            term::failure(&error);
            birth::end(error.status())
        }
    }
}

impl Child {
    /// Waits for its end: what it exited with, or 128 + N when signal N ended it.
    pub fn wait(self) -> Result<u8> {
        let status = waitpid(self.pid, Some(WaitPidFlag::WNOHANG))
            .doing("waitpid(2)", self.pid.to_string().as_str())?;
        Ok(match status {
            WaitStatus::Exited(_, code) => u8::try_from(code).unwrap_or(u8::MAX),
            WaitStatus::Signaled(_, signal, _) => 128 + u8::try_from(signal as i32).unwrap_or(0),
            _ => 0,
        })
    }
}

/// fork(2), which returns twice.
fn forked() -> Result<ForkResult> {
    // SAFETY: this process has one thread, so no lock stays locked in the child.
    #[allow(unsafe_code)]
    unsafe { fork() }.doing("fork(2)", "")
}
