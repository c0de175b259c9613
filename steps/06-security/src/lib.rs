//! Lesson 06: root with less than root's power.

use std::path::{Path, PathBuf};

use kit::{Doing, Result};
use serde_json::Value;
use step_05::field::{Field, Read};
use step_05::process::Process;
use step_05::{Bundle, Unapplied, strict};

pub mod attach;
pub mod capabilities;
mod mount_all;
pub mod paths;
pub mod resolve;
pub mod spec;

use capabilities::Sets;
pub use mount_all::mount_all;
use resolve::Root;

/// What a configuration takes away.
#[derive(Debug, Clone)]
pub struct Confinement {
    /// `process.capabilities`.
    pub capabilities: Sets,
    /// `process.noNewPrivileges`.
    pub no_new_privileges: bool,
    /// `linux.maskedPaths`.
    pub masked: Vec<PathBuf>,
    /// `linux.readonlyPaths`.
    pub read_only: Vec<PathBuf>,
}

/// Reads a bundle: what lesson 05 applies of it, and what this one does.
pub fn load(dir: &Path) -> Result<(Bundle, Confinement)> {
    let dir = dir.canonicalize().doing("find the bundle", dir)?;
    let path = dir.join("config.json");
    // Once, and not once by each lesson: between two readings the file could become another.
    let document = strict::read(&path).map_err(|error| match error.errno() {
        Some(nix::errno::Errno::ENOENT) => {
            error.advise("a bundle holds a config.json: step-06 spec writes one")
        }
        _ => error,
    })?;
    from_document(&dir, &document)
}

/// The same, of a configuration that is at hand already.
pub fn from_document(dir: &Path, document: &Value) -> Result<(Bundle, Confinement)> {
    let mut bundle = Bundle::from_document(dir, document)?;
    let read = Read::default();
    let whole = Field::root(document, &read);
    let confinement = Confinement::from_field(&whole)?;
    bundle.unapplied = still_unapplied(&bundle.unapplied, &whole.unread());
    Ok((bundle, confinement))
}

/// What neither lesson has read. Each names a field as high up as it has read nothing below; of two that name one
/// place, the longer path says what is left.
fn still_unapplied(before: &[Unapplied], unread: &[String]) -> Vec<Unapplied> {
    let below = |path: &str, above: &str| {
        path == above || path.strip_prefix(above).is_some_and(|rest| rest.starts_with(['.', '[']))
    };
    let left = |field: &Unapplied| -> Vec<Unapplied> {
        if unread.iter().any(|path| below(&field.path, path)) {
            return vec![field.clone()];
        }
        let parts = unread.iter().filter(|path| below(path, &field.path));
        parts.map(|path| Unapplied { path: path.clone(), by: "dive-runtime".into() }).collect()
    };
    before.iter().flat_map(left).collect()
}

impl Confinement {
    fn from_field(whole: &Field<'_>) -> Result<Self> {
        let (process, linux) = (whole.need("process")?, whole.need("linux")?);
        let paths = |key: &str| -> Result<Vec<PathBuf>> {
            let list = linux.get(key)?.map_or(Ok(vec![]), |list| list.list())?;
            list.iter().map(absolute).collect()
        };
        Ok(Self {
            capabilities: Sets::from_field(process.get("capabilities")?.as_ref())?,
            no_new_privileges: process.get("noNewPrivileges")?.map_or(Ok(false), |field| field.flag())?,
            masked: paths("maskedPaths")?,
            read_only: paths("readonlyPaths")?,
        })
    }

    /// Covers paths and makes others read-only, in init, once all is mounted and before the pivot: what covers
    /// them is the host's.
    pub fn confine_paths(&self, root: &Path) -> Result<()> {
        let root = Root::open(root)?;
        paths::mask(&root, &self.masked)?;
        paths::make_read_only(&root, &self.read_only)
    }

    /// Becomes the user, and gives up every capability that was not asked for.
    pub fn drop_privileges(&self, process: &Process) -> Result<()> {
        let sets = self.capabilities.granted()?;
        sets.bound()?;
        capabilities::keep_through_setuid(true)?;
        process.become_user()?;
        capabilities::keep_through_setuid(false)?;
        sets.take()?;
        capabilities::verify(sets)
    }

    /// The last thing before execve(2).
    pub fn seal(&self) -> Result<()> {
        if self.no_new_privileges {
            capabilities::no_new_privileges()?;
        }
        Ok(())
    }
}

fn absolute(field: &Field<'_>) -> Result<PathBuf> {
    let text = field.text()?;
    if text.starts_with('/') {
        Ok(text.into())
    } else {
        Err(field.refuse(format!("must be absolute, and is {text:?}")))
    }
}
