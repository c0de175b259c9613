//! What a case needs of the machine. What is missing is said aloud, and in CI must be known beforehand.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use kit::Tier;
use nix::unistd::{AccessFlags, access};

/// A need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// `CAP_SYS_ADMIN` where the tests run.
    Root,
    /// The lack of it.
    User,
    /// New namespaces, as root or in a user namespace.
    Namespaces,
    /// No new namespaces: neither root nor user namespaces are to be had.
    NoNamespaces,
    /// A process 1 that belongs to somebody else, and so cannot be looked into.
    StrangersInit,
    /// Control groups may be made.
    Cgroups,
    /// They may not.
    NoCgroups,
    /// A kernel with Landlock.
    Landlock,
    /// A program of the host.
    Program(&'static str),
    /// A file of the host, by its absolute path.
    File(&'static str),
    /// A release of one: what a snapshot tells is told of that one. The words are some of its `--version`.
    Version(&'static str, &'static str),
}

/// Why the case cannot run here, if it cannot.
pub(crate) fn unmet(needs: &[Need]) -> Option<String> {
    needs.iter().find(|need| !need.met()).map(Need::reason)
}

impl Need {
    fn met(&self) -> bool {
        let root = Tier::of_self() == Tier::Root;
        match self {
            Self::Root => root,
            Self::User => !root,
            Self::Namespaces => root || namespaces(),
            Self::NoNamespaces => !root && !namespaces(),
            Self::StrangersInit => !root && fs::read_link("/proc/1/ns/mnt").is_err(),
            Self::Cgroups => cgroups(),
            Self::NoCgroups => !cgroups(),
            Self::Landlock => step_06::landlock::version().is_ok(),
            Self::Program(name) => on_path(name),
            Self::File(path) => fs::exists(path).unwrap_or(false),
            Self::Version(name, words) => on_path(name) && version(name).contains(words),
        }
    }

    fn reason(&self) -> String {
        match self {
            Self::Root => "needs root".into(),
            Self::User => "is for who is not root".into(),
            Self::Namespaces => "needs user namespaces, which this kernel forbids".into(),
            Self::NoNamespaces => "is for a kernel that forbids user namespaces".into(),
            Self::StrangersInit => "needs a process 1 that is somebody else's".into(),
            Self::Cgroups => "needs a cgroup tree that may be written".into(),
            Self::NoCgroups => "is for who may make no control groups".into(),
            Self::Landlock => "needs Landlock, which this kernel has not".into(),
            Self::Program(name) => format!("needs the program {name}"),
            Self::File(path) => format!("needs {path}"),
            Self::Version(name, words) => format!("needs {name} {}", words.trim().trim_end_matches('.')),
        }
    }
}

/// Tried with a program that is none of ours: a fault of ours must not look like a fault of the machine's.
fn namespaces() -> bool {
    static ALLOWED: OnceLock<bool> = OnceLock::new();
    *ALLOWED.get_or_init(|| {
        let flags = ["--user", "--map-root-user", "--mount", "--pid", "--fork", "true"];
        let tried = Command::new("unshare").args(flags).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    })
}

/// Every tree that holds a controller of lesson 03 must be writable: at its top, or where this process stands.
fn cgroups() -> bool {
    let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/").to_owned();
    let trees: Vec<_> = mountinfo
        .lines()
        .filter(|line| line.contains(" - cgroup"))
        .filter(|line| {
            ["memory", "cpu", "pids", "blkio", "freezer", "cgroup2"].iter().any(|name| line.contains(name))
        })
        .filter_map(|line| line.split(' ').nth(4))
        .collect();
    let writable = |top: &&str| access(*top, AccessFlags::W_OK).is_ok();
    let delegated = |top: &&str| access(format!("{top}{own}").as_str(), AccessFlags::W_OK).is_ok();
    !trees.is_empty() && trees.iter().all(|top| writable(top) || delegated(top))
}

fn on_path(name: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    path.split(':').any(|dir| access(format!("{dir}/{name}").as_str(), AccessFlags::X_OK).is_ok())
}

/// What a program says of itself; nothing, if it is not there.
fn version(name: &str) -> String {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let said = Command::new(name).arg("--version").env("PATH", path).stderr(Stdio::null()).output();
    said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

/// `DIVE_NO_SKIP=SURROUNDINGS` turns each skip into a failure, but for those that the list allows there.
pub(crate) fn skip_is_allowed(name: &str, reason: &str) -> Result<(), String> {
    let Ok(surroundings) = std::env::var("DIVE_NO_SKIP") else { return Ok(()) };
    if allowed(include_str!("../skips.txt"), &surroundings, reason) {
        return Ok(());
    }
    Err(format!("{name} was skipped ({reason}), and tests/skips.txt does not allow that in {surroundings:?}"))
}

/// A line of the list is `SURROUNDINGS: reason`.
pub(super) fn allowed(list: &str, surroundings: &str, reason: &str) -> bool {
    let lines = list.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(": ")).any(|line| line == (surroundings, reason))
}
