// hint: too-early
//! Open without waiting, and read to the end.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use kit::{Doing, Error, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

const EXECUTES: &str = "executes\n";

pub fn let_go(fifo: &Path, _init: BorrowedFd<'_>) -> Result<()> {
    let opened = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(fifo);
    let mut line = opened.doing("open(2)", fifo)?;
    let mut said = Vec::new();
    while let Err(error) = line.read_to_end(&mut said) {
        if error.kind() != ErrorKind::WouldBlock {
            return Err(error).doing("read", fifo);
        }
        let mut fds = [PollFd::new(line.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::NONE).doing("poll(2)", fifo)?;
    }
    if said == EXECUTES.as_bytes() {
        return Ok(());
    }
    Err(Error::refused("start the program", "", String::from_utf8_lossy(&said)))
}
