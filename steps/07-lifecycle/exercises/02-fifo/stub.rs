//! Exercise 07.02: what a FIFO's open does.

use std::os::fd::BorrowedFd;
use std::path::Path;

use kit::{Result, todo};

/// What init says before it executes the program.
const EXECUTES: &str = "executes\n";

/// Lets init go on; comes back when the program has begun, or with what keeps it from that.
///
/// What you need: `File::options()`, with `custom_flags` of std::os::unix::fs::OpenOptionsExt for O_NONBLOCK; `poll`,
/// `PollFd` and `PollFlags` of nix::poll. `read_to_end` reads until end-of-file, or fails with `ErrorKind::WouldBlock`
/// (EAGAIN) and keeps what it has read so far. An error of your own is made by `kit::Error::refused`.
pub fn let_go(fifo: &Path, init: BorrowedFd<'_>) -> Result<()> {
    let _ = (fifo, init, EXECUTES);
    Err(todo("07.02"))
}
