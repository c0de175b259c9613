//! Exercise 00.02: whether it has begun, and why not.

use kit::{Doing, Result, todo};
use nix::unistd::{ForkResult, Pid, fork};
use step_00::Program;

/// Starts a program, and comes back when it has begun, or could not.
///
/// In the child `step_00::exec(program)` executes it or comes back with an error, and `step_00::birth::end` is
/// _exit(2). An error can be made of an errno by `Error::call("execve(2)", name, errno)`.
pub fn begin(program: &Program) -> Result<Pid> {
    let _ = (program, forked);
    Err(todo("00.02"))
}

/// fork(2), which returns twice.
fn forked() -> Result<ForkResult> {
    // SAFETY: this process has one thread, so no lock stays locked in the child.
    #[allow(unsafe_code)]
    unsafe { fork() }.doing("fork(2)", "")
}
