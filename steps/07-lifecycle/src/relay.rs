//! Between two terminals: the person's own, made raw, and the container's, of which we hold the master.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kit::{Doing, Result};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::SigSet;
use nix::sys::signalfd::{SfdFlags, SignalFd};
use step_00::supervise::FORWARDED;

use crate::process::Held;
use crate::typing::Typing;
use crate::{signals, terminal};

/// Why it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Nobody has the container's end any more, or the program has ended.
    Closed,
    /// The person has left.
    Detached,
}

/// What is relayed.
#[derive(Debug)]
pub struct Relay<'a> {
    /// The container's terminal.
    pub master: &'a OwnedFd,
    /// The program at it, to which signals go; without one, the terminal's end is the end.
    pub program: Option<&'a Held>,
    /// Whether the person may leave.
    pub detachable: bool,
}

impl Relay<'_> {
    // ANCHOR: run
    /// Copies both ways until one side is done. Our terminal is raw meanwhile, and its size becomes the other's.
    pub fn run(&self) -> Result<Ended> {
        let watched: SigSet = FORWARDED.into_iter().collect();
        watched.thread_block().doing("sigprocmask(2)", "")?;
        let signals = SignalFd::with_flags(&watched, SfdFlags::SFD_CLOEXEC).doing("signalfd(2)", "")?;
        let _raw = terminal::Raw::of_stdin()?;
        let mut master: File = self.master.try_clone().doing("dup(2)", "the terminal")?.into();
        // A program that does not read must not keep us from showing what it writes.
        fcntl(&master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).doing("fcntl(2) O_NONBLOCK", "the terminal")?;
        self.resize();
        let mut typing = Typing::new(self.detachable);
        loop {
            let [output, signal, ended, input] = self.wait(&master, &signals, &typing)?;
            if signal {
                self.signalled(&signals)?;
            }
            if output && show(&mut master)? == Shown::Last {
                return Ok(Ended::Closed);
            }
            if ended {
                // What it has written last is still to be shown.
                while show(&mut master)? == Shown::Some {}
                return Ok(Ended::Closed);
            }
            if input && typing.read()? {
                return Ok(Ended::Detached);
            }
            typing.pass_on(&mut master)?;
        }
    }
    // ANCHOR_END: run

    /// Sleeps until there is output, a signal, the program's end, or something typed.
    fn wait(&self, master: &File, signals: &SignalFd, typing: &Typing) -> Result<[bool; 4]> {
        let stdin = io::stdin();
        let listen = typing.listens();
        let writing = if typing.waits() { PollFlags::POLLOUT } else { PollFlags::empty() };
        let program: BorrowedFd<'_> = self.program.map_or(signals.as_fd(), AsFd::as_fd);
        let mut fds = [
            PollFd::new(master.as_fd(), PollFlags::POLLIN | writing),
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(program, PollFlags::POLLIN),
            PollFd::new(stdin.as_fd(), PollFlags::POLLIN),
        ];
        // What is not listened to is not watched at all: its end would wake us without end.
        let watched = if listen { 4 } else { 3 };
        loop {
            match poll(&mut fds[..watched], PollTimeout::NONE) {
                Err(Errno::EINTR) => {}
                outcome => {
                    outcome.doing("poll(2)", "")?;
                    break;
                }
            }
        }
        let [output, signal, ended, input] = fds.map(|fd| fd.revents().unwrap_or(PollFlags::empty()));
        let output = output.intersects(PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR);
        let ended = self.program.is_some() && !ended.is_empty();
        Ok([output, !signal.is_empty(), ended, listen && !input.is_empty()])
    }

    fn signalled(&self, watched: &SignalFd) -> Result<()> {
        let Some(info) = watched.read_signal().doing("read", "signalfd")? else { return Ok(()) };
        let signal = info.ssi_signo.cast_signed();
        match self.program {
            _ if signal == libc::SIGWINCH => self.resize(),
            // A terminal's keys are bytes here; what comes as a signal was sent by somebody.
            Some(program) => drop(signals::send(program, signal)),
            None => {}
        }
        Ok(())
    }

    fn resize(&self) {
        if let Ok(size) = terminal::size(io::stdin()) {
            let _ = terminal::set_size(self.master, size);
        }
    }
}

/// What there was to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Some,
    Nothing,
    Last,
}

/// Shows what there is. A master whose last slave was closed reads as EIO.
fn show(master: &mut File) -> Result<Shown> {
    let mut bytes = [0; 4096];
    match master.read(&mut bytes) {
        Ok(0) => Ok(Shown::Last),
        Ok(count) => {
            let mut screen = io::stdout().lock();
            screen
                .write_all(&bytes[..count])
                .and_then(|()| screen.flush())
                .doing("write", "standard output")?;
            Ok(Shown::Some)
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Shown::Nothing),
        Err(error) if error.raw_os_error() == Some(libc::EIO) => Ok(Shown::Last),
        Err(error) => Err(error).doing("read", "the terminal"),
    }
}
