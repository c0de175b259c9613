//! The control groups of a process, and what limits it in them.
//!
//! A limit of any group above binds as well: each is read from the process's own group up to the top of the
//! tree that is mounted here, and the tightest counts, beside what that very group uses (cgroups(7)).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use guest::report::memberships;
use serde::{Deserialize, Serialize};

use super::Fact;
use super::mounts;

/// Membership and limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cgroup {
    /// Which trees the reader has mounted.
    pub layout: Layout,
    /// Version 1 controllers joined by commas, or `""` for version 2, to the path in that tree.
    pub paths: BTreeMap<String, String>,
    /// The resources, each with its tightest limit.
    pub limits: Vec<Limit>,
}

/// Which versions are mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// No tree at all.
    None,
    /// Trees of version 1 only.
    V1,
    /// The one tree of version 2.
    V2,
    /// Version 2 beside version 1, which holds the controllers or some of them.
    Hybrid,
}

/// A resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// `memory`, `swap`, `pids`, `cpu`, `cpus`.
    pub resource: String,
    /// What the numbers count.
    pub unit: Unit,
    /// The tightest limit.
    pub reading: Fact<Reading>,
}

/// What numbers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Processes and threads.
    Tasks,
    /// Thousandths of a CPU's time.
    MilliCpus,
    /// CPUs.
    Cpus,
}

/// The tightest limit, and the use in the group that sets it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// None where nothing limits.
    pub limit: Option<u64>,
    /// What is used in the group that sets the limit; in the process's own where nothing limits.
    pub used: Option<u64>,
    /// What the machine has of it, where that is a small number: CPUs.
    pub machine: Option<u64>,
    /// The path of the group that sets the limit.
    pub at: Option<String>,
    /// What else is to be known of it.
    pub detail: Option<String>,
}

/// A tree that is mounted here.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tree {
    /// The controllers of version 1 as the membership names them; `""` for version 2.
    names: String,
    mount: PathBuf,
    /// The group that the mount shows as its top.
    root: String,
}

/// Files of a resource that is a number: the limit's and the use's, in versions 1 and 2.
type Files = [(&'static str, &'static str); 2];
const MEMORY: Files = [("memory.limit_in_bytes", "memory.usage_in_bytes"), ("memory.max", "memory.current")];
const SWAP: Files = [
    ("memory.memsw.limit_in_bytes", "memory.memsw.usage_in_bytes"),
    ("memory.swap.max", "memory.swap.current"),
];
const PIDS: Files = [("pids.max", "pids.current"), ("pids.max", "pids.current")];

impl Cgroup {
    /// The limits of the process whose /proc/PID/cgroup this is, from the trees that this machine has mounted.
    pub fn here(memberships: &str) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self::of(memberships, &read("/proc/self/mountinfo"), &read("/sys/devices/system/cpu/online"))
    }

    /// The same from the trees that a mountinfo names; `online` is the list of CPUs that there are.
    pub fn of(membership: &str, mountinfo: &str, online: &str) -> Self {
        let paths = memberships(membership);
        let trees = trees(mountinfo, &paths);
        let v2 = trees.iter().any(|tree| tree.names.is_empty());
        let v1 = trees.iter().any(|tree| !tree.names.is_empty());
        let layout = match (v1, v2) {
            (false, false) => Layout::None,
            (true, false) => Layout::V1,
            (false, true) => Layout::V2,
            (true, true) => Layout::Hybrid,
        };
        let limit =
            |resource: &str, unit, controller, read: &dyn Fn(&Group<'_>) -> io::Result<Reading>| Limit {
                resource: resource.to_owned(),
                unit,
                reading: match Group::find(&trees, &paths, controller) {
                    Ok(group) => Fact::of(group.exists().and_then(|()| read(&group))),
                    Err(why) => Fact::unreadable(why),
                },
            };
        let limits = vec![
            limit("memory", Unit::Bytes, "memory", &|group| group.number(&MEMORY)),
            limit("swap", Unit::Bytes, "memory", &|group| group.swap()),
            limit("pids", Unit::Tasks, "pids", &|group| group.number(&PIDS)),
            limit("cpu", Unit::MilliCpus, "cpu", &|group| group.cpu(online)),
            limit("cpus", Unit::Cpus, "cpuset", &|group| group.cpus(online)),
        ];
        Self { layout, paths, limits }
    }

    /// Whether anything limits.
    pub fn limits_anything(&self) -> bool {
        self.limits.iter().filter_map(|limit| limit.reading.known()).any(|reading| reading.limit.is_some())
    }
}

/// The trees that are mounted here and in which the process has a place.
fn trees(mountinfo: &str, paths: &BTreeMap<String, String>) -> Vec<Tree> {
    let mut trees: Vec<Tree> = Vec::new();
    for line in mountinfo.lines() {
        let Some(mount) = mounts::parse(line).pop() else { continue };
        let options = line.rsplit(' ').next().unwrap_or_default();
        let names = match mount.kind.as_str() {
            "cgroup2" => String::new(),
            "cgroup" => match paths.keys().find(|names| !names.is_empty() && has_all(options, names)) {
                Some(names) => names.clone(),
                None => continue,
            },
            _ => continue,
        };
        // A tree that is mounted twice is one tree; the mount that shows more of it serves better.
        match trees.iter_mut().find(|tree| tree.names == names) {
            Some(known) if known.root.len() <= mount.root.len() => {}
            Some(known) => (known.mount, known.root) = (mount.target.into(), mount.root),
            None => trees.push(Tree { names, mount: mount.target.into(), root: mount.root }),
        }
    }
    trees
}

fn has_all(options: &str, names: &str) -> bool {
    names.split(',').all(|name| options.split(',').any(|option| option == name))
}

/// The process's group in one tree.
struct Group<'a> {
    tree: &'a Tree,
    /// Below the mount, without a leading slash.
    below: &'a str,
}

impl<'a> Group<'a> {
    /// In the tree that holds the controller: version 1's where it is bound there, else version 2's.
    fn find(
        trees: &'a [Tree],
        paths: &'a BTreeMap<String, String>,
        controller: &str,
    ) -> Result<Self, String> {
        let lacking = || format!("no tree with the {controller} controller is mounted here");
        let v1 = paths.keys().find(|names| names.split(',').any(|name| name == controller));
        let names = v1.map_or("", String::as_str);
        let tree = trees.iter().find(|tree| tree.names == names).ok_or_else(lacking)?;
        if names.is_empty() {
            let held = fs::read_to_string(tree.mount.join("cgroup.controllers")).unwrap_or_default();
            if !held.split_whitespace().any(|name| name == controller) {
                return Err(lacking());
            }
        }
        let path = paths.get(names).map(String::as_str).unwrap_or_default();
        let outside = || format!("its group {path} lies outside of the tree that is mounted here");
        if path.starts_with("/..") {
            return Err(outside());
        }
        let below = path.strip_prefix(tree.root.trim_end_matches('/')).ok_or_else(outside)?;
        Ok(Self { tree, below: below.trim_matches('/') })
    }

    fn exists(&self) -> io::Result<()> {
        fs::metadata(self.tree.mount.join(self.below)).map(|_| ())
    }

    /// The group's directory and those above it, with the path in the tree of each.
    fn upwards(&self) -> impl Iterator<Item = (PathBuf, String)> {
        let root = self.tree.root.trim_end_matches('/');
        Path::new(self.below).ancestors().map(move |below| {
            let path = format!("{root}/{}", below.display());
            (self.tree.mount.join(below), path)
        })
    }

    /// The tightest of the limits that a function reads from each directory; the nearest where they are equal.
    fn tightest(
        &self,
        limit: impl Fn(&Path) -> io::Result<Option<u64>>,
    ) -> io::Result<Option<(u64, PathBuf, String)>> {
        let mut tightest: Option<(u64, PathBuf, String)> = None;
        for (dir, path) in self.upwards() {
            let Some(found) = limit(&dir)? else { continue };
            if tightest.as_ref().is_none_or(|(least, ..)| found < *least) {
                tightest = Some((found, dir, path));
            }
        }
        Ok(tightest)
    }

    /// A limit and a use that are single numbers in files.
    fn number(&self, files: &Files) -> io::Result<Reading> {
        let (limit, used) = files[usize::from(self.tree.names.is_empty())];
        let used = |dir: &Path| Ok::<_, io::Error>(text(&dir.join(used))?.and_then(|text| text.parse().ok()));
        let tightest = self.tightest(|dir| Ok(text(&dir.join(limit))?.as_deref().and_then(bound)))?;
        Ok(match tightest {
            Some((limit, dir, at)) => {
                Reading { limit: Some(limit), used: used(&dir)?, at: Some(at), ..Reading::default() }
            }
            None => Reading { used: used(&self.tree.mount.join(self.below))?, ..Reading::default() },
        })
    }

    /// Version 1 has no limit of swap alone.
    fn swap(&self) -> io::Result<Reading> {
        let detail = (!self.tree.names.is_empty()).then(|| "memory and swap together".to_owned());
        Ok(Reading { detail, ..self.number(&SWAP)? })
    }

    fn cpu(&self, online: &str) -> io::Result<Reading> {
        let quota = |dir: &Path| {
            let pair = if self.tree.names.is_empty() {
                text(&dir.join("cpu.max"))?
            } else {
                let file = |name| Ok::<_, io::Error>(text(&dir.join(name))?.unwrap_or_default());
                Some(format!("{} {}", file("cpu.cfs_quota_us")?, file("cpu.cfs_period_us")?))
            };
            Ok(pair.as_deref().and_then(share))
        };
        let Some((limit, dir, at)) = self.tightest(quota)? else { return Ok(Reading::default()) };
        let stat = text(&dir.join("cpu.stat"))?.unwrap_or_default();
        let count =
            |name: &str| stat.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        let detail = match (count("nr_throttled"), count("nr_periods")) {
            (Some(throttled), Some(periods)) => {
                Some(format!("throttled in {throttled} of {periods} periods"))
            }
            _ => None,
        };
        let machine = Some(1000 * length(online));
        Ok(Reading { limit: Some(limit), used: None, machine, at: Some(at), detail })
    }

    /// The nearest group with a list of CPUs: the kernel has intersected it with those above already.
    fn cpus(&self, online: &str) -> io::Result<Reading> {
        let file = if self.tree.names.is_empty() { "cpuset.cpus.effective" } else { "cpuset.effective_cpus" };
        for (dir, at) in self.upwards() {
            let Some(list) = text(&dir.join(file))? else { continue };
            let limit = Some(length(&list)).filter(|count| *count < length(online));
            let at = limit.map(|_| at);
            let detail = Some(format!("CPUs {list}"));
            return Ok(Reading { limit, used: None, machine: Some(length(online)), at, detail });
        }
        Ok(Reading::default())
    }
}

/// A file's text; None where there is no such file, as at the top of a tree.
fn text(file: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// "No limit" is `max`, in version 1 also -1 or the largest multiple of a page.
fn bound(text: &str) -> Option<u64> {
    let value: i64 = text.parse().ok()?;
    u64::try_from(value).ok().filter(|_| value < i64::MAX - 0xffff)
}

/// `QUOTA PERIOD` in thousandths of a CPU.
fn share(pair: &str) -> Option<u64> {
    let (quota, period) = pair.split_once(' ')?;
    bound(quota)?.checked_mul(1000)?.checked_div(period.trim().parse().ok()?)
}

/// How many CPUs a list such as `0-2,5` names.
fn length(list: &str) -> u64 {
    let range = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to): (u64, u64) = (from.parse().ok()?, to.parse().ok()?);
        Some(to.checked_sub(from)? + 1)
    };
    list.trim().split(',').filter_map(range).sum()
}

#[cfg(test)]
#[path = "cgroup/tests.rs"]
mod tests;
