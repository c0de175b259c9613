//! A process: how many threads it has, and one that is held by descriptor rather than by number.

use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::{outcome, owned};
use crate::error::{Doing, Error, Kind, Result};

/// How many threads this process has, by /proc/self/task (proc(5)). Errors: those of reading it; where no procfs
/// of our own pid namespace is mounted there is no answer, and none is made up.
pub fn threads() -> Result<usize> {
    let tasks = fs::read_dir("/proc/self/task").doing("read", "/proc/self/task")?;
    let mut count = 0;
    for task in tasks {
        task.doing("read", "/proc/self/task")?;
        count += 1;
    }
    Ok(count)
}

/// Refuses to do something that only a process of one thread can do. A child has a copy of all memory but of
/// one thread only: a lock that another thread held stays locked in it for ever. And the kernel itself refuses
/// new user and mount namespaces to a thread among others (unshare(2), setns(2)).
///
/// Errors: [`Kind::Invalid`] with the number of threads.
pub fn alone(doing: &str) -> Result<()> {
    match threads()? {
        1 => Ok(()),
        many => {
            let reason = format!("this process has {many} threads, and must have one");
            Err(Error::refused(Kind::Invalid, doing, "", reason))
        }
    }
}

/// A process, held by descriptor: its number may be given to another one day, the descriptor stays with it
/// (`pidfd_open(2)`).
#[derive(Debug)]
pub struct Pidfd(OwnedFd);

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By exit(2), with this status.
    Exited(u8),
    /// By a signal, with this number: it may be a real-time one, which has no name.
    Signaled(u8),
}

impl End {
    /// The exit status as a shell tells it: the process's own, or 128 + the number of the signal.
    pub fn exit_status(self) -> u8 {
        match self {
            Self::Exited(status) => status,
            Self::Signaled(signal) => 128_u8.saturating_add(signal),
        }
    }
}

impl Pidfd {
    /// A descriptor for a process, `pidfd_open(2)`, Linux 5.3. Between learning a pid and this call the process may
    /// have ended and its pid been reused: verify, or ask for the pid of a child that is not waited for yet.
    ///
    /// Errors: ESRCH if there is no such process.
    pub fn open(pid: Pid) -> Result<Self> {
        // SAFETY: the call takes two integers.
        let answer = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
        let number = outcome(answer, "pidfd_open(2)", pid.to_string(), "5.3")?;
        // SAFETY: the kernel has just made it.
        Ok(Self(unsafe { owned(number) }))
    }

    /// Takes over a descriptor that clone3 or a socket gave. It is not verified: the first use will tell.
    pub fn from_owned(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// Sends a signal, `pidfd_send_signal(2)`, Linux 5.1. Errors: ESRCH if it has ended and was waited for, EPERM.
    pub fn send(&self, signal: Signal) -> Result<()> {
        let nothing = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: the descriptor is open, and a null siginfo means that the kernel fills in that of kill(2).
        let answer = unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, self.0.as_raw_fd(), signal as i32, nothing, 0)
        };
        outcome(answer, "pidfd_send_signal(2)", signal.as_str(), "5.1").map(drop)
    }

    /// Waits until it has ended, and takes its status, waitid(2) with `P_PIDFD`, Linux 5.4. It has to be a child
    /// of this process: ECHILD otherwise, and when it was waited for before.
    pub fn wait(&self) -> Result<End> {
        loop {
            if let Some(end) = self.waitid(0)? {
                return Ok(end);
            }
        }
    }

    /// Takes its status if it has ended, and does not wait. Errors as for [`Pidfd::wait`].
    pub fn try_wait(&self) -> Result<Option<End>> {
        self.waitid(libc::WNOHANG)
    }

    /// nix's waitid answers EINVAL when a real-time signal ended the child, and by then the status is gone.
    fn waitid(&self, flags: i32) -> Result<Option<End>> {
        // SAFETY: a siginfo is integers and pointers, for which zero is a value.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let answer = loop {
            let id = self.0.as_raw_fd().unsigned_abs();
            // SAFETY: the structure is ours and lives through the call.
            match unsafe { libc::waitid(libc::P_PIDFD, id, &raw mut info, libc::WEXITED | flags) } {
                -1 if Errno::last() == Errno::EINTR => {}
                answer => break answer,
            }
        };
        outcome(answer.into(), "waitid(2) P_PIDFD", "", "5.4")?;
        // SAFETY: waitid has filled in the fields of SIGCHLD, or left them zero when nobody has ended.
        let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
        let number = u8::try_from(status & 0xff).unwrap_or(u8::MAX);
        match (pid, info.si_code) {
            (0, _) => Ok(None),
            (_, libc::CLD_EXITED) => Ok(Some(End::Exited(number))),
            _ => Ok(Some(End::Signaled(number))),
        }
    }
}

impl AsFd for Pidfd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threaded_process_is_refused_and_told_how_many_threads_it_has() {
        std::thread::scope(|scope| {
            let (stop, stopped) = std::sync::mpsc::channel::<()>();
            scope.spawn(move || stopped.recv());
            let error = alone("clone3(2)").expect_err("at least two threads");
            assert_eq!(error.kind(), Kind::Invalid);
            assert!(error.to_string().starts_with("clone3(2): this process has "), "{error}");
            drop(stop);
        });
    }

    #[test]
    fn a_status_is_told_as_a_shell_tells_it() {
        assert_eq!(End::Exited(7).exit_status(), 7);
        assert_eq!(End::Signaled(9).exit_status(), 137);
    }

    #[test]
    fn nobody_has_the_pid_that_lies_above_all() {
        let error = Pidfd::open(Pid::from_raw(i32::MAX)).expect_err("nobody");
        assert_eq!((error.errno(), error.kind()), (Some(Errno::ESRCH), Kind::NotFound));
    }
}
