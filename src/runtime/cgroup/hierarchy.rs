//! Which cgroup hierarchies there are, and where this process stands in each (cgroups(7)).
//!
//! On a pure host there is one of version 2. On an older or hybrid one each controller, or a few together, has a
//! hierarchy of version 1, and one of version 2 may stand beside them without controllers: it can still freeze and
//! kill, and a child can be born in it.

use std::path::{Path, PathBuf};

use crate::error::{Error, Kind, Result};
use crate::sys::file::text;

/// The version of a hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// Files with names of their own for each controller; a process may be in another cgroup in each.
    One,
    /// One tree for all.
    Two,
}

/// A hierarchy, where it is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    /// Its version.
    pub(crate) version: Version,
    /// Where it is mounted.
    pub(crate) top: PathBuf,
    /// Its controllers, and its name as `name=systemd`, in version 1.
    pub(crate) controllers: Vec<String>,
    /// Where the process that was asked for stands, below the top.
    pub(crate) own: PathBuf,
}

impl Hierarchy {
    /// All that are mounted. Errors: those of reading procfs; [`Kind::Unsupported`] if there is none.
    pub(crate) fn all() -> Result<Vec<Self>> {
        Self::of("self")
    }

    /// The same, with where another process stands.
    pub(crate) fn of(process: &str) -> Result<Vec<Self>> {
        let found = parse(&text("/proc/self/mountinfo")?, &text(format!("/proc/{process}/cgroup"))?);
        if found.is_empty() {
            return Err(Error::refused(Kind::Unsupported, "look for cgroups", "", "no hierarchy is mounted"));
        }
        Ok(found)
    }
}

/// A line of mountinfo (proc_pid_mountinfo(5)), as far as it concerns cgroups.
struct Mounted<'a> {
    root: String,
    top: PathBuf,
    kind: &'a str,
    options: Vec<&'a str>,
}

fn mounted(line: &str) -> Option<Mounted<'_>> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(3);
    let (root, top) = (unescaped(left.next()?), unescaped(left.next()?));
    let mut right = right.split(' ');
    let kind = right.next().filter(|kind| matches!(*kind, "cgroup" | "cgroup2"))?;
    let options = right.nth(1)?.split(',').collect();
    Some(Mounted { root, top: top.into(), kind, options })
}

fn parse(mountinfo: &str, own: &str) -> Vec<Hierarchy> {
    let mounts: Vec<_> = mountinfo.lines().filter_map(mounted).collect();
    let hierarchies = own.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (label, path) = (fields.next()?, fields.next()?);
        let controllers: Vec<_> =
            label.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let version = if label.is_empty() { Version::Two } else { Version::One };
        let mount = mounts.iter().find(|mount| match version {
            Version::Two => mount.kind == "cgroup2",
            Version::One => {
                mount.kind == "cgroup"
                    && controllers.iter().all(|name| mount.options.contains(&name.as_str()))
            }
        })?;
        Some(Hierarchy { version, top: mount.top.clone(), controllers, own: below(path, &mount.root) })
    });
    hierarchies.collect()
}

/// A path in the hierarchy as one below the top of the mount, which may show a part of it only.
fn below(path: &str, root: &str) -> PathBuf {
    let path = Path::new(path);
    let inside = path.strip_prefix(root).or_else(|_| path.strip_prefix("/")).unwrap_or(path);
    // A process outside of its cgroup namespace's root is told as `/..`: nothing below the top is its own.
    if inside.components().any(|part| part.as_os_str() == "..") { PathBuf::new() } else { inside.to_owned() }
}

/// mountinfo writes blanks and their like as `\040`.
fn unescaped(field: &str) -> String {
    let mut text = String::new();
    let mut rest = field;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 4).and_then(|code| u8::from_str_radix(code, 8).ok());
        match code {
            Some(code) => text.push(code.into()),
            None => text.push('\\'),
        }
        rest = &rest[at + if code.is_some() { 4 } else { 1 }..];
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hybrid_host_has_many() {
        let mountinfo = "31 23 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
            32 31 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
            33 31 0:28 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd\n\
            34 31 0:29 / /sys/fs/cgroup/unified\\040tree rw,relatime - cgroup2 cgroup2 rw\n";
        let own = "3:cpu,cpuacct:/a/b\n2:name=systemd:/\n1:pids:/nowhere\n0::/c\n";
        let found = parse(mountinfo, own);
        let told: Vec<_> = found
            .iter()
            .map(|one| (one.controllers.join(","), one.top.to_str().unwrap(), one.own.to_str().unwrap()))
            .collect();
        assert_eq!(
            told,
            [
                ("cpu,cpuacct".to_owned(), "/sys/fs/cgroup/cpu,cpuacct", "a/b"),
                ("name=systemd".to_owned(), "/sys/fs/cgroup/systemd", ""),
                (String::new(), "/sys/fs/cgroup/unified tree", "c"),
            ]
        );
        assert_eq!(found[2].version, Version::Two);
    }

    #[test]
    fn where_only_a_part_is_mounted_the_way_begins_there() {
        let mountinfo = "40 31 0:29 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw,nsdelegate\n";
        assert_eq!(parse(mountinfo, "0::/docker/abc/me\n")[0].own, Path::new("me"));
        assert_eq!(parse(mountinfo, "0::/../elsewhere\n")[0].own, Path::new(""));
    }
}
