//! The report: everything about a process that a container changes, as that process sees it.
//!
//! A fact that cannot be seen is absent (an empty list, `None`), for a root without /proc is one of the
//! things that the guest meets. Sources: proc(5), namespaces(7), cgroups(7).

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::capability;

mod cgroup;
mod read;

pub use cgroup::{Cgroup, Limits, memberships};
pub use read::{Status, id_map, mount};

/// What a process sees of the system around it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// Its own process id, in its own pid namespace.
    pub pid: i32,
    /// Its parent's; 0 where the parent is outside the pid namespace.
    pub parent: i32,
    /// Its working directory.
    pub cwd: String,
    /// The names in its environment, sorted; the values may be secrets.
    pub environment: Vec<String>,
    /// The file mode creation mask, in octal: `0022`.
    pub umask: Option<String>,
    /// gethostname(2).
    pub hostname: String,
    /// Users, groups and their maps.
    pub user: User,
    /// Kind (`mnt`, `pid`, …) to inode, from /proc/self/ns: two processes share a namespace if the inodes agree.
    pub namespaces: BTreeMap<String, u64>,
    /// The mount namespace, from /proc/self/mountinfo, in its order.
    pub mounts: Vec<Mount>,
    /// The root directory.
    pub root: Root,
    /// Its control group.
    pub cgroup: Cgroup,
    /// The capability sets, each as the kernel's bit mask.
    pub capabilities: Capabilities,
    /// Whether a seccomp filter is on (`Seccomp: 2`), and how many.
    pub seccomp: Seccomp,
    /// Whether execve(2) can no longer grant privileges.
    pub no_new_privs: bool,
    /// Open file descriptors, by number.
    pub descriptors: BTreeMap<i32, String>,
    /// Names of the network links.
    pub links: Vec<String>,
    /// Device nodes below /dev.
    pub devices: Vec<String>,
    /// How many processes /proc shows.
    pub processes: usize,
    /// Which of them are zombies.
    pub zombies: Vec<i32>,
    /// Seconds of CLOCK_BOOTTIME, which a time namespace shifts.
    pub uptime: i64,
}

/// Identity, and how it maps to the namespace above.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct User {
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// /proc/self/uid_map.
    pub uid_map: Vec<IdRange>,
    /// /proc/self/gid_map.
    pub gid_map: Vec<IdRange>,
    /// /proc/self/setgroups: `allow` or `deny`.
    pub setgroups: Option<String>,
}

/// One line of a uid or gid map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdRange {
    /// First id inside.
    pub inside: u32,
    /// First id in the reader's namespace.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

/// One mount, from a line of mountinfo.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mount {
    /// Where it is mounted, below the reader's root.
    pub target: String,
    /// The directory of the file system that is mounted there.
    pub root: String,
    /// The file system's type.
    pub kind: String,
    /// The per-mount options.
    pub options: String,
    /// `shared:N`, `master:N` … ; empty for a private mount.
    pub propagation: String,
}

/// The root directory.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Root {
    /// Device number of the file system.
    pub device: u64,
    /// Inode of `/`.
    pub inode: u64,
    /// What lies in it.
    pub entries: Vec<String>,
}

/// The five sets of capabilities(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// `CapInh`.
    pub inheritable: u64,
    /// `CapPrm`.
    pub permitted: u64,
    /// `CapEff`.
    pub effective: u64,
    /// `CapBnd`.
    pub bounding: u64,
    /// `CapAmb`.
    pub ambient: u64,
}

/// The state of seccomp(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seccomp {
    /// 0 off, 1 strict, 2 filter.
    pub mode: u32,
    /// How many filters are attached.
    pub filters: u32,
}

impl Report {
    /// Looks around in the calling process. Never fails: what cannot be seen is absent.
    pub fn of_self() -> Self {
        let status = read::status();
        Self {
            pid: nix::unistd::getpid().as_raw(),
            parent: nix::unistd::getppid().as_raw(),
            cwd: read::cwd(),
            environment: read::environment(),
            umask: status.field("Umask").map(str::to_owned),
            hostname: read::hostname(),
            user: User {
                uid: nix::unistd::geteuid().as_raw(),
                gid: nix::unistd::getegid().as_raw(),
                groups: nix::unistd::getgroups()
                    .map(|groups| groups.into_iter().map(nix::unistd::Gid::as_raw).collect())
                    .unwrap_or_default(),
                uid_map: id_map(&read::text("/proc/self/uid_map")),
                gid_map: id_map(&read::text("/proc/self/gid_map")),
                setgroups: read::line("/proc/self/setgroups"),
            },
            namespaces: read::namespaces(),
            mounts: read::mounts(),
            root: read::root(),
            cgroup: Cgroup::of_self(),
            capabilities: status.capabilities(),
            seccomp: status.seccomp(),
            no_new_privs: status.number("NoNewPrivs") == 1,
            descriptors: read::descriptors(),
            links: read::links(),
            devices: read::devices(Path::new("/dev")),
            processes: read::processes().len(),
            zombies: read::zombies(),
            uptime: read::uptime(),
        }
    }
}

/// The report as a person reads it: a fact a line.
impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fact = |name: &str, value: &dyn Display| writeln!(f, "{name:<14}{value}");
        fact("pid", &self.pid)?;
        fact("parent", &self.parent)?;
        fact("directory", &self.cwd)?;
        fact("environment", &self.environment.join(" "))?;
        fact("umask", &or_none(self.umask.as_deref()))?;
        fact("hostname", &self.hostname)?;
        let User { uid, gid, groups, .. } = &self.user;
        fact("user", &format_args!("uid {uid}, gid {gid}, groups {groups:?}"))?;
        fact("uid map", &map(&self.user.uid_map))?;
        fact("gid map", &map(&self.user.gid_map))?;
        fact("setgroups", &or_none(self.user.setgroups.as_deref()))?;
        let spaces: Vec<_> = self.namespaces.iter().map(|(kind, inode)| format!("{kind}:{inode}")).collect();
        fact("namespaces", &or_none(Some(&spaces.join(" "))))?;
        fact("mounts", &self.mounts.len())?;
        fact("root", &self.root.entries.join(" "))?;
        fact("cgroup", &or_none(Some(&self.cgroup.to_string())))?;
        fact("limits", &self.cgroup.limits)?;
        fact("capabilities", &set(self.capabilities.effective))?;
        fact("bounding", &set(self.capabilities.bounding))?;
        let Seccomp { mode, filters } = self.seccomp;
        fact("seccomp", &format_args!("mode {mode}, filters {filters}"))?;
        fact("no_new_privs", &self.no_new_privs)?;
        for (number, target) in &self.descriptors {
            fact("descriptor", &format_args!("{number} {target}"))?;
        }
        fact("links", &or_none(Some(&self.links.join(" "))))?;
        fact("devices", &or_none(Some(&self.devices.join(" "))))?;
        fact("processes", &self.processes)?;
        fact("zombies", &self.zombies.len())?;
        fact("uptime", &format_args!("{} s", self.uptime))
    }
}

fn map(ranges: &[IdRange]) -> String {
    let lines: Vec<_> = ranges.iter().map(|r| format!("{}:{}:{}", r.inside, r.outside, r.count)).collect();
    or_none(Some(&lines.join(" ")))
}

fn set(mask: u64) -> String {
    or_none(Some(&capability::names(mask).join(" ")))
}

fn or_none(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or("none").to_owned()
}
