//! Signals, to a process that is held and never to a number.

use std::os::fd::{AsFd, AsRawFd};

use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::sys::signal::Signal;

/// As a person writes it: TERM, SIGTERM, 15.
pub fn parse(text: &str) -> Result<i32, String> {
    let name = text.to_ascii_uppercase();
    let name = if name.starts_with("SIG") { name } else { format!("SIG{name}") };
    let number = match text.parse() {
        Ok(number) => Some(number).filter(|number| (1..=libc::SIGRTMAX()).contains(number)),
        Err(_) => name.parse::<Signal>().ok().map(|signal| signal as i32),
    };
    number.ok_or_else(|| {
        format!("{text:?} is no signal: a name as TERM, or a number from 1 to {}", libc::SIGRTMAX())
    })
}

// ANCHOR: send
/// Sends it. ESRCH if the process has ended, EPERM if it is another user's.
pub fn send(process: impl AsFd, signal: i32) -> Result<()> {
    let none = std::ptr::null::<libc::siginfo_t>();
    let pidfd = process.as_fd().as_raw_fd();
    // SAFETY: the descriptor is open, for it is borrowed; a null siginfo means that the kernel fills it in.
    #[allow(unsafe_code)]
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd, signal, none, 0) };
    Errno::result(sent).map(drop).doing("pidfd_send_signal(2)", name(signal).as_str())
}
// ANCHOR_END: send

/// Ends it at once, whatever it does; that it has ended already is as good.
pub fn end(process: impl AsFd) -> Result<()> {
    match send(process, libc::SIGKILL) {
        Err(error) if error.errno() == Some(Errno::ESRCH) => Ok(()),
        outcome => outcome,
    }
}

/// Its name; real-time signals have none.
pub fn name(signal: i32) -> String {
    Signal::try_from(signal).map_or_else(|_| signal.to_string(), |signal| signal.as_str().to_owned())
}

/// Ends this very process as `kill -9` would: to see what it leaves.
pub fn end_self() -> Error {
    match nix::sys::signal::raise(Signal::SIGKILL) {
        Ok(()) => Error::refused("raise(3)", "SIGKILL", "did not end this process"),
        Err(errno) => Error::call("raise(3)", "SIGKILL", errno),
    }
}
