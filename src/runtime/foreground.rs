//! A container that somebody waits for: signals are passed on to it, and its terminal is shown on theirs.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{read, write};

use crate::error::{Doing, Result};
use crate::sys::packet::{self, Packets};
use crate::sys::task::{End, Pidfd};
use crate::sys::terminal;

/// So much may wait to be read by the container before no more is taken from whoever types.
const WAITING: usize = 64 * 1024;

/// Signals that wait to be passed on. While this value lives, none of them acts on this process; a child is given a clean
/// mask before its program.
#[derive(Debug)]
pub(super) struct Signals(SignalFd);

impl Signals {
    /// Takes all that can be taken but those that a fault of our own raises.
    pub(super) fn take() -> Result<Self> {
        let mut set = SigSet::all();
        for fault in [
            Signal::SIGSEGV,
            Signal::SIGBUS,
            Signal::SIGFPE,
            Signal::SIGILL,
            Signal::SIGABRT,
            Signal::SIGTRAP,
        ] {
            set.remove(fault);
        }
        set.thread_block().doing("sigprocmask(2) SIG_BLOCK", "")?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        SignalFd::with_flags(&set, flags).doing("signalfd(2)", "").map(Self)
    }

    fn next(&self) -> Result<Option<Signal>> {
        let got = self.0.read_signal().doing("read(2)", "signalfd")?;
        Ok(got
            .and_then(|info| i32::try_from(info.ssi_signo).ok())
            .and_then(|number| Signal::try_from(number).ok()))
    }
}

/// Where the container's end of a terminal is sent, and where the other end is received.
#[derive(Debug)]
pub(super) struct Console {
    /// For the container.
    pub(super) theirs: Option<OwnedFd>,
    ours: Packets,
}

impl Console {
    /// A pair of sockets in place of an engine's.
    pub(super) fn new() -> Result<Self> {
        let (ours, theirs) = Packets::pair()?;
        Ok(Self { theirs: Some(theirs.into()), ours })
    }

    /// The terminal, which the container has sent by now.
    pub(super) fn receive(&self) -> Result<OwnedFd> {
        packet::receive_descriptor(self.ours.as_fd())
    }
}

/// Waits for the end of a child; until then passes signals on to it, and shows its terminal, if it has one.
pub(super) fn attend(child: &Pidfd, signals: &Signals, terminal: Option<OwnedFd>) -> Result<End> {
    let mut shown = terminal.map(Shown::new).transpose()?;
    loop {
        let (ended, signalled) = wait(child, signals, shown.as_mut())?;
        while signalled && let Some(signal) = signals.next()? {
            pass_on(signal, child, shown.as_ref())?;
        }
        if ended {
            if let Some(shown) = &mut shown {
                // What was written before the end is still to be shown.
                while shown.show()? {}
            }
            return child.wait();
        }
    }
}

/// Waits until something has happened, and moves what there is to move. Whether the child has ended, and whether there are
/// signals.
fn wait(child: &Pidfd, signals: &Signals, shown: Option<&mut Shown>) -> Result<(bool, bool)> {
    let stdin = io::stdin();
    let mut fds = vec![
        PollFd::new(child.as_fd(), PollFlags::POLLIN),
        PollFd::new(signals.0.as_fd(), PollFlags::POLLIN),
    ];
    if let Some(shown) = &shown {
        let writes = if shown.typed.is_empty() { PollFlags::empty() } else { PollFlags::POLLOUT };
        let reads = if shown.over { PollFlags::empty() } else { PollFlags::POLLIN };
        fds.push(PollFd::new(shown.terminal.as_fd(), reads | writes));
        if shown.listens && shown.typed.len() < WAITING {
            fds.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
        }
    }
    // A terminal that nobody has open any more answers at once, again and again.
    let timeout = if shown.as_ref().is_some_and(|shown| shown.over) {
        PollTimeout::from(20_u8)
    } else {
        PollTimeout::NONE
    };
    match poll(&mut fds, timeout) {
        Err(Errno::EINTR) => return Ok((false, false)),
        outcome => outcome.doing("poll(2)", "")?,
    };
    let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(false)).collect();
    if let Some(shown) = shown {
        if ready.get(2) == Some(&true) {
            shown.show()?;
            shown.type_on()?;
        }
        if ready.get(3) == Some(&true) {
            shown.listen(stdin.as_fd())?;
        }
    }
    Ok((ready[0], ready[1]))
}

fn pass_on(signal: Signal, child: &Pidfd, shown: Option<&Shown>) -> Result<()> {
    match (signal, shown) {
        // Its own children's ends are told to it by the kernel.
        (Signal::SIGCHLD | Signal::SIGURG, _) => Ok(()),
        (Signal::SIGWINCH, Some(shown)) => {
            shown.fit();
            Ok(())
        }
        (signal, _) => match child.send(signal) {
            // It has ended this moment.
            Err(error) if error.errno() == Some(Errno::ESRCH) => Ok(()),
            outcome => outcome,
        },
    }
}

/// A container's terminal on ours.
struct Shown {
    terminal: OwnedFd,
    /// What was typed and not taken yet.
    typed: Vec<u8>,
    /// Whether anything is to be typed still.
    listens: bool,
    /// Whether everybody in the container has closed it.
    over: bool,
    /// How our terminal was set before.
    before: Option<Termios>,
}

impl Shown {
    /// Our own terminal hands on each key as it is typed, for it is the container's that interprets them.
    fn new(terminal: OwnedFd) -> Result<Self> {
        fcntl(&terminal, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
            .doing("fcntl(2) O_NONBLOCK", "the terminal")?;
        let before = tcgetattr(io::stdin()).ok();
        if let Some(before) = &before {
            let mut raw = before.clone();
            cfmakeraw(&mut raw);
            tcsetattr(io::stdin(), SetArg::TCSANOW, &raw).doing("tcsetattr(3)", "standard input")?;
        }
        let shown = Self { terminal, typed: Vec::new(), listens: true, over: false, before };
        shown.fit();
        Ok(shown)
    }

    /// Gives it the size of ours, if ours has one.
    fn fit(&self) {
        if let Ok((height, width)) = terminal::size(io::stdin().as_fd()) {
            // Where that fails it is only its size that is wrong.
            let _ = terminal::set_size(self.terminal.as_fd(), height, width);
        }
    }

    /// Shows what was written; whether there was anything.
    fn show(&mut self) -> Result<bool> {
        let mut buffer = [0; 8192];
        match read(&self.terminal, &mut buffer) {
            // EIO: nobody has the other end open any more.
            Ok(0) | Err(Errno::EIO) => {
                self.over = true;
                Ok(false)
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(false),
            outcome => {
                let length = outcome.doing("read(2)", "the terminal")?;
                self.over = false;
                write_all(io::stdout().as_fd(), &buffer[..length])?;
                Ok(true)
            }
        }
    }

    /// Hands on what was typed, as far as it is taken.
    fn type_on(&mut self) -> Result<()> {
        if self.typed.is_empty() {
            return Ok(());
        }
        match write(&self.terminal, &self.typed) {
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(()),
            Err(Errno::EIO) => {
                self.typed.clear();
                Ok(())
            }
            outcome => {
                self.typed.drain(..outcome.doing("write(2)", "the terminal")?);
                Ok(())
            }
        }
    }

    fn listen(&mut self, stdin: BorrowedFd<'_>) -> Result<()> {
        let mut buffer = [0; 4096];
        match read(stdin, &mut buffer) {
            Ok(0) | Err(Errno::EIO) => self.listens = false,
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            outcome => self.typed.extend(&buffer[..outcome.doing("read(2)", "standard input")?]),
        }
        self.type_on()
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // Where our terminal is gone nothing is left to be set.
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, before);
        }
    }
}

/// All of it. A reader that has gone away must not end the container.
fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        match write(fd, bytes) {
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(Errno::EPIPE) => return Ok(()),
            outcome => bytes = &bytes[outcome.doing("write(2)", "standard output")?..],
        }
    }
    Ok(())
}
