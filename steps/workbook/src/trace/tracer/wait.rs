//! Waiting: for what a tracee does next, and for what is sent to us.

use std::sync::atomic::{AtomicBool, Ordering};

use nix::Result;
use nix::errno::Errno;
use nix::sys::signal::{
    SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, signal, sigprocmask,
};

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

/// Sleeps until something happens to a thread. EINTR at each tick of a [`Listener`]; ECHILD when nobody is left.
///
/// A thread may have been made with any signal at its end, or none: `__WALL` waits for all of them.
pub(super) fn next() -> Result<(i32, Stop)> {
    let mut status = 0;
    // SAFETY: the status is an integer that lives through the call.
    #[allow(unsafe_code)]
    let tid = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL) };
    Errno::result(tid).map(|tid| (tid, stop(status)))
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

/// Takes in what is sent to us, while it lives.
///
/// The signals are blocked, so that they wait to be fetched, and the sleep in waitpid(2) is interrupted by a
/// timer. Sleeping for signals and for tracees at once would be quicker to answer, and cost two more calls at
/// each stop of each tracee, of which there are thousands a second.
pub(super) struct Listener {
    signals: SigSet,
    mask: SigSet,
    alarm: SigAction,
}

/// The timer has come round since somebody looked.
static TICKED: AtomicBool = AtomicBool::new(false);

/// How long a signal may wait.
const TICK: libc::timeval = libc::timeval { tv_sec: 0, tv_usec: 50_000 };
const NEVER: libc::timeval = libc::timeval { tv_sec: 0, tv_usec: 0 };

impl Listener {
    /// SIGALRM is the timer's own.
    pub(super) fn new(signals: impl IntoIterator<Item = Signal>) -> Result<Self> {
        extern "C" fn tick(_: libc::c_int) {
            TICKED.store(true, Ordering::Relaxed);
        }
        let signals: SigSet = signals.into_iter().filter(|signal| *signal != Signal::SIGALRM).collect();
        let mut mask = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&signals), Some(&mut mask))?;
        sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&SigSet::from(Signal::SIGALRM)), None)?;
        // Where SIGCHLD is ignored, children vanish instead of being waited for; that may have been inherited.
        // SAFETY: the default disposition runs no code of ours.
        #[allow(unsafe_code)]
        unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) }?;
        // Without SA_RESTART: the sleep shall end.
        let action = SigAction::new(SigHandler::Handler(tick), SaFlags::empty(), SigSet::empty());
        // SAFETY: the handler stores to an atomic, which is allowed wherever a signal comes.
        #[allow(unsafe_code)]
        let alarm = unsafe { sigaction(Signal::SIGALRM, &action) }?;
        set_timer(TICK)?;
        Ok(Self { signals, mask, alarm })
    }

    /// Whether it is time to look for signals, and at the clock.
    pub(super) fn ticked() -> bool {
        TICKED.swap(false, Ordering::Relaxed)
    }

    /// A signal that has come meanwhile.
    pub(super) fn signal(&self) -> Option<Sent> {
        let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: siginfo_t is plain data, for which zeroes are a value.
        #[allow(unsafe_code)]
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: the three structures live through the call.
        #[allow(unsafe_code)]
        let signal = unsafe { libc::sigtimedwait(self.signals.as_ref(), &raw mut info, &raw const now) };
        (signal > 0).then_some(Sent { signal, by_terminal: info.si_code == libc::SI_KERNEL })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = set_timer(NEVER);
        // SAFETY: what was there before is put back.
        #[allow(unsafe_code)]
        let _ = unsafe { sigaction(Signal::SIGALRM, &self.alarm) };
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.mask), None);
    }
}

fn set_timer(every: libc::timeval) -> Result<()> {
    let timer = libc::itimerval { it_interval: every, it_value: every };
    // SAFETY: the structure lives through the call, and what the timer was before is not asked for.
    #[allow(unsafe_code)]
    let set = unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) };
    Errno::result(set).map(drop)
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
