//! The end of a container: everything that was written down is undone, and only then it is forgotten.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::store::{Container, Store};
use super::{Warn, cgroup, hook};
use crate::error::{Error, Kind, Result};
use crate::oci::state::Status;
use crate::sys::packet::wait_readable;

/// So long the kernel may take to end a process that is sent SIGKILL.
const PATIENCE: Duration = Duration::from_secs(10);

/// Removes a container whose process has ended; with `force` it is ended first, and it is no error if there is none of that
/// name. It returns when nothing is left: no process, no cgroup of ours, no directory.
///
/// Errors: [`Kind::NotFound`], [`Kind::Busy`]; what could not be removed is still written down then.
pub fn delete(store: &Store, id: &str, force: bool, warn: Warn<'_>) -> Result<()> {
    let container = match store.load_locked(id) {
        Ok(container) => container,
        Err(error) if error.kind() == Kind::NotFound => return delete_remains(store, id, force, error),
        Err(error) => return Err(error),
    };
    let status = container.status()?;
    if status != Status::Stopped {
        // A container that has not been started has nothing to lose, as other runtimes see it; all others do.
        if !force && status != Status::Created {
            let reason = format!("cannot delete container {id} that is not stopped: {}", status.name());
            return Err(Error::refused(Kind::Busy, "delete", id, reason));
        }
        end_init(&container)?;
    }
    let spec = container.spec().ok();
    let state = container.state_as(Status::Stopped);
    let bundle = container.record.bundle.clone();
    dismantle(container)?;
    if let Some(hooks) = spec.as_ref().and_then(|spec| spec.hooks.as_ref()) {
        let dir = if bundle.is_dir() { bundle.as_path() } else { std::path::Path::new("/") };
        // Each is run, and none of them keeps the container alive (runtime.md, `lifecycle`).
        for hook in &hooks.poststop {
            if let Err(error) = hook::run("poststop", std::slice::from_ref(hook), &state, dir) {
                warn(&error.to_string());
            }
        }
    }
    Ok(())
}

/// A directory without a state is what a creator has left that died at once; nothing else had been made by then.
fn delete_remains(store: &Store, id: &str, force: bool, missing: Error) -> Result<()> {
    match store.lock_directory(id) {
        Ok(_lock) => store.remove_empty(id),
        Err(error) if error.kind() == Kind::NotFound && force => Ok(()),
        Err(error) if error.kind() == Kind::NotFound => Err(missing),
        Err(error) => Err(error),
    }
}

/// Ends the first process, and waits until it has ended. Whoever made it takes its status.
fn end_init(container: &Container) -> Result<()> {
    let Some(init) = &container.record.init else { return Ok(()) };
    let Some(held) = init.hold()? else { return Ok(()) };
    match held.send(Signal::SIGKILL) {
        Err(error) if error.kind() == Kind::NotFound => return Ok(()),
        outcome => outcome?,
    }
    wait_readable(held.as_fd(), PATIENCE)
}

/// Removes what a container consists of, in reverse order, and forgets it.
pub(super) fn dismantle(container: Container) -> Result<()> {
    // Usually nobody is left in them, and one call for each will do.
    if !cgroup::remove_empty(&container.record.cgroups) {
        cgroup::kill(&container.record.cgroups)?;
        cgroup::remove(&container.record.cgroups)?;
    }
    container.forget()
}
