//! Exercise 00.01: how it ended, as a shell tells it.

use std::convert::Infallible;

use kit::{Doing, Result, todo};
use nix::unistd::{ForkResult, Pid, fork};

/// A child that runs.
pub struct Child {
    pid: Pid,
}

/// Makes a child, in which `body` runs: it executes the command, or comes back with an error.
///
/// An error is said by `kit::term::failure(&error)`; `error.status()` is the status that belongs to it, and
/// `step_00::birth::end(status)` is _exit(2).
pub fn spawn(body: impl FnOnce() -> Result<Infallible>) -> Result<Child> {
    let _ = (body, forked, |pid| Child { pid });
    Err(todo("00.01"))
}

impl Child {
    /// Waits for its end: what it exited with, or 128 + N when signal N ended it.
    pub fn wait(self) -> Result<u8> {
        let _ = self.pid;
        Err(todo("00.01"))
    }
}

/// fork(2), which returns twice.
fn forked() -> Result<ForkResult> {
    // SAFETY: this process has one thread, so no lock stays locked in the child.
    #[allow(unsafe_code)]
    unsafe { fork() }.doing("fork(2)", "")
}
