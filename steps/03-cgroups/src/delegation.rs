//! Handing controllers down, with or without being root.
//!
//! In version 2 a group has a controller's files only if its parent hands the controller down, by
//! `+memory` in `cgroup.subtree_control`; and a group that hands down may hold no processes itself (the root
//! of the tree excepted). Whoever owns a directory of the tree may do all this below it: that is delegation.
//! systemd gives it with `Delegate=yes`, and then *we* are the process that sits in the way. So we step aside
//! into a leaf, and come back when the container is gone.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use kit::scratch::{self, unique};
use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::fcntl::Flock;

use crate::hierarchy::Hierarchy;

/// How the name of a leaf ends.
pub(crate) const LEAF: &str = ".leaf";

/// What was handed down, and where we went for it.
#[derive(Debug)]
pub struct HandedDown {
    parent: PathBuf,
    controllers: Vec<String>,
    leaf: Option<Leaf>,
}

/// Where we are meanwhile. The lock says that we live.
#[derive(Debug)]
struct Leaf {
    path: PathBuf,
    _lock: Flock<File>,
}

// ANCHOR: hand_down
/// Hands the wanted controllers down to the children of the group's parent directory; those that the tree
/// does not have are left to whoever looks for their files. Errors: EACCES, EROFS, EBUSY.
pub(crate) fn hand_down(hierarchy: &Hierarchy, wanted: &[&str]) -> Result<HandedDown> {
    let parent = hierarchy.parent();
    let already = names(parent, "cgroup.subtree_control");
    let mut missing = names(parent, "cgroup.controllers");
    missing.retain(|name| wanted.contains(&name.as_str()) && !already.contains(name));

    let mut handed = HandedDown { parent: parent.to_owned(), controllers: vec![], leaf: None };
    // The root of the tree is the exception, and has no type.
    let inner = parent.join("cgroup.type").exists();
    if inner && !(missing.is_empty() && already.is_empty()) {
        handed.clear_the_way(hierarchy)?;
    }
    match missing.into_iter().try_for_each(|name| handed.hand(name)) {
        Ok(()) => Ok(handed),
        Err(error) => handed.take_back().and(Err(error)),
    }
}
// ANCHOR_END: hand_down

impl HandedDown {
    /// Makes sure that nobody sits in the parent, before anything is handed down. Only for memory and io would
    /// the kernel say EBUSY. It hands cpu and pids down nevertheless, for they can count threads: the children
    /// become threaded groups, and no process can be born in one (EOPNOTSUPP).
    fn clear_the_way(&mut self, hierarchy: &Hierarchy) -> Result<()> {
        if hierarchy.own == self.parent {
            self.leaf = Some(Leaf::step_aside(&self.parent)?);
        }
        if names(&self.parent, "cgroup.procs").is_empty() {
            return Ok(());
        }
        self.return_from_leaf()?;
        Err(Error::call("hand controllers down in the cgroup", self.parent.display(), Errno::EBUSY))
    }

    fn hand(&mut self, controller: String) -> Result<()> {
        control(&self.parent, '+', &controller)?;
        self.controllers.push(controller);
        Ok(())
    }

    /// Takes the controllers back and returns from the leaf, unless others have made groups there meanwhile: then
    /// we stay in the leaf, and it stays locked, until this process ends.
    pub(crate) fn take_back(mut self) -> Result<()> {
        let groups = fs::read_dir(&self.parent).into_iter().flatten().flatten();
        let leaf = self.leaf.as_ref().map(|leaf| &leaf.path);
        let others = groups
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .any(|entry| Some(&entry.path()) != leaf);
        if others {
            let _ = Box::leak(Box::new(self.leaf));
            return Ok(());
        }
        self.controllers.iter().try_for_each(|controller| control(&self.parent, '-', controller))?;
        self.return_from_leaf()
    }

    fn return_from_leaf(&mut self) -> Result<()> {
        let Some(leaf) = self.leaf.take() else { return Ok(()) };
        enter(&self.parent)?;
        fs::remove_dir(&leaf.path).doing("rmdir(2) cgroup", &leaf.path)
    }
}

impl Leaf {
    fn step_aside(parent: &Path) -> Result<Self> {
        let path = parent.join(format!("{}{LEAF}", unique()));
        fs::create_dir(&path).doing("mkdir(2) cgroup", &path)?;
        let lock = scratch::lock(&path);
        let lock = lock.ok_or_else(|| Error::refused("flock(2)", path.display(), "another has it"))?;
        enter(&path)?;
        Ok(Self { path, _lock: lock })
    }
}

/// The words of a group's file; none if it cannot be read.
fn names(group: &Path, file: &str) -> Vec<String> {
    let text = fs::read_to_string(group.join(file)).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

/// Moves this process.
fn enter(group: &Path) -> Result<()> {
    let procs = group.join("cgroup.procs");
    fs::write(&procs, "0").doing("write \"0\" to the cgroup file", &procs)
}

fn control(parent: &Path, sign: char, controller: &str) -> Result<()> {
    let file = parent.join("cgroup.subtree_control");
    fs::write(&file, format!("{sign}{controller}"))
        .doing(format!("write {sign}{controller} to the cgroup file"), &file)
}
