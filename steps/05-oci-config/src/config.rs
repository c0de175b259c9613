//! Every field that this lesson applies, checked before anything is done.

use std::path::{Path, PathBuf};

use kit::Result;
use nix::sched::CloneFlags;
use step_02::ids::Maps;
use step_03::Limits;

use crate::field::Field;
use crate::mount::Mount;
use crate::namespaces::{maps, namespaces};
use crate::process::Process;
use crate::resources::limits;

/// A valid configuration.
#[derive(Debug)]
pub struct Config {
    /// `root.path`, relative to the bundle or absolute.
    pub root: PathBuf,
    /// `root.readonly`.
    pub read_only: bool,
    /// `hostname`.
    pub hostname: Option<String>,
    /// `mounts`, in their order.
    pub mounts: Vec<Mount>,
    /// `process`.
    pub process: Process,
    /// `linux.namespaces` that shall be new.
    pub namespaces: CloneFlags,
    /// Those that are there already: the kind, and the file that stands for them.
    pub joined: Vec<(CloneFlags, PathBuf)>,
    /// `linux.uidMappings` and `linux.gidMappings`.
    pub maps: Option<Maps>,
    /// `linux.resources`.
    pub limits: Limits,
}

impl Config {
    pub(crate) fn from_field(whole: &Field<'_>) -> Result<Self> {
        version(&whole.need("ociVersion")?)?;
        let root = whole.need("root")?;
        let mounts = whole.get("mounts")?.map_or(Ok(vec![]), |mounts| mounts.list())?;
        // Annotations are for others to read; a runtime does nothing with them (config.md).
        if let Some(annotations) = whole.get("annotations")? {
            annotations.get("")?;
        }
        let linux = whole.need("linux")?;
        let (namespaces, joined) = namespaces(&linux)?;
        let config = Self {
            root: root.need("path")?.text()?.into(),
            read_only: root.get("readonly")?.map_or(Ok(false), |field| field.flag())?,
            hostname: whole.get("hostname")?.map(|field| field.text()).transpose()?,
            mounts: mounts.iter().map(Mount::from_field).collect::<Result<_>>()?,
            process: Process::from_field(&whole.need("process")?)?,
            namespaces,
            joined,
            maps: maps(&linux, namespaces)?,
            limits: limits(&linux)?,
        };
        let uts = config.joined.iter().fold(namespaces, |all, (kind, _)| all | *kind);
        if config.hostname.is_some() && !uts.contains(CloneFlags::CLONE_NEWUTS) {
            return Err(whole.need("hostname")?.refuse("would rename the host: linux.namespaces has no uts"));
        }
        Ok(config)
    }
}

/// Any 1.x, pre-releases too: minor versions only add (config.md, "Specification version").
fn version(field: &Field<'_>) -> Result<()> {
    let text = field.text()?;
    let mut parts = text.split(['-', '+']).next().unwrap_or_default().split('.');
    let numbers: Vec<Option<u32>> = parts.by_ref().map(|part| part.parse().ok()).collect();
    match numbers.as_slice() {
        [Some(1), Some(_), Some(_)] => Ok(()),
        [Some(_), Some(_), Some(_)] => Err(field.refuse(format!("{text:?} is not 1.x"))),
        _ => Err(field.refuse(format!("{text:?} is no version: MAJOR.MINOR.PATCH"))),
    }
}

/// A path that must begin at the root.
pub(crate) fn absolute(field: &Field<'_>) -> Result<PathBuf> {
    let text = field.text()?;
    if Path::new(&text).is_absolute() {
        Ok(text.into())
    } else {
        Err(field.refuse(format!("must be absolute, and is {text:?}")))
    }
}
