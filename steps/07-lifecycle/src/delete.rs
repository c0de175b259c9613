//! The end of a container: what was intended is undone, whether or not it came to be.
//!
//! A creator may have died anywhere. So nothing is asked of how far it came: each thing of the record is removed if it
//! is there. The record goes last; if *we* are killed, the next `delete` finds it and does the same again.

use std::fs;
use std::path::Path;
use std::time::Duration;

use kit::{Doing, Error, Result, term};
use nix::errno::Errno;
use serde_json::Value;

use crate::fifo::{FIFO, WAITING};
use crate::hooks::{Hooks, Moment};
use crate::record::{CONFIG, STATE};
use crate::store::Claim;
use crate::{Container, Status, Store, signals};

/// A killed process needs a moment.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends and removes all containers of a state directory whose owner is dead.
pub fn bury(dir: &Path) -> Result<()> {
    let store = Store::open(Some(dir))?;
    store.ids()?.iter().try_for_each(|id| {
        let container = store.container(id)?;
        container.undo(&Claim::of(container.dir())?)
    })
}

impl Container {
    // ANCHOR: undo
    /// Ends the container's processes and removes all of it; returns only when it has seen that nothing is left.
    pub fn undo(&self, _claim: &Claim) -> Result<()> {
        if let Some(init) = &self.record.init
            && let Ok(process) = init.hold()
        {
            signals::end(&process)?;
            if !process.ended_within(PATIENCE)? {
                return Err(self.still("its process does not end"));
            }
        }
        self.record.cgroup.remove()?;
        if let Some(group) = self.record.cgroup.left().first() {
            return Err(self.still(&format!("{} is still there", group.display())));
        }
        let hooks = self.config()?.map_or_else(|| Ok(Hooks::default()), |document| Hooks::of(&document));
        let state = self.state(Status::Stopped);
        self.remove_files()?;
        match hooks {
            Ok(hooks) => hooks.run_all(Moment::Poststop, &state),
            // What was kept was valid once; the container is gone all the same.
            Err(error) => term::warn(&error),
        }
        Ok(())
    }
    // ANCHOR_END: undo

    /// The configuration that was kept, if `create` came so far.
    pub fn config(&self) -> Result<Option<Value>> {
        let path = self.dir().join(CONFIG);
        match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text)
                .map(Some)
                .map_err(|error| Error::refused("read the kept configuration", path.display(), error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).doing("read the kept configuration", &path),
        }
    }

    /// One by one, and nothing that is not ours: a stranger's file in the directory is an error of rmdir(2).
    fn remove_files(&self) -> Result<()> {
        let config = Path::new(CONFIG).with_extension("new");
        let state = Path::new(STATE).with_extension("new");
        let names =
            [Path::new(FIFO), Path::new(WAITING), &config, &state, Path::new(CONFIG), Path::new(STATE)];
        for path in names.map(|name| self.dir().join(name)) {
            match fs::remove_file(&path) {
                Err(error) if error.raw_os_error() == Some(Errno::ENOENT as i32) => {}
                outcome => outcome.doing("unlink(2)", &path)?,
            }
        }
        fs::remove_dir(self.dir()).doing("rmdir(2)", self.dir())
    }

    fn still(&self, reason: &str) -> Error {
        Error::refused("delete", &self.record.id, reason)
    }
}
