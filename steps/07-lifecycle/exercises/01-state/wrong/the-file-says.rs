// hint: written
//! The record is the state, and the rest is detail.

use kit::Result;
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
    Ok(match (seen.recorded, seen.process) {
        (false, Process::Unborn | Process::Gone) if !seen.claimed => Status::Stopped,
        (false, _) => Status::Creating,
        (true, _) if seen.waits => Status::Created,
        (true, _) => Status::Running,
    })
}

/// Whether it is to be done in this state.
pub fn allows(status: Status, operation: Operation) -> Result<bool> {
    Ok(match operation {
        Operation::Start => status == Status::Created,
        Operation::Kill => status == Status::Created || status == Status::Running,
        Operation::Exec => status == Status::Running,
        Operation::Delete => status == Status::Stopped,
    })
}
