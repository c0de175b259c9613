//! The command: started, fed, listened to, and waited for, as are the orphans that fall to the first process.

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{
    Gid, Uid, chdir, dup2_stderr, dup2_stdin, dup2_stdout, pipe2, setgroups, setresgid, setresuid, setsid,
};
use step_00::supervise::exit_status;
use step_00::{Child, Program, exec, spawn};

use super::super::frame::Frame;
use super::super::order::Order;
use super::{Line, group};

/// So many bytes does a pipe hold (pipe(7)).
const PIPE: usize = 1 << 16;

/// The command while it runs.
struct Served {
    child: Child,
    /// Its standard output and error; gone when nobody can write there any more.
    outputs: [Option<File>; 2],
    /// Its standard input, and what it has not taken yet.
    input: Option<File>,
    unread: Vec<u8>,
    /// Whether nothing will be added to that.
    complete: bool,
}

/// Runs the command of the order.
pub(super) fn command(line: &mut Line, order: &Order) -> Result<u8> {
    let children: SigSet = [Signal::SIGCHLD].into_iter().collect();
    children.thread_block().doing("sigprocmask(2)", "")?;
    let signals = SignalFd::with_flags(&children, SfdFlags::SFD_CLOEXEC).doing("signalfd(2)", "")?;
    let mut served = start(order)?;
    loop {
        // Input may have come together with the order.
        while let Some(frame) = line.decoder.next()? {
            served.take(frame)?;
        }
        served.feed()?;
        let (heard, ended) = served.sleep(line, &signals)?;
        if heard {
            line.read_once()?;
        }
        served.tell(line)?;
        if ended {
            signals.read_signal().doing("read", "signalfd")?;
            if let Some(status) = reap(&served.child)? {
                // What it wrote before it ended is in the pipes now.
                served.tell(line)?;
                return served.child.error().map_or(Ok(status), Err);
            }
        }
    }
}

fn start(order: &Order) -> Result<Served> {
    let program = Program::new(&order.argv)?.env(&entries(&order.env))?;
    let (input, feed) = pipe()?;
    let (output, said) = pipe()?;
    let (errors, complained) = pipe()?;
    let ends = [input, said, complained];
    let child = spawn(|| become_command(order, &program, &ends))?;
    for fd in [&feed, &output, &errors] {
        fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).doing("fcntl(2) O_NONBLOCK", "a pipe")?;
    }
    let input = order.input.then(|| File::from(feed));
    let outputs = [output, errors].map(|fd| Some(File::from(fd)));
    Ok(Served { child, outputs, input, unread: vec![], complete: false })
}

fn entries(env: &[(OsString, OsString)]) -> Vec<OsString> {
    let entry = |(name, value): &(OsString, OsString)| [name, OsStr::new("="), value].into_iter().collect();
    env.iter().map(entry).collect()
}

fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    pipe2(OFlag::O_CLOEXEC).doing("pipe2(2)", "")
}

fn become_command(order: &Order, program: &Program, ends: &[OwnedFd; 3]) -> Result<Infallible> {
    setsid().doing("setsid(2)", "")?;
    SigSet::empty().thread_set_mask().doing("sigprocmask(2)", "")?;
    let [input, output, errors] = ends;
    dup2_stdin(input).doing("dup2(2)", "standard input")?;
    dup2_stdout(output).doing("dup2(2)", "standard output")?;
    dup2_stderr(errors).doing("dup2(2)", "standard error")?;
    umask(Mode::from_bits_truncate(order.umask));
    let user = order.user.as_ref().map(|user| (Uid::from_raw(user.uid), Gid::from_raw(user.gid)));
    if let Some((uid, gid)) = user {
        group::enter_session()?;
        setgroups(&[gid]).doing("setgroups(2)", "")?;
        setresgid(gid, gid, gid).doing("setresgid(2)", gid.to_string().as_str())?;
        setresuid(uid, uid, uid).doing("setresuid(2)", uid.to_string().as_str())?;
    }
    chdir(Path::new(&order.cwd)).doing("chdir(2)", Path::new(&order.cwd))?;
    exec(program)
}

impl Served {
    /// Waits until there is something to do. Whether the line was heard, and whether a process ended.
    fn sleep(&self, line: &Line, signals: &SignalFd) -> Result<(bool, bool)> {
        let mut fds = vec![
            PollFd::new(line.file.as_fd(), PollFlags::POLLIN),
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
        ];
        fds.extend(self.outputs.iter().flatten().map(|file| PollFd::new(file.as_fd(), PollFlags::POLLIN)));
        if let Some(input) = self.input.as_ref().filter(|_| !self.unread.is_empty()) {
            fds.push(PollFd::new(input.as_fd(), PollFlags::POLLOUT));
        }
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).doing("poll(2)", ""),
        }
        let ready = |index: usize| fds.get(index).is_some_and(|fd| fd.any().unwrap_or(false));
        Ok((ready(0), ready(1)))
    }

    fn take(&mut self, frame: Frame) -> Result<()> {
        match frame {
            Frame::Input(bytes) => self.unread.extend(bytes),
            Frame::InputEnds => self.complete = true,
            Frame::Signal(number) => {
                let signal =
                    Signal::try_from(number).doing("send to the command", number.to_string().as_str())?;
                // As a terminal does it: to the whole group. It may have ended just now.
                let _ = killpg(self.child.pid(), signal);
            }
            other => {
                let reason = format!("{other:?} is not expected while the command runs");
                return Err(Error::refused("read from the host's line", "", reason));
            }
        }
        Ok(())
    }

    /// Gives the command as much as it takes.
    fn feed(&mut self) -> Result<()> {
        use std::io::Write;

        let Some(input) = &mut self.input else { return Ok(()) };
        while !self.unread.is_empty() {
            match input.write(&self.unread) {
                Ok(length) => drop(self.unread.drain(..length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // It reads no more.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                    self.unread.clear();
                    self.complete = true;
                }
                Err(error) => return Err(error).doing("write to", "the command's standard input"),
            }
        }
        if self.complete {
            self.input = None;
        }
        Ok(())
    }

    /// Tells the host what was written so far: what the pipes hold, not what a busy writer adds meanwhile.
    fn tell(&mut self, line: &mut Line) -> Result<()> {
        let mut bytes = [0; 4096];
        for (number, output) in [1, 2].into_iter().zip(&mut self.outputs) {
            for _ in 0..PIPE / bytes.len() {
                let Some(file) = output else { break };
                match file.read(&mut bytes) {
                    Ok(0) => *output = None,
                    Ok(length) => line.say(&Frame::Output(number, bytes[..length].to_vec()))?,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error).doing("read from", "the command's output"),
                }
            }
        }
        Ok(())
    }
}

/// Collects whoever has ended. The exit status of the command, if it has.
fn reap(command: &Child) -> Result<Option<u8>> {
    let mut ended = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(ended),
            Ok(status) if status.pid() == Some(command.pid()) => ended = Some(exit_status(status)),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).doing("waitpid(2)", "-1"),
        }
    }
}
