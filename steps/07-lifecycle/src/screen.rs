//! `console`: a person before a container's terminal, who may leave and come back.

use std::fs;
use std::path::Path;

use kit::{Doing, Result, term};
use step_07::holder;
use step_07::relay::{Ended, Relay};

pub(crate) fn sit_at(socket: &Path) -> Result<()> {
    let (listener, master) = holder::come(socket)?;
    let ended = Relay { master: &master, program: None, detachable: true }.run()?;
    if ended == Ended::Closed {
        return fs::remove_file(socket).doing("unlink(2)", socket);
    }
    term::note(format_args!("left; step-07 console {} comes back", socket.display()));
    holder::leave(socket, &listener, &master)
}
