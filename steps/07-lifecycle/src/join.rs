//! The way into a container that runs, for one more program.
//!
//! Lesson 02 went in by a pid. Here the process is held first: if it has ended while we went in, its number may have
//! been somebody else's by then, and we are in the wrong place.

use std::time::Duration;

use kit::{Doing, Error, Result};
use nix::sys::prctl;
use nix::unistd::Pid;
use step_02::join;

use crate::process::{Held, Process};

// ANCHOR: enter
/// Enters the namespaces and the root of the container's process. Children that are made afterwards live in there.
///
/// From here on our own memory and descriptors are within reach of who is root inside: ptrace(2) and /proc/PID/mem ask
/// the user namespace that we are in now. A process that is not dumpable is out of their reach (prctl(2)); execve(2)
/// makes it dumpable again, as the container's program.
pub fn enter(process: &Process, held: &Held) -> Result<()> {
    prctl::set_dumpable(false).doing("prctl(2) PR_SET_DUMPABLE", "0")?;
    join::enter(Pid::from_raw(process.pid))?;
    if held.ended_within(Duration::ZERO)? {
        return Err(Error::refused("enter the container", "", "its process has ended meanwhile"));
    }
    Ok(())
}
// ANCHOR_END: enter
