//! The host's side of the line: hands the order in, and out what the command says; watches the clock, the
//! signals, and whether the machine is still there.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use kit::{Doing, Error, Result, term};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use step_00::Child;
use step_00::supervise::{FORWARDED, pidfd_open};

use super::frame::{Decoder, Frame, WINDOW};
use super::order::Order;

/// How long the machine may take, in seconds.
pub(super) struct Limits {
    /// Until it listens.
    pub(super) boot: u64,
    /// From then on.
    pub(super) command: u64,
}

/// As timeout(1) has it.
const TIME_IS_UP: u8 = 124;

/// How long it may take to switch itself off; then it is killed.
const FAREWELL: Duration = Duration::from_secs(3);

/// So many lines of the console are shown when the machine failed.
const LINES: usize = 12;

struct Conversation {
    line: File,
    decoder: Decoder,
    /// What the line has not taken yet.
    unsent: Vec<u8>,
    /// What it has taken, and the machine not read.
    under_way: usize,
    /// Sent when the machine listens.
    order: Option<Order>,
    input: bool,
    interrupts: u32,
    deadline: Instant,
    command: Duration,
}

/// What there is to do.
#[derive(Default)]
struct Awake {
    signal: bool,
    gone: bool,
    input: bool,
}

/// Holds the conversation, until the command has ended.
pub(super) fn hold(line: &OwnedFd, keeper: &Child, order: Order, limits: &Limits) -> Result<u8> {
    let line = File::from(line.try_clone().doing("dup(2)", "the machine's line")?);
    // A line that does not take what we have must not keep us from reading what it has.
    fcntl(&line, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).doing("fcntl(2) O_NONBLOCK", "the machine's line")?;
    let signals: SigSet = FORWARDED.into_iter().collect();
    let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC).doing("signalfd(2)", "")?;
    let pidfd = pidfd_open(keeper.pid())?;
    let mut conversation = Conversation {
        line,
        decoder: Decoder::default(),
        unsent: vec![],
        under_way: 0,
        input: false,
        interrupts: 0,
        deadline: Instant::now() + Duration::from_secs(limits.boot),
        command: Duration::from_secs(limits.command),
        order: Some(order),
    };
    loop {
        let awake = conversation.sleep(&signals, &pidfd)?;
        if let Some(outcome) = conversation.listen()? {
            conversation.say(&Frame::Over)?;
            await_end(&pidfd);
            return outcome;
        }
        if awake.gone {
            return Err(Error::refused("run the machine", "", "it ended before the command did"));
        }
        if awake.signal {
            conversation.pass_on(&signals)?;
        }
        if awake.input {
            conversation.hand_in()?;
        }
        conversation.flush()?;
    }
}

impl Conversation {
    fn sleep(&self, signals: &SignalFd, pidfd: &OwnedFd) -> Result<Awake> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(self.time_is_up());
        }
        let stdin = io::stdin();
        let mut of_line = PollFlags::POLLIN;
        of_line.set(PollFlags::POLLOUT, self.sendable() > 0);
        // The command reads no faster than the line takes: so nothing piles up here.
        let reads = self.input && self.unsent.is_empty();
        let mut fds = vec![
            PollFd::new(self.line.as_fd(), of_line),
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(pidfd.as_fd(), PollFlags::POLLIN),
        ];
        if reads {
            fds.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
        }
        let patience = left.min(Duration::from_secs(60)) + Duration::from_millis(1);
        match poll(&mut fds, PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).doing("poll(2)", ""),
        }
        let woken_by = |index: usize| fds.get(index).is_some_and(|fd| fd.any().unwrap_or(false));
        Ok(Awake { signal: woken_by(1), gone: woken_by(2), input: woken_by(3) })
    }

    fn time_is_up(&self) -> Error {
        if self.order.is_some() {
            return Error::refused("boot the machine", "", "it does not answer");
        }
        let reason = format!("not within {} s: the machine was ended", self.command.as_secs());
        Error::refused("wait for the command", "", reason).advise("--timeout SECONDS").exits(TIME_IS_UP)
    }

    /// Reads all that there is. The command's end, if it was said.
    fn listen(&mut self) -> Result<Option<Result<u8>>> {
        let mut bytes = [0; 8192];
        loop {
            match self.line.read(&mut bytes) {
                Ok(0) => return Ok(None),
                Ok(length) => self.decoder.take(&bytes[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(error).doing("read from the machine's line", ""),
            }
            while let Some(frame) = self.decoder.next()? {
                match frame {
                    Frame::Ready => self.give_order()?,
                    Frame::Heard(count) => self.under_way = self.under_way.saturating_sub(count as usize),
                    Frame::Output(number, bytes) => hand_out(number, &bytes)?,
                    Frame::Ended(outcome) => return Ok(Some(outcome)),
                    other => {
                        let reason = format!("{other:?} comes from outside only");
                        return Err(Error::refused("read from the machine's line", "", reason));
                    }
                }
            }
        }
    }

    fn give_order(&mut self) -> Result<()> {
        let again = || Error::refused("read from the machine's line", "", "it has booted a second time");
        let order = self.order.take().ok_or_else(again)?;
        self.input = order.input;
        self.deadline = Instant::now() + self.command;
        self.say(&Frame::Order(Box::new(order)))
    }

    fn say(&mut self, frame: &Frame) -> Result<()> {
        self.unsent.extend(frame.encode()?);
        self.flush()
    }

    /// How much may be sent now.
    fn sendable(&self) -> usize {
        self.unsent.len().min(WINDOW.saturating_sub(self.under_way))
    }

    fn flush(&mut self) -> Result<()> {
        while self.sendable() > 0 {
            match self.line.write(&self.unsent[..self.sendable()]) {
                Ok(length) => {
                    self.unsent.drain(..length);
                    self.under_way += length;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The machine has ended; its keeper will tell.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => self.unsent.clear(),
                Err(error) => return Err(error).doing("write to the machine's line", ""),
            }
        }
        Ok(())
    }

    fn hand_in(&mut self) -> Result<()> {
        let mut bytes = [0; 4096];
        match nix::unistd::read(io::stdin(), &mut bytes).doing("read", "standard input")? {
            0 => {
                self.input = false;
                self.say(&Frame::InputEnds)
            }
            length => self.say(&Frame::Input(bytes[..length].to_vec())),
        }
    }

    /// The first interrupt is the command's; who sends a second one, or one before there is a command, means us.
    fn pass_on(&mut self, signals: &SignalFd) -> Result<()> {
        let Some(info) = signals.read_signal().doing("read", "signalfd")? else { return Ok(()) };
        let Ok(signal) = Signal::try_from(info.ssi_signo.cast_signed()) else { return Ok(()) };
        if matches!(signal, Signal::SIGINT | Signal::SIGTERM | Signal::SIGQUIT | Signal::SIGHUP) {
            self.interrupts += 1;
            if self.interrupts > 1 || self.order.is_some() {
                let status = 128 + u8::try_from(signal as i32).unwrap_or(0);
                return Err(Error::refused("run the machine", "", format!("{signal} ended it")).exits(status));
            }
        }
        self.say(&Frame::Signal(signal as i32))
    }
}

fn hand_out(number: u8, bytes: &[u8]) -> Result<()> {
    let written = if number == 1 {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes).and_then(|()| stdout.flush())
    } else {
        io::stderr().lock().write_all(bytes)
    };
    let which = if number == 1 { "standard output" } else { "standard error" };
    // 128 + SIGPIPE: as the command itself would have ended.
    written.doing("write to", which).map_err(|error| error.exits(141))
}

/// Gives the machine the time to switch itself off.
fn await_end(pidfd: &OwnedFd) {
    let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    let _ = poll(&mut fds, PollTimeout::try_from(FAREWELL).unwrap_or(PollTimeout::ZERO));
}

/// Ends whatever is left of the machine, and waits until nothing is. The error of a part that did not begin.
pub(super) fn end(keeper: Child) -> Result<()> {
    match kill(keeper.pid(), Signal::SIGTERM) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(errno) => return Err(errno).doing("kill(2)", "the keeper"),
    }
    keeper.wait().map(drop)
}

/// If the machine itself failed: the last lines of its console.
pub(super) fn tell_console(console: &File, error: &Error) {
    if error.status() != kit::error::FAILED {
        return;
    }
    let length = console.metadata().map_or(0, |file| file.len());
    let mut bytes = vec![0; usize::try_from(length.min(8192)).unwrap_or(0)];
    if console.read_exact_at(&mut bytes, length.saturating_sub(8192)).is_err() {
        return;
    }
    let text = String::from_utf8_lossy(&bytes);
    // The addresses of a kernel's stack would push its reason out of sight.
    let telling = |line: &&str| !line.is_empty() && !line.contains("[<") && !line.contains("Call Trace");
    let lines: Vec<_> = text.lines().map(str::trim_end).filter(telling).collect();
    for line in &lines[lines.len().saturating_sub(LINES)..] {
        let plain: String = line.chars().filter(|c| !c.is_control()).collect();
        term::note(format_args!("console: {plain}"));
    }
}
