// hint: alive
//! What does not run can be deleted.

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
    // A zombie has a pid, and somebody else may have it by now: neither runs anything of the container.
    let lives = seen.process == Process::Lives;
    Ok(match (lives, seen.recorded) {
        (true, false) => Status::Creating,
        (true, true) if seen.waits => Status::Created,
        (true, true) => Status::Running,
        // Nobody is born yet, but somebody is at work on it.
        (false, false) if seen.claimed => Status::Creating,
        (false, _) => Status::Stopped,
    })
}

/// Whether it is to be done in this state.
pub fn allows(status: Status, operation: Operation) -> Result<bool> {
    Ok(match operation {
        Operation::Start => status == Status::Created,
        Operation::Kill => status == Status::Created || status == Status::Running,
        Operation::Exec => status == Status::Running,
        Operation::Delete => status == Status::Stopped || status == Status::Created,
    })
}
