//! Lesson 06: root with less than root's power.

use std::path::Path;

use kit::{Doing, Result};
use serde_json::Value;
use step_05::field::{Field, Read};
use step_05::process::Process;
use step_05::{Bundle, Unapplied, strict};

pub mod capabilities;
pub mod spec;

use capabilities::Sets;

/// What a configuration takes away.
#[derive(Debug, Clone)]
pub struct Confinement {
    /// `process.capabilities`.
    pub capabilities: Sets,
    /// `process.noNewPrivileges`.
    pub no_new_privileges: bool,
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
        let process = whole.need("process")?;
        Ok(Self {
            capabilities: Sets::from_field(process.get("capabilities")?.as_ref())?,
            no_new_privileges: process.get("noNewPrivileges")?.map_or(Ok(false), |field| field.flag())?,
        })
    }

    /// Makes paths unreadable or read-only, in init and after the pivot.
    pub fn confine_paths(&self) -> Result<()> {
        Ok(())
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
