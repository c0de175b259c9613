//! A control group that outlives the command that made it.
//!
//! Lesson 03's group is its maker's: it is locked while the maker lives, and the next run removes it when the lock is
//! free. `create` ends, and its group stays. So it has a name that no sweep looks for, and which directories they are
//! is written down before they are made: `delete` removes these and no others.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use kit::{Doing, Error, Result, scratch};
use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use step_03::hierarchy::{Hierarchies, Version};
use step_03::sweep;

/// The directories that are going to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups {
    /// Their name, in each tree.
    pub name: String,
    /// One a tree.
    pub paths: Vec<PathBuf>,
    /// What each parent of version 2 handed down before.
    pub handed_down: Vec<(PathBuf, String)>,
}

/// The way into a group, for who will soon see another file system.
#[derive(Debug)]
pub struct Entrance {
    birthplace: Option<File>,
    tasks: Vec<File>,
}

impl Groups {
    /// Of a container that `create` leaves behind; `asked` is linux.cgroupsPath. EEXIST if it is somebody's already.
    pub fn planned(asked: Option<&str>) -> Result<Self> {
        let own = || format!("container.{}", scratch::unique());
        Self::named(asked.map_or_else(own, |path| path.trim_start_matches('/').to_owned()))
    }

    /// Of a container that ends with its maker.
    pub fn of_this_run() -> Result<Self> {
        Self::named(scratch::unique())
    }

    // ANCHOR: named
    fn named(name: String) -> Result<Self> {
        let mut planned = Self { name, ..Self::default() };
        // A host without such a tree has been told of when the group is asked for.
        let Ok(trees) = Hierarchies::of_self() else { return Ok(planned) };
        for tree in trees.all() {
            let path = tree.parent().join(&planned.name);
            if path.exists() {
                return Err(Error::call("plan the cgroup", path.display(), Errno::EEXIST));
            }
            if tree.version == Version::V2 {
                let control = tree.parent().join("cgroup.subtree_control");
                let before = fs::read_to_string(control).unwrap_or_default();
                planned.handed_down.push((tree.parent().to_owned(), before));
            }
            planned.paths.push(path);
        }
        Ok(planned)
    }
    // ANCHOR_END: named

    /// Kills whoever is in it and removes it; that it was never made is as good.
    pub fn remove(&self) -> Result<()> {
        self.paths.iter().filter(|path| path.exists()).try_for_each(|path| sweep::remove(path))?;
        self.handed_down.iter().try_for_each(|(parent, before)| take_back(parent, before))
    }

    /// Those that are still there.
    pub fn left(&self) -> Vec<&Path> {
        self.paths.iter().map(PathBuf::as_path).filter(|path| path.exists()).collect()
    }

    // ANCHOR: entrance
    /// Opens it, for one more process.
    pub fn entrance(&self) -> Result<Entrance> {
        let mut entrance = Entrance { birthplace: None, tasks: vec![] };
        for path in self.left() {
            let tasks = path.join("tasks");
            if tasks.exists() {
                let opened = File::options().write(true).open(&tasks);
                entrance.tasks.push(opened.doing("open(2) cgroup file", &tasks)?);
            } else {
                entrance.birthplace = Some(File::open(path).doing("open(2) cgroup", path)?);
            }
        }
        Ok(entrance)
    }
    // ANCHOR_END: entrance
}

impl Entrance {
    /// Where clone3(2) shall have the child born.
    pub fn birthplace(&self) -> Option<BorrowedFd<'_>> {
        self.birthplace.as_ref().map(File::as_fd)
    }

    /// Moves the caller into the trees of version 1.
    pub fn enter(&self) -> Result<()> {
        let enter = |mut tasks: &File| tasks.write_all(b"0");
        self.tasks.iter().try_for_each(enter).doing("write \"0\" to the cgroup file", "tasks")
    }
}

/// Hands down no more than before, unless others have made groups there meanwhile. First the leaf goes into which a
/// `create` may have stepped aside.
fn take_back(parent: &Path, before: &str) -> Result<()> {
    sweep::sweep(parent);
    let groups = fs::read_dir(parent).into_iter().flatten().flatten();
    if groups.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).count() > 0 {
        return Ok(());
    }
    let control = parent.join("cgroup.subtree_control");
    let now = fs::read_to_string(&control).unwrap_or_default();
    let ours = now.split_whitespace().filter(|name| !before.split_whitespace().any(|old| old == *name));
    let words: Vec<_> = ours.map(|name| format!("-{name}")).collect();
    if words.is_empty() {
        return Ok(());
    }
    fs::write(&control, words.join(" ")).doing("write to the cgroup file", &control)
}
