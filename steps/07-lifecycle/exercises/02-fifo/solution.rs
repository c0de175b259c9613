//! Exercise 07.02: what a FIFO's open does.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use kit::{Doing, Error, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// What init says before it executes the program.
const EXECUTES: &str = "executes\n";

/// Lets init go on; comes back when the program has begun, or with what keeps it from that.
pub fn let_go(fifo: &Path, init: BorrowedFd<'_>) -> Result<()> {
    // Without waiting for a writer, who may be dead.
    let opened = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(fifo);
    let mut line = opened.doing("open(2)", fifo)?;
    let mut said = Vec::new();
    loop {
        let mut fds = [line.as_fd(), init].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        poll(&mut fds, PollTimeout::NONE).doing("poll(2)", fifo)?;
        let [spoke, ended] = fds.map(|fd| fd.any().unwrap_or(false));
        let at_end = match line.read_to_end(&mut said) {
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => return Err(error).doing("read", fifo),
        };
        // An end before anybody came is none; poll(2) has said nothing of the FIFO then.
        if ended || (spoke && at_end) {
            break;
        }
    }
    match String::from_utf8_lossy(&said).trim_end() {
        text if text == EXECUTES.trim_end() => Ok(()),
        "" => Err(Error::refused("start the program", "", "init has ended before it executed it")),
        why => Err(Error::refused("start the program", "", why)),
    }
}
