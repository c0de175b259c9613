//! What a configuration asks for, as this lesson reads it: what lessons 05 and 06 apply, and what belongs to a life of its own.

use std::collections::BTreeMap;
use std::path::Path;

use kit::{Doing, Error, Result};
use serde_json::Value;
use step_05::field::{Field, Read};
use step_05::{Bundle, strict};
use step_06::Confinement;

use crate::hooks::Hooks;

/// A bundle, read and found valid.
#[derive(Debug)]
pub struct Plan {
    /// What lesson 05 applies.
    pub bundle: Bundle,
    /// What lesson 06 takes away.
    pub confinement: Confinement,
    /// `hooks`.
    pub hooks: Hooks,
    /// `process.terminal`.
    pub terminal: bool,
    /// `process.consoleSize`: height and width.
    pub size: Option<(u16, u16)>,
    /// `linux.cgroupsPath`.
    pub cgroups_path: Option<String>,
    /// `annotations`.
    pub annotations: BTreeMap<String, String>,
    /// The whole, to be kept: what is changed in the bundle later has no effect.
    pub document: Value,
}

/// What they list as not applied, and this lesson applies.
const TAKEN: [&str; 4] = ["hooks", "process.terminal", "process.consoleSize", "linux.cgroupsPath"];

impl Plan {
    /// Reads the bundle in a directory. Errors name the file or the field.
    pub fn load(dir: &Path) -> Result<Self> {
        let dir = dir.canonicalize().doing("find the bundle", dir)?;
        let document = strict::read(&dir.join("config.json")).map_err(|error| match error.errno() {
            Some(nix::errno::Errno::ENOENT) => {
                error.advise("a bundle holds a config.json: step-07 spec writes one")
            }
            _ => error,
        })?;
        Self::from_document(&dir, document)
    }

    /// The same, of a configuration that is at hand.
    pub fn from_document(dir: &Path, document: Value) -> Result<Self> {
        let (mut bundle, confinement) = step_06::from_document(dir, &document)?;
        bundle.unapplied.retain(|field| !TAKEN.iter().any(|taken| field.path.starts_with(taken)));
        let read = Read::default();
        let whole = Field::root(&document, &read);
        let process = whole.need("process")?;
        let linux = whole.need("linux")?;
        let cgroups_path = linux.get("cgroupsPath")?.map(|path| group_name(&path)).transpose()?;
        let annotations = match document.get("annotations") {
            None => BTreeMap::new(),
            Some(annotations) => serde_json::from_value(annotations.clone())
                .map_err(|error| Error::refused("config.json", "annotations", error))?,
        };
        Ok(Self {
            bundle,
            confinement,
            hooks: Hooks::of(&document)?,
            terminal: process.get("terminal")?.map_or(Ok(false), |field| field.flag())?,
            size: process.get("consoleSize")?.map(|size| window(&size)).transpose()?,
            cgroups_path,
            annotations,
            document,
        })
    }

    /// Refuses what would not be applied, for who wants all or nothing.
    pub fn strictly(self) -> Result<Self> {
        Ok(Self { bundle: self.bundle.strictly()?, ..self })
    }
}

/// One directory below where the trees are ours; deeper paths and systemd's three-part names are the runtime's.
fn group_name(field: &Field<'_>) -> Result<String> {
    let path = field.text()?;
    let name = path.trim_start_matches('/');
    if name.is_empty() || name.contains(['/', ':']) || name.starts_with('.') {
        return Err(field.refuse(format!("{path:?} is no single name: deeper ones are made by dive-runtime")));
    }
    Ok(name.to_owned())
}

fn window(size: &Field<'_>) -> Result<(u16, u16)> {
    Ok((size.need("height")?.unsigned()?, size.need("width")?.unsigned()?))
}
