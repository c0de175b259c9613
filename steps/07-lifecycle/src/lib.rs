//! Lesson 07: the life of a container, in small commands.
//!
//! Until here a container lived inside one command. Engines want more: to make a container and look at it before its
//! program begins, to signal it, to enter it, to ask after it from another process, and to be rid of it whatever has
//! died meanwhile. So the specification (runtime.md) has a container go through four states, and a command for each
//! way from one to the next. The commands share nothing but a directory ([`store`]):
//!
//! ```text
//! create          start           the program ends      delete
//! ──────▶ creating ──▶ created ──▶ running ──▶ stopped ──▶ nothing is left
//! ```
//!
//! What is on disk is intent ([`record`]): what this container is going to make, written *before* it is made, so that
//! whoever comes later can undo it. What state it is in is not on disk. It is asked of the kernel each time: does the
//! process live, and does it still hold the lock that execve(2) takes from it? So no file can be wrong about it.
//!
//! - [`store`], [`record`]: the directory, its lock, what is written there
//! - [`protocol`]: what `create` and init say to each other; [`fifo`]: how init waits for `start`
//! - [`process`]: a pid and a start time, for a pid alone is reused; [`signals`]: by pidfd
//! - [`hooks`]: other people's programs at six moments; [`cgroup`]: a group that outlives its maker
//! - [`terminal`], [`console`], [`relay`], [`holder`]: a pseudo-terminal by hand, and who holds its other end
//! - [`join`]: the way in, for `exec`; [`clone_binary`]: and why nobody inside reaches the program that goes it

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use kit::{Error, Result};
use nix::errno::Errno;
use serde_json::{Value, json};

pub mod cgroup;
pub mod clone_binary;
pub mod console;
pub mod delete;
pub mod fifo;
pub mod holder;
pub mod hooks;
pub mod join;
pub mod plan;
pub mod process;
pub mod protocol;
pub mod record;
pub mod relay;
pub mod signals;
pub mod spec;
pub mod store;
pub mod terminal;
pub mod typing;

pub use plan::Plan;
pub use record::Record;
pub use store::Store;

/// The version of the specification that states are told in.
pub const OCI_VERSION: &str = "1.2.0";

// ANCHOR: status
/// Where a container is in its life (runtime.md, "State").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// `create` is at work.
    Creating,
    /// All is there but the program; init waits for `start`.
    Created,
    /// The program runs.
    Running,
    /// It has ended, or `create` died before there was one.
    Stopped,
}

/// What is asked of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Let the program begin.
    Start,
    /// Send a signal.
    Kill,
    /// Run one more program in it.
    Exec,
    /// Remove what is left of it.
    Delete,
}

impl Status {
    /// Whether the specification lets it be done now.
    pub fn allows(self, operation: Operation) -> bool {
        match operation {
            Operation::Start => self == Self::Created,
            Operation::Kill => matches!(self, Self::Created | Self::Running),
            Operation::Exec => self == Self::Running,
            Operation::Delete => self == Self::Stopped,
        }
    }
}
// ANCHOR_END: status

/// A container: its directory, and what is written there.
#[derive(Debug)]
pub struct Container {
    dir: PathBuf,
    /// The intent.
    pub record: Record,
}

impl Container {
    /// Its directory in the store.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    // ANCHOR: ask
    /// Asks the kernel.
    pub fn status(&self) -> Result<Status> {
        let lives = self.record.init.as_ref().is_some_and(process::Process::lives);
        Ok(match (lives, self.record.created) {
            (false, false) if store::is_locked(&self.dir)? => Status::Creating,
            (true, false) => Status::Creating,
            (false, _) => Status::Stopped,
            // execve(2) closes the descriptor, and with it goes the lock.
            (true, true) if store::is_locked(&self.dir.join(fifo::WAITING))? => Status::Created,
            (true, true) => Status::Running,
        })
    }
    // ANCHOR_END: ask

    /// Holds its first process. ESRCH if it has ended.
    pub fn process(&self) -> Result<process::Held> {
        let init = self.record.init.as_ref();
        init.ok_or_else(|| Error::call("find the process of", &self.record.id, Errno::ESRCH))?.hold()
    }

    /// Refuses what the container's state does not allow.
    pub fn require(&self, operation: Operation) -> Result<()> {
        let status = self.status()?;
        if status.allows(operation) {
            return Ok(());
        }
        let error = Error::refused(operation, &self.record.id, format!("it is {status}"));
        Err(match (operation, status) {
            (Operation::Delete, _) => error.advise("end it first, or delete --force"),
            (Operation::Exec, Status::Created) => error.advise("start it first"),
            _ => error,
        })
    }

    /// The state as the specification has it, for `state` and for hooks.
    pub fn state(&self, status: Status) -> Value {
        let pid = self.record.init.as_ref().filter(|_| status != Status::Stopped);
        let mut state = json!({
            "ociVersion": OCI_VERSION,
            "id": self.record.id,
            "status": status.to_string(),
            "pid": pid.map_or(0, |process| process.pid),
            "bundle": self.record.bundle,
        });
        if !self.record.annotations.is_empty() {
            state["annotations"] = json!(self.record.annotations);
        }
        state
    }
}

impl Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Stopped => "stopped",
        })
    }
}

impl Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Kill => "kill",
            Self::Exec => "exec",
            Self::Delete => "delete",
        })
    }
}
