//! A container from its making to its end, in one go.

use std::path::Path;

use super::create::{self, Made, Request};
use super::foreground::{self, Console, Signals};
use super::store::Store;
use super::{Warn, delete, hook};
use crate::error::Result;
use crate::oci::state::Status;

/// How `run` leaves the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ways {
    /// It goes on by itself.
    pub detach: bool,
    /// It is not deleted when it has ended.
    pub keep: bool,
}

/// Makes a container, starts it, waits for its end and removes it. The status is that of its process.
///
/// Errors: those of making it, and why its program was not executed; nothing is left then.
pub fn run(store: &Store, request: &Request, ways: Ways, warn: Warn<'_>) -> Result<u8> {
    let terminal = request.bundle.spec.process.as_ref().is_some_and(|process| process.terminal);
    let mut own = if terminal && !ways.detach && request.console_socket.is_none() {
        Some(Console::new()?)
    } else {
        None
    };
    let console = match (&request.console_socket, &mut own) {
        (Some(path), _) => Some(super::console::connect(path)?),
        (None, Some(own)) => own.theirs.take(),
        (None, None) => None,
    };
    let signals = if ways.detach { None } else { Some(Signals::take()?) };
    let made = create::make(store, request, console, false, warn)?;
    if let Err(error) = made.end.executed() {
        create::undo(made.container, Some(made.child), warn);
        return Err(error);
    }
    poststart(&made, request, warn);
    let Some(signals) = signals else { return Ok(0) };
    let shown = own.map(|own| own.receive()).transpose()?;
    let end = foreground::attend(&made.child.pidfd, &signals, shown)?;
    // Others may delete it meanwhile: the lock was ours only as long as it was being made.
    let Made { container, .. } = made;
    if !ways.keep {
        let id = container.record.id.clone();
        drop(container);
        delete::delete(store, &id, true, warn)?;
    }
    Ok(end.exit_status())
}

fn poststart(made: &Made, request: &Request, warn: Warn<'_>) {
    let Some(hooks) = &request.bundle.spec.hooks else { return };
    let state = made.container.state_as(Status::Running);
    let dir: &Path = &request.bundle.dir;
    for hook in &hooks.poststart {
        if let Err(error) = hook::run("poststart", std::slice::from_ref(hook), &state, dir) {
            warn(&error.to_string());
        }
    }
}
