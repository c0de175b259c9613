//! Every field that this lesson applies, checked before anything is done.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use kit::Result;
use nix::sched::CloneFlags;
use step_02::ids::{Maps, Range};
use step_03::Limits;
use step_03::limits::{Bytes, Cpus};

use crate::field::Field;
use crate::mount::Mount;
use crate::process::Process;

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

type Namespaces = (CloneFlags, Vec<(CloneFlags, PathBuf)>);

/// A new mount namespace is what lesson 04 stands on: without it, its mounts would be the host's.
fn namespaces(linux: &Field<'_>) -> Result<Namespaces> {
    let mut new = CloneFlags::empty();
    let mut joined = Vec::new();
    let mut seen = BTreeSet::new();
    let list = linux.need("namespaces")?;
    for namespace in list.list()? {
        let field = namespace.need("type")?;
        let kind = field.text()?;
        let flag = match kind.as_str() {
            "pid" => CloneFlags::CLONE_NEWPID,
            "network" => CloneFlags::CLONE_NEWNET,
            "mount" => CloneFlags::CLONE_NEWNS,
            "ipc" => CloneFlags::CLONE_NEWIPC,
            "uts" => CloneFlags::CLONE_NEWUTS,
            "user" => CloneFlags::CLONE_NEWUSER,
            "cgroup" => CloneFlags::CLONE_NEWCGROUP,
            "time" => {
                return Err(
                    field.refuse("\"time\" is lesson 02's --boottime; dive-runtime reads it from here")
                );
            }
            _ => return Err(field.refuse(format!("{kind:?} is no kind of namespace"))),
        };
        if !seen.insert(kind.clone()) {
            return Err(field.refuse(format!("{kind:?} stands twice")));
        }
        match namespace.get("path")? {
            None => new |= flag,
            Some(path) if ["network", "ipc", "uts"].contains(&kind.as_str()) => {
                joined.push((flag, absolute(&path)?));
            }
            Some(path) => {
                return Err(
                    path.refuse(format!("a {kind} namespace is joined by dive-runtime, not by this lesson"))
                );
            }
        }
    }
    if new.contains(CloneFlags::CLONE_NEWNS) {
        return Ok((new, joined));
    }
    Err(list.refuse("must hold a mount namespace: the mounts would be the host's"))
}

/// The maps belong to a new user namespace, and it to them.
fn maps(linux: &Field<'_>, namespaces: CloneFlags) -> Result<Option<Maps>> {
    let user = namespaces.contains(CloneFlags::CLONE_NEWUSER);
    let ranges = |key: &str| -> Result<Vec<Range>> {
        let Some(field) = linux.get(key)? else { return Ok(vec![]) };
        let list = field.list()?;
        if !list.is_empty() && !user {
            return Err(field.refuse("needs a user namespace, and linux.namespaces has none"));
        }
        list.iter().map(range).collect()
    };
    let (uids, gids) = (ranges("uidMappings")?, ranges("gidMappings")?);
    match (user, uids.is_empty() || gids.is_empty()) {
        (false, _) => Ok(None),
        (true, true) => {
            Err(linux.need("namespaces")?.refuse("a user namespace needs uidMappings and gidMappings"))
        }
        (true, false) => Ok(Some(Maps { uids, gids })),
    }
}

fn range(field: &Field<'_>) -> Result<Range> {
    let id = |key: &str| field.need(key)?.unsigned();
    Ok(Range { inside: id("containerID")?, outside: id("hostID")?, count: id("size")? })
}

/// Zero or less means no limit, as config-linux.md has it for memory and pids.
fn limits(linux: &Field<'_>) -> Result<Limits> {
    let mut limits = Limits::default();
    let Some(resources) = linux.get("resources")? else { return Ok(limits) };
    let positive = |field: Option<Field<'_>>| -> Result<Option<u64>> {
        let number = field.map(|field| field.number()).transpose()?;
        Ok(number.and_then(|number| u64::try_from(number).ok()).filter(|number| *number > 0))
    };
    if let Some(memory) = resources.get("memory")? {
        let limit = positive(memory.get("limit")?)?;
        limits.memory = limit.map(Bytes);
        // In the configuration swap is memory and swap together.
        if let (Some(limit), Some(swap)) = (limit, memory.get("swap")?) {
            let both = positive(Some(swap.clone()))?;
            let swap = both
                .map(|both| both.checked_sub(limit).ok_or_else(|| swap.refuse("is less than memory.limit")));
            limits.swap = swap.transpose()?.map(Bytes);
        }
    }
    if let Some(cpu) = resources.get("cpu")? {
        let (quota, period) = (positive(cpu.get("quota")?)?, positive(cpu.get("period")?)?);
        limits.cpus = quota.and_then(|quota| Cpus::from_quota(quota, period.unwrap_or(100_000)));
        let shares = positive(cpu.get("shares")?)?;
        limits.cpu_weight = shares.map(|shares| (shares.saturating_mul(100) / 1024).clamp(1, 10_000));
    }
    if let Some(pids) = resources.get("pids")? {
        limits.pids = positive(Some(pids.need("limit")?))?;
    }
    Ok(limits)
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
