//! Exercise 07.01: which state, and what may be asked in it.

use kit::{Result, todo};
use step_07::{Operation, Status};

/// What can be seen of a container.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Somebody holds the lock on its directory.
    pub claimed: bool,
    /// The record says that `create` has come to its end.
    pub recorded: bool,
    /// What is found under the record's pid.
    pub process: Process,
    /// Somebody holds the lock that execve(2) drops.
    pub waits: bool,
}

/// What is found under the pid and the start time of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// The record has none yet.
    Unborn,
    /// It, and it has not ended.
    Lives,
    /// It, and it has ended; its parent has not waited.
    Zombie,
    /// Nobody.
    Gone,
    /// A process that began at another time.
    Another,
}

/// In which state it is.
pub fn state(seen: Seen) -> Result<Status> {
    let _ = (seen.claimed, seen.recorded, seen.process, seen.waits);
    Err(todo("07.01"))
}

/// Whether it is to be done in this state.
pub fn allows(status: Status, operation: Operation) -> Result<bool> {
    let _ = (status, operation);
    Err(todo("07.01"))
}
