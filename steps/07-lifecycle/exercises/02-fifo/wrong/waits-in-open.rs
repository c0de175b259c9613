// hint: waits-for-the-dead
//! Open the other end, and read what comes.

use std::fs;
use std::os::fd::BorrowedFd;
use std::path::Path;

use kit::{Doing, Error, Result};

const EXECUTES: &str = "executes\n";

pub fn let_go(fifo: &Path, _init: BorrowedFd<'_>) -> Result<()> {
    let said = fs::read_to_string(fifo).doing("read", fifo)?;
    if said == EXECUTES { Ok(()) } else { Err(Error::refused("start the program", "", said)) }
}
