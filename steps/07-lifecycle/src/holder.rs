//! Who holds a terminal's master while nobody sits before it.
//!
//! When the last descriptor of a master is closed, the line is hung up and the program at it gets SIGHUP. So a person
//! who leaves leaves a holder behind, a process that reads what the program writes, for else it would stop when the
//! line is full, and that hands the master to the next who comes by the same socket.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use kit::{Doing, Result};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{ForkResult, dup2_stderr, dup2_stdin, dup2_stdout, fork, setsid};
use step_00::birth;

use crate::console;

/// Comes to a terminal: to one that is held at this socket, else to the first that is sent there. Errors name bind(2):
/// EADDRINUSE if the path is taken.
pub fn come(path: &Path) -> Result<(UnixListener, OwnedFd)> {
    let held = match UnixStream::connect(path) {
        Ok(holder) => Some(console::receive(&holder)?),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            // Whoever listened was killed.
            fs::remove_file(path).doing("unlink(2)", path)?;
            None
        }
        Err(_) => None,
    };
    let listener = UnixListener::bind(path).doing("bind(2)", path)?;
    let master = match held {
        Some(master) => master,
        None => console::receive(&listener.accept().doing("accept(2)", path)?.0)?,
    };
    Ok((listener, master))
}

// ANCHOR: leave
/// Leaves a holder behind, which outlives us and our terminal.
pub fn leave(path: &Path, listener: &UnixListener, master: &OwnedFd) -> Result<()> {
    // SAFETY: this process has one thread, so the copy is whole.
    #[allow(unsafe_code)]
    let forked = unsafe { fork() }.doing("fork(2)", "")?;
    if let ForkResult::Parent { .. } = forked {
        return Ok(());
    }
    let held = apart().and_then(|()| hold(path, listener, master));
    birth::end(u8::from(held.is_err()))
}
// ANCHOR_END: leave

/// Without our session and our terminal.
fn apart() -> Result<()> {
    setsid().doing("setsid(2)", "")?;
    let null = File::options().read(true).write(true).open("/dev/null").doing("open(2)", "/dev/null")?;
    dup2_stdin(&null)
        .and_then(|()| dup2_stdout(&null))
        .and_then(|()| dup2_stderr(&null))
        .doing("dup2(2)", "/dev/null")
}

fn hold(path: &Path, listener: &UnixListener, master: &OwnedFd) -> Result<()> {
    let mut line: File = master.try_clone().doing("dup(2)", "the terminal")?.into();
    fcntl(&line, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).doing("fcntl(2) O_NONBLOCK", "the terminal")?;
    loop {
        let mut fds = [line.as_fd(), listener.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match poll(&mut fds, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            outcome => outcome.doing("poll(2)", "")?,
        };
        if fds[1].any().unwrap_or(false) {
            let (next, _) = listener.accept().doing("accept(2)", path)?;
            // Before it is sent: who has it listens there in our place.
            fs::remove_file(path).doing("unlink(2)", path)?;
            return console::send(&next, master);
        }
        match line.read(&mut [0; 4096]) {
            Ok(1..) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            // Hung up: there is nothing to hold.
            _ => return fs::remove_file(path).doing("unlink(2)", path),
        }
    }
}
