//! What a lab compares: mounts, control groups, network links, processes, files.
//!
//! Namespaces need no list of their own: one lives as long as a process in it, a mount of it or a descriptor for
//! it does (namespaces(7)), and descriptors die with their processes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use kit::{Doing, Error, Result, scratch};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, getpid};

/// A moment of everything that may leak, each thing a line that names its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State(BTreeSet<String>);

impl State {
    /// Looks around. Errors name what could not be read.
    pub fn now(lab: &str, scratch: &Path) -> Result<Self> {
        let mountinfo = fs::read_to_string("/proc/self/mountinfo").doing("read", "/proc/self/mountinfo")?;
        let links = nix::net::if_::if_nameindex().doing("if_nameindex(3)", "")?;
        let mut seen: BTreeSet<_> = mountinfo.lines().map(|line| format!("mount {line}")).collect();
        seen.extend(links.iter().map(|link| format!("link {}", link.name().to_string_lossy())));
        seen.extend(groups(lab).iter().map(|group| format!("cgroup {}", group.display())));
        seen.extend(children().iter().map(|(pid, name)| format!("process {pid} {name}")));
        seen.extend(files(lab, scratch).iter().map(|file| format!("file {}", file.display())));
        Ok(Self(seen))
    }

    /// What is here and was not there.
    pub fn beyond(&self, before: &Self) -> Vec<String> {
        self.0.difference(&before.0).map(|leak| format!("leaked: {leak}")).collect()
    }
}

/// The tops of the trees of control groups that are mounted here, of either version.
pub fn cgroup_tops() -> Vec<PathBuf> {
    let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let trees = mountinfo.lines().filter(|line| line.contains(" - cgroup"));
    trees.filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from).collect()
}

/// The control groups under the lab's name, in every tree that is mounted; the deepest first. The name may stand behind
/// another word: a group that outlives its maker is called `container.` and the rest.
fn groups(lab: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let name = format!("{}{lab}.", scratch::PREFIX);
    for top in cgroup_tops() {
        collect(&top, &name, false, &mut found);
    }
    found
}

fn collect(dir: &Path, name: &str, inside: bool, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let ours = inside || entry.file_name().to_string_lossy().contains(name);
        collect(&entry.path(), name, ours, found);
        if ours {
            found.push(entry.path());
        }
    }
}

/// The children of this process: orphans fall to it, for it is a subreaper.
fn children() -> Vec<(Pid, String)> {
    let own = getpid().to_string();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name in brackets may itself hold brackets and spaces.
            let (name, rest) = stat.rsplit_once(") ")?;
            let name = name.split_once('(')?.1;
            (rest.split(' ').nth(1)? == own).then(|| (Pid::from_raw(pid), name.to_owned()))
        })
        .collect()
}

/// What lies in the scratch directory, and under the lab's name where a step goes if it may not use that one.
fn files(lab: &str, scratch: &Path) -> Vec<PathBuf> {
    entries(scratch).chain(files_elsewhere(lab)).collect()
}

fn files_elsewhere(lab: &str) -> Vec<PathBuf> {
    let prefix = format!("{}{lab}.", scratch::PREFIX);
    let named =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix));
    let elsewhere = ["/tmp", "/var/tmp", "/dev/shm"].iter().flat_map(|dir| entries(Path::new(dir)));
    elsewhere.filter(named).collect()
}

fn entries(dir: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// Removes what lies under the lab's name elsewhere; the scratch directory goes with the lab.
pub(super) fn remove_files(lab: &str) -> Result<()> {
    files_elsewhere(lab).iter().try_for_each(|path| {
        let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        removed.doing("remove", path)
    })
}

/// Waits for orphans that have been killed, or end by themselves at once: each takes a moment. As process 1 does,
/// a subreaper owes it to them. Who is there after that moment is a leak. One child may be left out.
pub(super) fn reap_the_dying(but: Option<u32>) {
    const MOMENT: Duration = Duration::from_secs(2);
    let begun = Instant::now();
    let others = || -> Vec<Pid> {
        let all = children().into_iter().map(|(pid, _)| pid);
        all.filter(|pid| but != Some(pid.as_raw().cast_unsigned())).collect()
    };
    while !others().is_empty() && begun.elapsed() < MOMENT {
        for pid in others() {
            let _ = waitpid(pid, Some(WaitPidFlag::WNOHANG));
        }
        sleep(Duration::from_millis(2));
    }
}

/// Ends the children of this process, and their orphans after them.
pub(super) fn end_children() -> Result<()> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let begun = Instant::now();
    loop {
        let left = children();
        if left.is_empty() {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            return Err(Error::refused("end", format!("{left:?}"), format!("not within {PATIENCE:?}")));
        }
        for (pid, name) in left {
            match kill(pid, Signal::SIGKILL) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(errno) => return Err(Error::call("kill(2)", name, errno)),
            }
            let _ = waitpid(pid, Some(WaitPidFlag::WNOHANG));
        }
        sleep(Duration::from_millis(1));
    }
}

/// Removes the control groups under the lab's name; whoever was in them has been ended.
pub(super) fn remove_groups(lab: &str) -> Result<()> {
    groups(lab).iter().try_for_each(|group| fs::remove_dir(group).doing("rmdir(2) cgroup", group))
}
