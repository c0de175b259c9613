//! Which cgroup trees this host mounts, and where we stand in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kit::{Doing, Error, Result};
use nix::unistd::{AccessFlags, access};

use crate::delegation::LEAF;

/// The version of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// One controller, or a few that are bound together.
    V1,
    /// All the controllers that no version 1 tree holds.
    V2,
}

/// A mounted tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// Its version.
    pub version: Version,
    /// Its controllers, by the names of version 2.
    pub controllers: Vec<String>,
    /// The same as mount(2) takes them: `cpu,cpuacct`, `blkio`; empty for version 2.
    pub options: String,
    /// Where it is mounted.
    pub mount: PathBuf,
    /// The directory of the group in which this process is.
    pub own: PathBuf,
}

/// The trees in which a container needs a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchies(Vec<Hierarchy>);

/// What this course limits; a tree of version 1 that holds none of them is left alone.
const USED: [&str; 5] = ["memory", "cpu", "pids", "io", "freezer"];

impl Hierarchies {
    /// Reads /proc/self/mountinfo and /proc/self/cgroup. Errors if no tree is mounted.
    pub fn of_self() -> Result<Self> {
        let read = |path: &str| fs::read_to_string(path).doing("read", path);
        let found = Self::parse(&read("/proc/self/mountinfo")?, &read("/proc/self/cgroup")?, |mount| {
            let text = fs::read_to_string(mount.join("cgroup.controllers")).unwrap_or_default();
            text.split_whitespace().map(str::to_owned).collect()
        });
        if found.0.is_empty() {
            let error = Error::refused("find a cgroup tree", "/proc/self/mountinfo", "none is mounted");
            return Err(error.advise("mount -t cgroup2 cgroup2 /sys/fs/cgroup"));
        }
        Ok(found)
    }

    /// The trees that two files of proc(5) name; `controllers` says what a version 2 mount holds.
    pub fn parse(mountinfo: &str, cgroup: &str, controllers: impl Fn(&Path) -> Vec<String>) -> Self {
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for line in mountinfo.lines() {
            let Some((mount, filesystem)) = line.split_once(" - ") else { continue };
            let fields: Vec<_> = mount.split(' ').collect();
            let kind = filesystem.split(' ').next().unwrap_or_default();
            let options = filesystem.split(' ').nth(2).unwrap_or_default();
            let (Some(root), Some(target)) = (fields.get(3), fields.get(4)) else { continue };
            let version = match kind {
                "cgroup" => Version::V1,
                "cgroup2" => Version::V2,
                _ => continue,
            };
            let Some((names, path)) = membership(cgroup, version, options) else { continue };
            let mount = PathBuf::from(target);
            let controllers = if version == Version::V2 { controllers(&mount) } else { renamed(&names) };
            let used = version == Version::V2 || controllers.iter().any(|name| USED.contains(&name.as_str()));
            // A tree that is mounted twice is still one tree.
            if used && seen.insert(names.clone()) {
                let below = path.strip_prefix(root.trim_end_matches('/')).unwrap_or(&path);
                let own = mount.join(below.trim_start_matches('/'));
                found.push(Hierarchy { version, controllers, options: names, mount, own });
            }
        }
        Self(found)
    }

    /// The trees.
    pub fn all(&self) -> &[Hierarchy] {
        &self.0
    }

    /// In one line, for people.
    pub fn flavour(&self) -> String {
        let of = |version| {
            let trees = self.0.iter().filter(move |hierarchy| hierarchy.version == version);
            let mut names: Vec<_> = trees.flat_map(|hierarchy| hierarchy.controllers.clone()).collect();
            names.retain(|name| USED.contains(&name.as_str()));
            names.sort();
            names.join(" ")
        };
        match (of(Version::V1), of(Version::V2)) {
            (v1, v2) if v1.is_empty() => format!("version 2: {v2}"),
            (v1, _) if self.0.iter().all(|hierarchy| hierarchy.version == Version::V1) => {
                format!("version 1: {v1}")
            }
            (v1, v2) => {
                format!("hybrid: version 1 for {v1}; version 2 for {v2}").trim_end_matches(" for ").into()
            }
        }
    }
}

impl Hierarchy {
    /// Where a new group is made: at the top for those who may, else below our own group. If that is not ours
    /// alone, as in a terminal, where a shell sits as well, or lacks controllers, the nearest group above will do in
    /// which nobody sits, if it is ours. So we come out beside a leaf into which we have stepped aside, too.
    pub fn parent(&self) -> &Path {
        let may = |dir: &&Path| access(*dir, AccessFlags::W_OK).is_ok();
        if may(&self.mount.as_path()) {
            return &self.mount;
        }
        if self.version == Version::V1 {
            return &self.own;
        }
        let count = |dir: &Path, file| {
            fs::read_to_string(dir.join(file)).unwrap_or_default().split_whitespace().count()
        };
        let above = self.own.ancestors().skip(1).take_while(|dir| dir.starts_with(&self.mount));
        let Some(above) = above.take_while(may).find(|dir| count(dir, "cgroup.procs") == 0) else {
            return &self.own;
        };
        let alone = count(&self.own, "cgroup.procs") <= 1 && !self.own.to_string_lossy().ends_with(LEAF);
        let complete = count(&self.own, "cgroup.controllers") == count(above, "cgroup.controllers");
        if alone && complete { &self.own } else { above }
    }
}

/// The line `id:controllers:path` that belongs to a mount: the names as they stand, and the path.
fn membership(cgroup: &str, version: Version, options: &str) -> Option<(String, String)> {
    cgroup.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (names, path) = (fields.next()?, fields.next()?);
        let belongs = match version {
            Version::V2 => names.is_empty(),
            Version::V1 => {
                !names.is_empty() && names.split(',').all(|name| options.split(',').any(|o| o == name))
            }
        };
        belongs.then(|| (names.to_owned(), path.to_owned()))
    })
}

/// By the names of version 2, in which blkio became io.
fn renamed(names: &str) -> Vec<String> {
    names.split(',').map(|name| if name == "blkio" { "io" } else { name }.to_owned()).collect()
}
