//! What is around this process, read once: settings, limits, trees, tools. Nothing here is tried.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use guest::capability;
use kit::Tier;
use kit::advice::Machine;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{AccessFlags, User, access, getegid, geteuid};
use serde::{Deserialize, Serialize};
use step_03::hierarchy::{Hierarchies, Version};

/// The surroundings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surroundings {
    /// The kernel, the platform, and the settings that advice depends on.
    pub machine: Machine,
    /// Effective group id.
    pub gid: u32,
    /// Whether `CAP_SYS_ADMIN` is held: the tier that the lessons see.
    pub privileged: bool,
    /// Capabilities that are not held.
    pub lacking: Vec<String>,
    /// Whether execve can give nothing more (`PR_SET_NO_NEW_PRIVS`): then sudo and newuidmap are of no use.
    pub no_new_privs: bool,
    /// Security modules, and the profile of `AppArmor` that confines us.
    pub security_modules: String,
    /// The cgroup trees, in one line.
    pub cgroups: String,
    /// Our own group in each tree.
    pub own_groups: Vec<OwnGroup>,
    /// What an outer container has mounted over parts of /proc.
    pub covered: Vec<String>,
    /// Limits in force.
    pub limits: Limits,
    /// Where the root may be assembled, in the order in which they are looked at.
    pub directories: Vec<Directory>,
    /// Whether the user has ranges of further ids, and the programs that map them.
    pub subordinate_ids: SubordinateIds,
    /// Programs, each with its path where it was found.
    pub tools: Vec<Tool>,
}

/// A group in which this process is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnGroup {
    /// `v1` or `v2`.
    pub version: String,
    /// Its directory, if the mount shows it.
    pub path: PathBuf,
    /// Who owns it: whoever that is may make groups below.
    pub owner: Option<u32>,
    /// Whether we may.
    pub writable: bool,
}

/// Limits, as text: `unlimited` or a number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Processes of this user: soft and hard `RLIMIT_NPROC`.
    pub processes: [String; 2],
    /// Open files: soft and hard `RLIMIT_NOFILE`.
    pub files: [String; 2],
    /// `pids.max` of our own group.
    pub pids_max: Option<String>,
}

/// A directory in which a root may be assembled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// Where.
    pub path: PathBuf,
    /// Whether we may write there.
    pub writable: bool,
    /// Mounted noexec.
    pub noexec: bool,
    /// Mounted nosuid.
    pub nosuid: bool,
    /// MiB that are free for us.
    pub free_mib: u64,
}

/// What more than one id in a user namespace needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubordinateIds {
    /// A line of /etc/subuid is the user's.
    pub uids: bool,
    /// A line of /etc/subgid is the user's.
    pub gids: bool,
}

/// A program of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub path: Option<PathBuf>,
}

const TOOLS: [&str; 11] = [
    "sh",
    "busybox",
    "strace",
    "newuidmap",
    "newgidmap",
    "docker",
    "podman",
    "containerd",
    "runc",
    "crun",
    "bwrap",
];

impl Surroundings {
    /// Those of this process.
    pub fn here() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let own_groups = own_groups();
        Self {
            machine: Machine::here(),
            gid: getegid().as_raw(),
            privileged: Tier::of_self() == Tier::Root,
            lacking: lacking(&status),
            no_new_privs: status.lines().any(|line| line == "NoNewPrivs:\t1"),
            security_modules: security_modules(),
            cgroups: Hierarchies::of_self().map_or_else(|error| error.to_string(), |trees| trees.flavour()),
            covered: covered(&mountinfo),
            limits: Limits {
                processes: rlimit(Resource::RLIMIT_NPROC),
                files: rlimit(Resource::RLIMIT_NOFILE),
                pids_max: own_groups.iter().find_map(|group| {
                    fs::read_to_string(group.path.join("pids.max")).ok().map(|text| text.trim().to_owned())
                }),
            },
            own_groups,
            directories: directories(),
            subordinate_ids: subordinate_ids(),
            tools: TOOLS.map(|name| Tool { name: name.into(), path: on_path(name) }).into(),
        }
    }

    /// Whether a program was found.
    pub fn has(&self, tool: &str) -> bool {
        self.tools.iter().any(|found| found.name == tool && found.path.is_some())
    }

    /// The tier that the lessons see.
    pub fn tier(&self) -> Tier {
        if self.privileged { Tier::Root } else { Tier::User }
    }
}

/// The capabilities that the effective set does not hold.
pub(super) fn lacking(status: &str) -> Vec<String> {
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    capability::NAMES
        .iter()
        .filter(|name| !capability::holds(mask, name))
        .map(|name| (*name).to_owned())
        .collect()
}

/// Mounts below /proc; the one for the formats of programs is everybody's.
pub(super) fn covered(mountinfo: &str) -> Vec<String> {
    let targets = mountinfo.lines().filter_map(|line| line.split(' ').nth(4));
    let below = targets.filter(|target| target.starts_with("/proc/") && !target.ends_with("/binfmt_misc"));
    below.map(str::to_owned).collect()
}

fn security_modules() -> String {
    let read =
        |path: &str| fs::read_to_string(path).map(|text| text.trim_end_matches(['\n', '\0']).to_owned());
    let modules = read("/sys/kernel/security/lsm").unwrap_or_else(|_| "not shown here".into());
    match read("/proc/self/attr/apparmor/current") {
        Ok(profile) if !profile.is_empty() => format!("{modules}; AppArmor profile: {profile}"),
        _ => modules,
    }
}

fn own_groups() -> Vec<OwnGroup> {
    let Ok(trees) = Hierarchies::of_self() else { return vec![] };
    let group = |tree: &step_03::hierarchy::Hierarchy| OwnGroup {
        version: if tree.version == Version::V2 { "v2" } else { "v1" }.into(),
        owner: tree.own.metadata().ok().map(|dir| dir.uid()),
        writable: access(&tree.own, AccessFlags::W_OK).is_ok(),
        path: tree.own.clone(),
    };
    trees.all().iter().map(group).collect()
}

fn rlimit(resource: Resource) -> [String; 2] {
    let text = |limit: u64| if limit == RLIM_INFINITY { "unlimited".to_owned() } else { limit.to_string() };
    getrlimit(resource).map_or_else(|_| Default::default(), |(soft, hard)| [text(soft), text(hard)])
}

fn directories() -> Vec<Directory> {
    let [tmpdir, runtime] =
        ["TMPDIR", "XDG_RUNTIME_DIR"].map(|name| std::env::var_os(name).map(PathBuf::from));
    let all = [tmpdir, Some("/tmp".into()), runtime, Some("/var/tmp".into())];
    let read = |path: PathBuf| {
        let Ok(found) = statvfs(&path) else { return Directory { path, ..Directory::default() } };
        Directory {
            writable: access(&path, AccessFlags::W_OK).is_ok(),
            noexec: found.flags().contains(FsFlags::ST_NOEXEC),
            nosuid: found.flags().contains(FsFlags::ST_NOSUID),
            free_mib: found.blocks_available().saturating_mul(found.fragment_size()) >> 20,
            path,
        }
    };
    all.into_iter().flatten().map(read).collect()
}

/// subuid(5): `NAME-OR-UID:FIRST:COUNT`.
pub(super) fn has_range(text: &str, name: &str, uid: u32) -> bool {
    let uid = uid.to_string();
    text.lines().filter_map(|line| line.split_once(':')).any(|(owner, _)| owner == name || owner == uid)
}

fn subordinate_ids() -> SubordinateIds {
    let name = User::from_uid(geteuid()).ok().flatten().map(|user| user.name).unwrap_or_default();
    let has =
        |file: &str| has_range(&fs::read_to_string(file).unwrap_or_default(), &name, geteuid().as_raw());
    SubordinateIds { uids: has("/etc/subuid"), gids: has("/etc/subgid") }
}

/// Folders for administrators are searched as well: an ordinary user's PATH leaves them out.
fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from);
    let mut found = std::env::split_paths(&path).chain(usual).map(|dir| dir.join(name));
    found.find(|path: &PathBuf| {
        path.is_file() && access(path.as_path(), AccessFlags::X_OK).is_ok() && path != Path::new(name)
    })
}
