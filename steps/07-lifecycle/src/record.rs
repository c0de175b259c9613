//! What is written down about a container: what it is going to make, before it makes it.
//!
//! A file is written under another name and then renamed, which the kernel does at once or not at all: a reader
//! finds the old text or the new one. It is not forced to the disk, for nothing of it outlives the machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kit::{Doing, Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Container;
use crate::cgroup::Groups;
use crate::process::Process;

/// The file of the record.
pub const STATE: &str = "state.json";
/// The bundle's configuration as it was at `create`: what is changed in the bundle later has no effect (runtime.md).
pub const CONFIG: &str = "config.json";

// ANCHOR: record
/// What undoes a container, and what tells of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its name.
    pub id: String,
    /// Where its configuration came from.
    pub bundle: PathBuf,
    /// For others to read.
    pub annotations: BTreeMap<String, String>,
    /// The control groups that it makes. Only those may be removed, and whoever is in them killed.
    pub cgroup: Groups,
    /// Its first process, once there is one.
    pub init: Option<Process>,
    /// Whether `create` came to its end.
    pub created: bool,
}
// ANCHOR_END: record

impl Record {
    /// A directory without a record was left by a creator that died at once: nothing was made.
    pub(crate) fn read(dir: &Path, id: &str) -> Result<Self> {
        let path = dir.join(STATE);
        match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text)
                .map_err(|error| Error::refused("read the container's record", path.display(), error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Self { id: id.to_owned(), ..Self::default() })
            }
            Err(error) => Err(error).doing("read the container's record", &path),
        }
    }
}

impl Container {
    /// Writes the record, all of it or nothing.
    pub fn write(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.record);
        let text =
            text.map_err(|error| Error::refused("write the container's record", &self.record.id, error))?;
        write_at_once(&self.dir().join(STATE), &text)
    }

    /// Keeps the configuration.
    pub fn keep_config(&self, document: &Value) -> Result<()> {
        write_at_once(&self.dir().join(CONFIG), &document.to_string())
    }
}

// ANCHOR: write_at_once
fn write_at_once(path: &Path, text: &str) -> Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, text).doing("write", &new)?;
    fs::rename(&new, path).doing("rename(2)", path)
}
// ANCHOR_END: write_at_once
