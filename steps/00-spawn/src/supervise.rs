//! Waiting for a child: its exit status, and until then its signals.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use kit::{Doing, Error, Result, term};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::birth::Errors;

/// What a person or a supervisor may send to a command. SIGKILL and SIGSTOP cannot be caught, and SIGCHLD,
/// SIGTTIN, SIGTTOU and SIGTSTP are about us, not about the command.
pub const FORWARDED: [Signal; 9] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGWINCH,
    Signal::SIGCONT,
];

/// So many interrupts mean that the command will not listen. The docker client counts alike.
const PATIENCE: u32 = 3;

/// A child that runs.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    pidfd: OwnedFd,
    errors: Errors,
    mask_before: SigSet,
}

impl Child {
    pub(crate) fn new(pid: Pid, pidfd: OwnedFd, errors: Errors, mask_before: SigSet) -> Self {
        Self { pid, pidfd, errors, mask_before }
    }

    /// Its pid, as its parent knows it.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// The error with which it ended before the command began; for who has waited for it in another way.
    pub fn error(self) -> Option<Error> {
        self.errors.read()
    }

    /// Waits for its end and passes signals on until then. The exit status as a shell has it: the command's
    /// own, or 128 + N when signal N ended it. If the command never began, the child's own error.
    pub fn wait(self) -> Result<u8> {
        let signals: SigSet = FORWARDED.into_iter().collect();
        let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC).doing("signalfd(2)", "")?;
        let mut interrupts = 0;
        while !self.ended(&signals)? {
            let Some(info) = signals.read_signal().doing("read", "signalfd")? else { continue };
            let Ok(signal) = Signal::try_from(info.ssi_signo.cast_signed()) else { continue };
            if matches!(signal, Signal::SIGINT | Signal::SIGTERM) {
                interrupts += 1;
            }
            if interrupts == PATIENCE {
                term::note(format_args!("{PATIENCE} interrupts: SIGKILL"));
                self.send(Signal::SIGKILL)?;
            } else if info.ssi_code != libc::SI_KERNEL {
                // What the terminal's keys send has reached the command already: it is in the same group.
                self.send(signal)?;
            }
        }
        let status = match waitpid(self.pid, None) {
            // The crate that makes this call has no names for real-time signals, and loses which one it was.
            Err(Errno::EINVAL) => {
                let reason = "a real-time signal ended it, and which one is not told";
                return Err(Error::refused("tell how it ended:", self.pid, reason));
            }
            outcome => outcome.doing("waitpid(2)", self.pid.to_string().as_str())?,
        };
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.mask_before), None).doing("sigprocmask(2)", "")?;
        match self.errors.read() {
            Some(error) => Err(error),
            None => Ok(exit_status(status)),
        }
    }

    /// Sleeps until the child has ended (true) or a signal has come.
    fn ended(&self, signals: &SignalFd) -> Result<bool> {
        let mut fds = [&self.pidfd.as_fd(), &signals.as_fd()].map(|fd| PollFd::new(*fd, PollFlags::POLLIN));
        match poll(&mut fds, PollTimeout::NONE) {
            Err(Errno::EINTR) => Ok(false),
            outcome => outcome.doing("poll(2)", "").map(|_| fds[0].any().unwrap_or(false)),
        }
    }

    /// Sends a signal, unless the child has just ended.
    fn send(&self, signal: Signal) -> Result<()> {
        let none = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: the descriptor is open, and a null siginfo means that the kernel fills it in.
        #[allow(unsafe_code)]
        let sent = unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, self.pidfd.as_raw_fd(), signal as i32, none, 0)
        };
        match Errno::result(sent) {
            Err(Errno::ESRCH) => Ok(()),
            outcome => outcome.map(drop).doing("pidfd_send_signal(2)", signal.as_str()),
        }
    }
}

// ANCHOR: pidfd_open
/// A descriptor for a process (Linux 5.3): unlike a pid it is never reused.
pub fn pidfd_open(pid: Pid) -> Result<OwnedFd> {
    // SAFETY: the call takes two integers.
    #[allow(unsafe_code)]
    let number = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    let number = Errno::result(number).doing("pidfd_open(2)", pid.to_string().as_str())?;
    // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
    #[allow(unsafe_code)]
    let pidfd = unsafe { OwnedFd::from_raw_fd(i32::try_from(number).unwrap_or(-1)) };
    Ok(pidfd)
}
// ANCHOR_END: pidfd_open

// ANCHOR: exit_status
/// The status as a shell tells it.
pub fn exit_status(status: WaitStatus) -> u8 {
    match status {
        WaitStatus::Exited(_, code) => u8::try_from(code).unwrap_or(u8::MAX),
        WaitStatus::Signaled(_, signal, _) => 128 + u8::try_from(signal as i32).unwrap_or(0),
        _ => u8::MAX,
    }
}
// ANCHOR_END: exit_status
