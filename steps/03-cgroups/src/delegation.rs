//! Handing controllers down, with or without being root.
//!
//! In version 2 a group has a controller's files only if its parent hands the controller down, by
//! `+memory` in `cgroup.subtree_control`; and a group that hands down may hold no processes itself (the root
//! of the tree excepted). Whoever owns a directory of the tree may do all this below it: that is delegation.
//! systemd gives it with `Delegate=yes`, and then *we* are the process that sits in the way. So we step aside
//! into a leaf, and come back when the container is gone.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use kit::scratch::{lock, unique};
use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::fcntl::Flock;

use crate::hierarchy::Hierarchy;

/// What was handed down, and where we went for it.
#[derive(Debug)]
pub struct HandedDown {
    parent: PathBuf,
    controllers: Vec<String>,
    leaf: Option<Leaf>,
}

/// Where we stand meanwhile. The lock says that we live, as a group's does: what is killed here is swept as well.
#[derive(Debug)]
struct Leaf {
    path: PathBuf,
    _lock: Flock<File>,
}

/// Hands the wanted controllers down to the children of the group's parent directory; those that the tree
/// does not have are left to whoever looks for their files. Errors: EACCES, EROFS, EBUSY.
pub(crate) fn hand_down(hierarchy: &Hierarchy, wanted: &[&str]) -> Result<HandedDown> {
    let parent = hierarchy.parent().to_owned();
    let mut handed = HandedDown { parent: parent.clone(), controllers: vec![], leaf: None };
    let names = |file: &str| -> Vec<String> {
        let text = fs::read_to_string(parent.join(file)).unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect()
    };
    let (there, already) = (names("cgroup.controllers"), names("cgroup.subtree_control"));
    let asked = |name: &String| wanted.contains(&name.as_str()) && !already.contains(name);
    let outcome = handed.hand(there.into_iter().filter(asked).collect());
    if let Err(error) = outcome {
        // Nothing of ours stays, and we are where we were.
        return handed.take_back().and(Err(error));
    }
    Ok(handed)
}

impl HandedDown {
    fn hand(&mut self, controllers: Vec<String>) -> Result<()> {
        if controllers.is_empty() {
            return Ok(());
        }
        self.make_way()?;
        for controller in controllers {
            control(&self.parent, '+', &controller)?;
            self.controllers.push(controller);
        }
        Ok(())
    }

    /// Leaves the parent, if we are in it. The kernel insists (EBUSY) only for controllers such as memory; cpu and
    /// pids it would hand down all the same, and make this a group of threads in whose children no process can be.
    fn make_way(&mut self) -> Result<()> {
        // The root of the whole tree is excepted, and has no type.
        if !self.parent.join("cgroup.type").exists() {
            return Ok(());
        }
        let procs = self.parent.join("cgroup.procs");
        let inside = || fs::read_to_string(&procs).doing("read the cgroup file", &procs);
        let own = std::process::id().to_string();
        if inside()?.lines().any(|pid| pid == own) {
            self.leaf = Some(step_aside(&self.parent)?);
        }
        if inside()?.is_empty() {
            Ok(())
        } else {
            Err(Errno::EBUSY).doing("hand down controllers of the cgroup", &self.parent)
        }
    }

    /// Takes the controllers back and returns from the leaf, unless others have made groups there meanwhile.
    pub(crate) fn take_back(self) -> Result<()> {
        let groups = fs::read_dir(&self.parent).into_iter().flatten().flatten();
        let others = groups
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .any(|entry| self.leaf.as_ref().is_none_or(|leaf| entry.path() != leaf.path));
        if others {
            return Ok(());
        }
        for controller in &self.controllers {
            control(&self.parent, '-', controller)?;
        }
        let Some(leaf) = self.leaf else { return Ok(()) };
        enter(&self.parent)?;
        fs::remove_dir(&leaf.path).doing("rmdir(2) cgroup", &leaf.path)
    }
}

fn step_aside(parent: &Path) -> Result<Leaf> {
    let path = parent.join(format!("{}.leaf", unique()));
    fs::create_dir(&path).doing("mkdir(2) cgroup", &path)?;
    let lock = lock(&path).ok_or_else(|| Error::refused("flock(2)", path.display(), "another has it"))?;
    enter(&path)?;
    Ok(Leaf { path, _lock: lock })
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
