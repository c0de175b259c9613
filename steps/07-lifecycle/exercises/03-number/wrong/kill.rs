// hint: zombie
//! kill(2), when the start time fits.

use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::unistd::Pid;

pub fn send(pid: Pid, start_time: u64, signal: i32, began: &dyn Fn(Pid) -> Option<u64>) -> Result<()> {
    if began(pid) != Some(start_time) {
        return Err(Error::call("send", pid, Errno::ESRCH));
    }
    // SAFETY: the call takes two integers.
    #[allow(unsafe_code)]
    let sent = unsafe { libc::kill(pid.as_raw(), signal) };
    Errno::result(sent).map(drop).doing("kill(2)", pid.to_string().as_str())
}
