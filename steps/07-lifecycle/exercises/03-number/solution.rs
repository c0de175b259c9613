//! Exercise 07.03: a number is no name.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;
use step_00::supervise::pidfd_open;

/// Sends a signal to the process that had this pid and began then; ESRCH if it has ended, whoever has its pid now.
pub fn send(pid: Pid, start_time: u64, signal: i32, began: &dyn Fn(Pid) -> Option<u64>) -> Result<()> {
    let gone = || Error::call("send", pid, Errno::ESRCH);
    // Held first: of what is looked at afterwards it is known that it is what is held.
    let process = pidfd_open(pid)?;
    if began(pid) != Some(start_time) {
        return Err(gone());
    }
    // A zombie would take it.
    let mut ended = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    if poll(&mut ended, PollTimeout::ZERO).doing("poll(2)", "a pidfd")? > 0 {
        return Err(gone());
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
