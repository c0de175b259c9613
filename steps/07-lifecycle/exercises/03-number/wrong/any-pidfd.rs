// hint: stranger
//! A pidfd is safe.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;
use step_00::supervise::pidfd_open;

pub fn send(pid: Pid, _start_time: u64, signal: i32, _began: &dyn Fn(Pid) -> Option<u64>) -> Result<()> {
    let process = pidfd_open(pid)?;
    let mut ended = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    if poll(&mut ended, PollTimeout::ZERO).doing("poll(2)", "a pidfd")? > 0 {
        return Err(Error::call("send", pid, Errno::ESRCH));
    }
    pidfd_send_signal(process.as_fd(), signal)
}

/// pidfd_send_signal(2).
fn pidfd_send_signal(process: BorrowedFd<'_>, signal: i32) -> Result<()> {
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the descriptor is open, for it is borrowed; a null siginfo means that the kernel fills it in.
    #[allow(unsafe_code)]
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), signal, none, 0) };
    Errno::result(sent).map(drop).doing("pidfd_send_signal(2)", "")
}
