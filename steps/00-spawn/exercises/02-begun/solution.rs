//! Exercise 00.02: whether it has begun, and why not.

use std::fs::File;
use std::io::{Read, Write};

use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, pipe2};
use step_00::{Program, birth, exec};

/// Starts a program, and comes back when it has begun, or could not.
///
/// The child's end of the pipe closes by itself in execve(2): to read end-of-file is to know that it has begun. The
/// parent lets go of its own copy of that end, or the file would never end.
pub fn begin(program: &Program) -> Result<Pid> {
    let (reads, writes) = pipe2(OFlag::O_CLOEXEC).doing("pipe2(2)", "")?;
    let (mut reads, mut writes) = (File::from(reads), File::from(writes));
    let child = match forked()? {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            let Err(error) = exec(program);
            let errno = error.errno().unwrap_or(Errno::EIO) as i32;
            let _ = writes.write_all(&errno.to_ne_bytes());
            birth::end(error.status())
        }
    };
    drop(writes);
    let mut errno = [0; 4];
    if reads.read_exact(&mut errno).is_err() {
        return Ok(child);
    }
    waitpid(child, None).doing("waitpid(2)", child.to_string().as_str())?;
    let errno = Errno::from_raw(i32::from_ne_bytes(errno));
    Err(Error::call("execve(2)", program.name().to_string_lossy(), errno))
}

/// fork(2), which returns twice.
fn forked() -> Result<ForkResult> {
    // SAFETY: this process has one thread, so no lock stays locked in the child.
    #[allow(unsafe_code)]
    unsafe { fork() }.doing("fork(2)", "")
}
