//! A child with namespaces of its own: clone3(2), Linux 5.3.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::namespace::{self, Kind as Namespace};
use super::task::{self, Pidfd};
use super::{outcome, owned};
use crate::error::{Error, Kind, Result};

/// A flag that only clone3 has room for (Linux 5.7): it lies above the 32 bits of clone(2)'s.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Exit status of a child whose body has panicked: no body of ours ends with it.
pub const PANICKED: u8 = 101;

/// What clone3(2) is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Clone<'a> {
    /// The namespaces to be made. Not [`Namespace::Time`]: its clocks can be set only before anybody lives in it,
    /// so whoever wants one unshares it.
    pub namespaces: &'a [Namespace],
    /// A directory of a cgroup tree of version 2, in which the child is born: it never runs outside (Linux 5.7).
    pub cgroup: Option<BorrowedFd<'a>>,
    /// What the parent is sent when the child ends.
    pub exit_signal: Option<Signal>,
    /// The parent of this process becomes the child's parent as well (`CLONE_PARENT`), who then can wait for it.
    /// The kernel demands that no exit signal is asked for.
    pub sibling: bool,
}

impl Default for Clone<'_> {
    /// What fork(2) does.
    fn default() -> Self {
        Self { namespaces: &[], cgroup: None, exit_signal: Some(Signal::SIGCHLD), sibling: false }
    }
}

/// A child, as its parent holds it.
#[derive(Debug)]
pub struct Child {
    /// Its number in the pid namespace of this process. Good as long as nobody has waited for it.
    pub pid: Pid,
    /// Itself.
    pub pidfd: Pidfd,
}

/// Makes a child that runs `body` and ends in `_exit(2)` with the status which that returns, or with [`PANICKED`].
/// It never returns into the caller's code, whose buffers and cleanups belong to the parent.
///
/// The child has a copy of all memory and of every descriptor. Errors name clone3(2) with its flags:
/// [`Kind::Invalid`] in a process with several threads, and for arguments that contradict each other; EPERM; ENOSPC
/// at a limit of namespaces; EAGAIN at one of processes; ENOSYS before Linux 5.3 or behind a filter.
pub fn spawn(clone: &Clone<'_>, body: impl FnOnce() -> u8) -> Result<Child> {
    let doing = clone.description();
    clone.check(&doing)?;
    task::alone(&doing)?;
    let mut pidfd: i32 = -1;
    let mut args = clone.arguments(&mut pidfd);

    // SAFETY: the structure lives through the call and the size is its own. No stack and no shared memory is
    // asked for, so the child goes on here with a copy of everything, as after fork. No other thread can hold a
    // lock that the copy would keep: `alone` has counted, and only we could start one.
    let answer = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of_val(&args)) };
    let pid = outcome(answer, &doing, "", clone.since())?;
    if pid == 0 {
        // A panic that unwinds further would run the parent's code a second time.
        let status = catch_unwind(AssertUnwindSafe(body)).unwrap_or(PANICKED);
        end(status);
    }
    #[expect(clippy::cast_possible_truncation, reason = "the kernel numbers processes with an int")]
    let pid = Pid::from_raw(pid as i32);
    // SAFETY: CLONE_PIDFD has made it for us.
    let pidfd = unsafe { owned(pidfd.into()) };
    Ok(Child { pid, pidfd: Pidfd::from_owned(pidfd) })
}

/// Ends this process at once: no buffer is flushed, no handler of exit(3) run. In a child these are copies of its
/// parent's.
pub fn end(status: u8) -> ! {
    // SAFETY: the call takes an integer, and nothing of this process runs after it.
    unsafe { libc::_exit(status.into()) }
}

impl Clone<'_> {
    fn check(&self, doing: &str) -> Result<()> {
        let refused = |reason: &str| Err(Error::refused(Kind::Invalid, doing, "", reason));
        if self.namespaces.contains(&Namespace::Time) {
            return refused("the clocks of a time namespace that is born inhabited can never be set");
        }
        if self.sibling && self.exit_signal.is_some() {
            return refused("CLONE_PARENT admits no exit signal");
        }
        Ok(())
    }

    /// The structure of the call. It holds the address of `pidfd`, which has to live as long.
    fn arguments(&self, pidfd: &mut i32) -> libc::clone_args {
        // SAFETY: clone_args is a structure of integers, for which zero means "not asked for".
        let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
        let namespaces = self.namespaces.iter().fold(0, |flags, kind| flags | kind.flag().bits());
        let parent = if self.sibling { libc::CLONE_PARENT } else { 0 };
        args.flags = u64::from((namespaces | parent | libc::CLONE_PIDFD).cast_unsigned());
        args.pidfd = std::ptr::from_mut(pidfd).expose_provenance() as u64;
        args.exit_signal = self.exit_signal.map_or(0, |signal| u64::from((signal as i32).cast_unsigned()));
        if let Some(cgroup) = self.cgroup {
            args.flags |= CLONE_INTO_CGROUP;
            args.cgroup = u64::from(cgroup.as_raw_fd().cast_unsigned());
        }
        args
    }

    /// The call with its flags by name.
    fn description(&self) -> String {
        let mut flags = vec!["CLONE_PIDFD"];
        flags.extend(self.sibling.then_some("CLONE_PARENT"));
        flags.extend(self.cgroup.map(|_| "CLONE_INTO_CGROUP"));
        let flags = flags.join("|");
        match self.namespaces {
            [] => format!("clone3(2) {flags}"),
            kinds => format!("clone3(2) {flags}|{}", namespace::flag_names(kinds)),
        }
    }

    fn since(&self) -> &'static str {
        if self.cgroup.is_some() { "5.7" } else { "5.3" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn the_arguments_are_the_kernels_numbers() {
        let dir = std::fs::File::open("/").expect("open");
        let namespaces = [Namespace::Pid, Namespace::Cgroup];
        let clone = Clone { namespaces: &namespaces, cgroup: Some(dir.as_fd()), ..Clone::default() };
        let mut pidfd = 0;
        let args = clone.arguments(&mut pidfd);
        assert_eq!(args.flags, 0x2_0000_0000 | 0x2000_0000 | 0x0200_0000 | 0x1000, "{:#x}", args.flags);
        assert_eq!((args.exit_signal, args.cgroup), (17, u64::from(dir.as_raw_fd().cast_unsigned())));
        assert_eq!(
            clone.description(),
            "clone3(2) CLONE_PIDFD|CLONE_INTO_CGROUP|CLONE_NEWPID|CLONE_NEWCGROUP"
        );
    }

    #[test]
    fn a_threaded_process_is_refused_and_so_are_contradictions() {
        std::thread::scope(|scope| {
            let (stop, stopped) = std::sync::mpsc::channel::<()>();
            scope.spawn(move || stopped.recv());
            let refused = |clone: Clone<'_>| spawn(&clone, || 0).expect_err("refused").to_string();
            assert!(refused(Clone::default()).contains("threads, and must have one"));
            assert!(refused(Clone { namespaces: &[Namespace::Time], ..Clone::default() }).contains("clocks"));
            assert!(refused(Clone { sibling: true, ..Clone::default() }).contains("exit signal"));
            drop(stop);
        });
    }
}
