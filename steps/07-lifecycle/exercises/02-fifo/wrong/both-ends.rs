// hint: waits-for-the-dead
//! Opened for both, a FIFO's open does not wait.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::BorrowedFd;
use std::path::Path;

use kit::{Doing, Error, Result};

const EXECUTES: &str = "executes\n";

pub fn let_go(fifo: &Path, _init: BorrowedFd<'_>) -> Result<()> {
    let line = File::options().read(true).write(true).open(fifo).doing("open(2)", fifo)?;
    let mut said = String::new();
    BufReader::new(line).read_line(&mut said).doing("read", fifo)?;
    if said == EXECUTES { Ok(()) } else { Err(Error::refused("start the program", "", said)) }
}
