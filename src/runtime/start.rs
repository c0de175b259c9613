//! A container that waits is told to go on.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;

use super::store::{Container, START, STARTED, Store};
use super::{Warn, hook};
use crate::error::{Doing, Error, Kind, Result};
use crate::oci::state::Status;

/// Starts a container that was created. Errors: why its program was not executed; [`Kind::Invalid`] in any other state.
pub fn start(store: &Store, id: &str, warn: Warn<'_>) -> Result<()> {
    let container = store.load_locked(id)?;
    let reason = match container.status()? {
        Status::Created => return go_on(&container, warn),
        Status::Stopped => "cannot start a container that has stopped",
        Status::Running | Status::Paused => "cannot start an already running container",
        Status::Creating => "cannot start a container that is being created",
    };
    Err(Error::refused(Kind::Invalid, "start", id, reason))
}

fn go_on(container: &Container, warn: Warn<'_>) -> Result<()> {
    let (start, started) = (container.path(START), container.path(STARTED));
    // Nobody writes into the second yet, so only without waiting can it be opened; init has both open, if it lives.
    let open = |path, write: bool| {
        OpenOptions::new().write(write).read(!write).custom_flags(libc::O_NONBLOCK).open(path)
    };
    let mut outcome = open(&started, false).doing("open(2)", &started)?;
    let told = open(&start, true).and_then(|mut fifo| fifo.write_all(b"."));
    told.doing("tell init to go on through", &start)?;
    fs::remove_file(&start).doing("unlink(2)", &start)?;

    wait_for_end(&mut outcome, &started)?;
    if let Some(hooks) = container.spec()?.hooks {
        let state = container.state_as(Status::Running);
        // Each is run, and none of them keeps the container from running (runtime.md, `lifecycle`).
        for hook in &hooks.poststart {
            if let Err(error) =
                hook::run("poststart", std::slice::from_ref(hook), &state, &container.record.bundle)
            {
                warn(&error.to_string());
            }
        }
    }
    Ok(())
}

/// What init says until it lets go of the FIFO: nothing, when it has executed its program.
fn wait_for_end(fifo: &mut fs::File, path: &std::path::Path) -> Result<()> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};

    fcntl(&*fifo, FcntlArg::F_SETFL(OFlag::empty())).doing("fcntl(2) F_SETFL", path)?;
    let mut message = Vec::new();
    fifo.read_to_end(&mut message).doing("read(2)", path)?;
    if message.is_empty() { Ok(()) } else { Err(Error::decode(&message)?) }
}
