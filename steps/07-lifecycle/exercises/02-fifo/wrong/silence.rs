// hint: silence
//! Wait until init is there, then read.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use kit::{Doing, Error, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

const EXECUTES: &str = "executes\n";

pub fn let_go(fifo: &Path, init: BorrowedFd<'_>) -> Result<()> {
    let opened = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(fifo);
    let mut line = opened.doing("open(2)", fifo)?;
    let mut said = Vec::new();
    loop {
        let mut ended = [PollFd::new(init.as_fd(), PollFlags::POLLIN)];
        poll(&mut ended, PollTimeout::ZERO).doing("poll(2)", fifo)?;
        let ended = ended[0].any().unwrap_or(false);
        // Zero bytes: it is not there yet.
        let count = line.read_to_end(&mut said).doing("read", fifo)?;
        if count > 0 || ended {
            break;
        }
        sleep(Duration::from_millis(1));
    }
    if said == EXECUTES.as_bytes() {
        return Ok(());
    }
    Err(Error::refused("start the program", "", String::from_utf8_lossy(&said)))
}
