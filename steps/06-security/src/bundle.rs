//! A bundle, read by two lessons: what lesson 05 applies of its configuration, and what this one does.

use std::path::{Path, PathBuf};

use kit::{Doing, Result};
use nix::errno::Errno;
use serde_json::Value;
use step_05::field::{Field, Read};
use step_05::{Bundle, Unapplied, strict};

use crate::Confinement;
use crate::capabilities::Sets;
use crate::policy::Policy;

/// Reads the bundle in a directory. Errors name the file or the field.
pub fn load(dir: &Path) -> Result<(Bundle, Confinement)> {
    let dir = dir.canonicalize().doing("find the bundle", dir)?;
    let path = dir.join("config.json");
    // Once, and not once by each lesson: between two readings the file could become another.
    let document = strict::read(&path).map_err(|error| match error.errno() {
        Some(Errno::ENOENT) => error.advise("a bundle holds a config.json: step-06 spec writes one"),
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

/// This lesson's part alone.
pub fn confinement(document: &Value) -> Result<Confinement> {
    Confinement::from_field(&Field::root(document, &Read::default()))
}

/// What neither lesson has read. Each names a field as high up as it has read nothing below; of two that name one
/// place, the longer path says what is left.
fn still_unapplied(before: &[Unapplied], unread: &[String]) -> Vec<Unapplied> {
    let below = |path: &str, above: &str| {
        path == above || path.strip_prefix(above).is_some_and(|rest| rest.starts_with(['.', '[']))
    };
    let left = |field: &Unapplied| -> Vec<Unapplied> {
        // What lesson 05 left to this one and this one does not do, the runtime does.
        let by = if field.by == "lesson 06" { "dive-runtime" } else { &field.by };
        if unread.iter().any(|path| below(&field.path, path)) {
            return vec![Unapplied { path: field.path.clone(), by: by.into() }];
        }
        let parts = unread.iter().filter(|path| below(path, &field.path));
        parts.map(|path| Unapplied { path: path.clone(), by: by.into() }).collect()
    };
    before.iter().flat_map(left).collect()
}

impl Confinement {
    /// Reads the fields of this lesson.
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
            seccomp: linux.get("seccomp")?.map(|field| Policy::from_field(&field)).transpose()?,
            apparmor: text(process.get("apparmorProfile")?)?,
            selinux: text(process.get("selinuxLabel")?)?,
            writable: None,
        })
    }
}

fn text(field: Option<Field<'_>>) -> Result<Option<String>> {
    field.map(|field| field.text()).transpose().map(|text| text.filter(|text| !text.is_empty()))
}

fn absolute(field: &Field<'_>) -> Result<PathBuf> {
    let text = field.text()?;
    if text.starts_with('/') {
        Ok(text.into())
    } else {
        Err(field.refuse(format!("must be absolute, and is {text:?}")))
    }
}
