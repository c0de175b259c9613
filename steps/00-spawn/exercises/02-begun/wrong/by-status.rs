// hint: by-status
//! The errno travels as an exit status.

use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use step_00::{Program, birth, exec};

pub fn begin(program: &Program) -> Result<Pid> {
    let child = match forked()? {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            let Err(error) = exec(program);
            birth::end(error.errno().map_or(255, |errno| errno as u8))
        }
    };
    match waitpid(child, None).doing("waitpid(2)", child.to_string().as_str())? {
        WaitStatus::Exited(_, 0) => Ok(child),
        WaitStatus::Exited(_, code) => {
            Err(Error::call("execve(2)", program.name().to_string_lossy(), Errno::from_raw(code)))
        }
        _ => Ok(child),
    }
}

/// fork(2), which returns twice.
fn forked() -> Result<ForkResult> {
    // SAFETY: this process has one thread, so no lock stays locked in the child.
    #[allow(unsafe_code)]
    unsafe { fork() }.doing("fork(2)", "")
}
