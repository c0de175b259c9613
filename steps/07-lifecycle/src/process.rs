//! A process that is remembered from one command to the next.
//!
//! A pid alone is no name: when the process has ended, the kernel gives the number to somebody else. The time at which
//! a process began (proc_pid_stat(5), field 22) tells the two apart. And to act on it, a pidfd: it is opened first and
//! the time compared then. While the time fits, the process is the one that is meant and holds its number, so the
//! pidfd stands for it, and goes on doing so.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use step_00::supervise::pidfd_open;

/// A process, as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number here.
    pub pid: i32,
    /// When it began, in ticks since the machine did.
    pub start_time: u64,
}

/// A descriptor for it.
#[derive(Debug)]
pub struct Held(OwnedFd);

impl Process {
    /// Of a process that cannot end unnoticed: a child that nobody has waited for yet.
    pub fn of(pid: Pid) -> Result<Self> {
        let pid = pid.as_raw();
        let start_time =
            start_time(pid).ok_or_else(|| Error::call("read /proc/PID/stat of", pid, Errno::ESRCH))?;
        Ok(Self { pid, start_time })
    }

    // ANCHOR: hold
    /// Holds it. ESRCH if it has gone, whoever has its number now.
    pub fn hold(&self) -> Result<Held> {
        let gone = || Error::call("find the container's process", self.pid, Errno::ESRCH);
        let pidfd = match pidfd_open(Pid::from_raw(self.pid)) {
            Err(error) if error.errno() == Some(Errno::ESRCH) => return Err(gone()),
            opened => opened?,
        };
        if start_time(self.pid) == Some(self.start_time) { Ok(Held(pidfd)) } else { Err(gone()) }
    }
    // ANCHOR_END: hold

    /// Whether it has not ended. Who waits for its parent to ask has ended: a zombie.
    pub fn lives(&self) -> bool {
        self.hold().is_ok_and(|held| held.ended_within(Duration::ZERO).is_ok_and(|ended| !ended))
    }
}

impl Held {
    /// Waits for its end, this long at most; whether it came. A pidfd becomes readable then (pidfd_open(2)).
    pub fn ended_within(&self, patience: Duration) -> Result<bool> {
        let mut pidfd = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        let patience = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
        loop {
            match poll(&mut pidfd, patience) {
                Err(Errno::EINTR) => {}
                outcome => return outcome.map(|count| count > 0).doing("poll(2)", "a pidfd"),
            }
        }
    }
}

impl From<OwnedFd> for Held {
    fn from(pidfd: OwnedFd) -> Self {
        Self(pidfd)
    }
}

impl AsFd for Held {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The name in brackets may itself hold brackets and spaces, so the fields are counted from behind it.
fn start_time(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()
}
