//! Waiting: for what a tracee does next, and for what is sent to us.

use std::ptr;
use std::time::Duration;

use nix::Result;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};

/// What happened to a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// At the entry of a system call or at its exit.
    Syscall,
    /// A `PTRACE_EVENT_*` other than `STOP`.
    Event(i32),
    /// `PTRACE_EVENT_STOP` of a job-control signal: the whole process shall stand still.
    Group,
    /// `PTRACE_EVENT_STOP` otherwise: a new tracee, or one that was interrupted.
    Stopped,
    /// A signal is about to be delivered.
    Signal(i32),
    /// It is gone, with the status that wait(2) reports.
    Ended(i32),
}

/// The next thread that something happened to; `None` if nothing has yet. ECHILD when nobody is left.
///
/// A thread may have been made with any signal at its end, or none: `__WALL` waits for all of them.
pub(super) fn next() -> Result<Option<(i32, Stop)>> {
    let mut status = 0;
    // SAFETY: the status is an integer that lives through the call.
    #[allow(unsafe_code)]
    let tid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG | libc::__WALL) };
    match Errno::result(tid)? {
        0 => Ok(None),
        tid => Ok(Some((tid, stop(status)))),
    }
}

fn stop(status: i32) -> Stop {
    const JOB_CONTROL: [i32; 4] = [libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];
    if !libc::WIFSTOPPED(status) {
        return Stop::Ended(status);
    }
    let signal = libc::WSTOPSIG(status);
    match status >> 16 {
        0 if signal == libc::SIGTRAP | 0x80 => Stop::Syscall,
        0 => Stop::Signal(signal),
        libc::PTRACE_EVENT_STOP if JOB_CONTROL.contains(&signal) => Stop::Group,
        libc::PTRACE_EVENT_STOP => Stop::Stopped,
        event => Stop::Event(event),
    }
}

/// A signal that was sent to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) signal: i32,
    /// By a key of the terminal, which sends it to the command as well.
    pub(super) by_terminal: bool,
}

/// Blocks what [`signal`] waits for: a blocked signal stays until it is fetched, so that none is lost between
/// a look at the tracees and the sleep.
pub(super) fn block(signals: &SigSet) -> Result<SigSet> {
    let mut before = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(signals), Some(&mut before))?;
    Ok(before)
}

/// Puts the mask back.
pub(super) fn unblock(before: &SigSet) {
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(before), None);
}

/// Sleeps until a signal comes, or until the time is up. SIGCHLD, which means that a tracee has something to
/// tell, is `None` as well.
pub(super) fn signal(signals: &SigSet, at_most: Duration) -> Option<Sent> {
    let time = libc::timespec {
        tv_sec: at_most.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: at_most.subsec_nanos().into(),
    };
    // SAFETY: siginfo_t is plain data, for which zeroes are a value.
    #[allow(unsafe_code)]
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: the three structures live through the call.
    #[allow(unsafe_code)]
    let signal = unsafe { libc::sigtimedwait(signals.as_ref(), ptr::from_mut(&mut info), &raw const time) };
    let known = signal > 0 && signal != Signal::SIGCHLD as i32;
    known.then_some(Sent { signal, by_terminal: info.si_code == libc::SI_KERNEL })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_tells_a_call_from_a_signal_and_a_group_stop_from_a_new_tracee() {
        let stopped = |signal: i32, event: i32| (event << 16) | (signal << 8) | 0x7f;
        assert_eq!(stop(stopped(libc::SIGTRAP | 0x80, 0)), Stop::Syscall);
        assert_eq!(stop(stopped(libc::SIGTRAP, 0)), Stop::Signal(libc::SIGTRAP));
        assert_eq!(stop(stopped(34, 0)), Stop::Signal(34), "a real-time signal");
        assert_eq!(stop(stopped(libc::SIGTTIN, libc::PTRACE_EVENT_STOP)), Stop::Group);
        assert_eq!(stop(stopped(libc::SIGTRAP, libc::PTRACE_EVENT_STOP)), Stop::Stopped);
        assert_eq!(
            stop(stopped(libc::SIGTRAP, libc::PTRACE_EVENT_EXEC)),
            Stop::Event(libc::PTRACE_EVENT_EXEC)
        );
        assert_eq!(stop(9), Stop::Ended(9));
    }
}
