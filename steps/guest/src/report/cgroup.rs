//! The control group of a process, and its limits where a cgroup file system is in sight.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Membership and limits.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Cgroup {
    /// From /proc/self/cgroup: v1 controllers joined by commas, or `""` for version 2, to the path.
    pub paths: BTreeMap<String, String>,
    /// What binds it.
    pub limits: Limits,
}

/// The limits that were read; `None` where no file was in sight, `max` where nothing binds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes.
    pub memory: Option<String>,
    /// Processes and threads.
    pub pids: Option<String>,
    /// Microseconds of CPU time a period, and the period.
    pub cpu: Option<String>,
}

impl Cgroup {
    pub(super) fn of_self() -> Self {
        let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let paths = memberships(&text);
        let limits = Limits {
            memory: limit(&paths, "memory", "memory.max", "memory.limit_in_bytes"),
            pids: limit(&paths, "pids", "pids.max", "pids.max"),
            cpu: limit(&paths, "cpu", "cpu.max", "cpu.cfs_quota_us"),
        };
        Self { paths, limits }
    }

    /// The path in the hierarchy that holds the controller: version 1's, else version 2's.
    pub fn path(&self, controller: &str) -> Option<&str> {
        let v1 = self.paths.iter().find(|(names, _)| names.split(',').any(|name| name == controller));
        v1.map(|(_, path)| path.as_str()).or_else(|| self.paths.get("").map(String::as_str))
    }
}

/// A /proc/PID/cgroup, whose lines are `id:controllers:path` (cgroups(7)): controllers, `""` for version 2, to path.
pub fn memberships(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            Some((fields.next()?.to_owned(), fields.next()?.to_owned()))
        })
        .collect()
}

fn limit(paths: &BTreeMap<String, String>, controller: &str, v2: &str, v1: &str) -> Option<String> {
    let base = Path::new("/sys/fs/cgroup");
    let below = |mount: PathBuf, path: &str| mount.join(path.trim_start_matches('/'));
    for (names, path) in paths {
        if names.split(',').any(|name| name == controller) {
            let dir = below(base.join(names), path);
            return read_limit(&dir.join(v1)).or_else(|| read_limit(&base.join(names).join(v1)));
        }
    }
    let path = paths.get("")?;
    // In a cgroup namespace of its own the path is "/": the mount's own directory.
    read_limit(&below(base.to_owned(), path).join(v2)).or_else(|| read_limit(&base.join(v2)))
}

/// Version 1 says "no limit" as -1, or as the largest multiple of a page.
fn read_limit(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).ok()?.trim().to_owned();
    let unlimited = text.parse::<i64>().is_ok_and(|value| !(0..i64::MAX - 0xffff).contains(&value));
    Some(if unlimited { "max".to_owned() } else { text })
}

impl Display for Cgroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (controllers, path)) in self.paths.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{controllers}:{path}")?;
        }
        Ok(())
    }
}

impl Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "unseen".into());
        write!(f, "memory {}, pids {}, cpu {}", shown(&self.memory), shown(&self.pids), shown(&self.cpu))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memberships_of_a_hybrid_system() {
        let paths = memberships("9:name=systemd:/\n4:cpu,cpuacct:/a:b\n0::/user.slice\n");
        assert_eq!(paths["name=systemd"], "/");
        assert_eq!(paths["cpu,cpuacct"], "/a:b");
        let cgroup = Cgroup { paths, limits: Limits::default() };
        assert_eq!(cgroup.path("cpuacct"), Some("/a:b"));
        assert_eq!(cgroup.path("memory"), Some("/user.slice"), "what v1 does not hold is version 2's");
    }
}
