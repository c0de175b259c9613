//! Lesson 05: a container described by config.json.
//!
//! What lessons 01 to 04 hard-coded becomes data: the runtime specification of the Open Container Initiative
//! names a *bundle*, a directory with a root file system and a `config.json` (bundle.md, config.md). Whoever
//! writes such a file, Docker or a person, need not know who runs it.
//!
//! Three steps, each of which ends before the next begins: the file is read ([`strict`]), every field is
//! checked and named if it is wrong ([`config`], through [`field`]), and only then is anything done
//! ([`mount_all`], and the functions of the lessons before).
//!
//! A field that this lesson does not know how to apply is never ignored in silence: [`unapplied`] lists it,
//! with the lesson that will.

use std::path::{Path, PathBuf};

use kit::{Doing, Error, Result, term};
use serde_json::Value;

pub mod config;
pub mod field;
pub mod mount;
mod mount_all;
mod namespaces;
pub mod process;
mod resources;
pub mod spec;
pub mod strict;
pub mod unapplied;

pub use config::Config;
use field::{Field, Read};
pub use mount_all::mount_all;
pub use unapplied::Unapplied;

/// A bundle that was read and found valid.
#[derive(Debug)]
pub struct Bundle {
    /// Its directory, absolute: paths in the configuration are relative to it.
    pub dir: PathBuf,
    /// The root file system, absolute.
    pub root: PathBuf,
    /// What to do.
    pub config: Config,
    /// What the configuration asks for and this lesson does not do.
    pub unapplied: Vec<Unapplied>,
}

impl Bundle {
    /// Reads the bundle in a directory. Errors name the file or the field.
    pub fn load(dir: &Path) -> Result<Self> {
        let dir = dir.canonicalize().doing("find the bundle", dir)?;
        let path = dir.join("config.json");
        let document = strict::read(&path).map_err(|error| match error.errno() {
            Some(nix::errno::Errno::ENOENT) => {
                error.advise("a bundle holds a config.json: runc spec writes one")
            }
            _ => error,
        })?;
        Self::from_document(&dir, &document)
    }

    /// A bundle whose configuration is at hand already.
    pub fn from_document(dir: &Path, document: &Value) -> Result<Self> {
        let read = Read::default();
        let whole = Field::root(document, &read);
        let config = Config::from_field(&whole)?;
        let unapplied = unapplied::list(&whole)?;
        let root = dir.join(&config.root);
        let root = root.canonicalize().doing("find the root file system (root.path)", &root)?;
        if !root.is_dir() {
            return Err(Error::refused(
                "config.json",
                "root.path",
                format!("{} is no directory", root.display()),
            ));
        }
        Ok(Self { dir: dir.to_owned(), root, config, unapplied })
    }

    /// Says what is not applied.
    pub fn tell_unapplied(&self) {
        for field in &self.unapplied {
            term::note(format_args!("not applied: {} ({})", field.path, field.by));
        }
    }

    /// Refuses what would not be applied, for who wants all or nothing.
    pub fn strictly(self) -> Result<Self> {
        match self.unapplied.first() {
            None => Ok(self),
            Some(first) => {
                let count = self.unapplied.len();
                let reason = format!("would not be applied ({}); {count} such fields in all", first.by);
                Err(Error::refused("config.json", &first.path, reason)
                    .advise("leave out --strict to run without"))
            }
        }
    }
}
