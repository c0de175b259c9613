//! Lesson 03: control groups, the limits of a container.
//!
//! Namespaces change what a process *sees*; a control group bounds what it may *use*. It is a directory: mkdir
//! makes one, writing a number to a file in it sets a limit, a process that is in it counts, and so do all the
//! children that it will have (cgroups(7); Linux, Documentation/admin-guide/cgroup-v2).
//!
//! Version 2 has one tree for all controllers, version 1 a tree for each ([`v1`]), and a hybrid host some of
//! both. The lesson is version 2; the older files differ in their names and in how a process gets in.
//!
//! - [`limits`]: what may be limited, as files and values, before anything is touched
//! - [`hierarchy`]: which trees this host mounts, and where we stand in them
//! - [`delegation`]: handing controllers down, with or without being root
//! - [`events`]: what the kernel counted, so that an OOM kill is called by its name; [`freezer`]: a pause
//! - [`sweep`]: what a killed run leaves, and its removal

use std::fs::{self, File};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use kit::scratch;
use kit::{Doing, Error, Result, term};
use nix::errno::Errno;
use nix::fcntl::Flock;

pub mod delegation;
pub mod events;
pub mod freezer;
pub mod hierarchy;
pub mod limits;
pub mod sweep;
pub mod v1;

use delegation::HandedDown;
use hierarchy::{Hierarchies, Hierarchy, Version};
pub use limits::{Limits, Setting};

/// A control group: one directory on a version 2 host, one in each tree on the others.
#[derive(Debug)]
pub struct Cgroup {
    groups: Vec<Group>,
    handed_down: Vec<HandedDown>,
    flavour: String,
}

/// Its directory in one tree. The lock says that its maker lives.
#[derive(Debug)]
pub struct Group {
    hierarchy: Hierarchy,
    path: PathBuf,
    lock: Flock<File>,
    tasks: Option<File>,
}

impl Group {
    /// The tree.
    pub fn hierarchy(&self) -> &Hierarchy {
        &self.hierarchy
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Cgroup {
    /// Makes the group and sets its limits; nobody is in it yet. Removes first what killed runs left.
    ///
    /// Errors name mkdir(2) or the file: EACCES where nothing is delegated, EROFS in an outer container, EBUSY
    /// where processes sit in the way; and a controller that this host does not have.
    pub fn create(limits: &Limits) -> Result<Self> {
        Self::create_named(&scratch::unique(), limits)
    }

    /// The same under a name of the caller's. One that does not begin with `docker-dive.` is removed by nobody but
    /// the caller.
    pub fn create_named(name: &str, limits: &Limits) -> Result<Self> {
        let hierarchies = Hierarchies::of_self()?;
        let mut cgroup = Self { groups: vec![], handed_down: vec![], flavour: hierarchies.flavour() };
        for hierarchy in hierarchies.all() {
            let made = cgroup.make(hierarchy, limits, name);
            if let Err(error) = made {
                cgroup.remove()?;
                return Err(error);
            }
        }
        match cgroup.set(limits) {
            Ok(()) => Ok(cgroup),
            Err(error) => cgroup.remove().and(Err(error)),
        }
    }

    /// As [`Cgroup::create`], for limits that nobody insists on. Where this host forbids the group, `None`:
    /// that is said, and the container runs without.
    pub fn create_if_allowed(limits: &Limits) -> Result<Option<Self>> {
        Self::if_allowed(Self::create(limits))
    }

    /// The same for an attempt that has been made.
    pub fn if_allowed(attempt: Result<Self>) -> Result<Option<Self>> {
        let forbidden = [Errno::EACCES, Errno::EPERM, Errno::EROFS, Errno::EBUSY];
        match attempt {
            Err(error) if error.errno().is_none_or(|errno| forbidden.contains(&errno)) => {
                term::note(format_args!("no cgroup, and so no limits (lesson 03): {error}"));
                Ok(None)
            }
            outcome => outcome.map(Some),
        }
    }

    fn make(&mut self, hierarchy: &Hierarchy, limits: &Limits, name: &str) -> Result<()> {
        let parent = hierarchy.parent();
        sweep::sweep(parent);
        if hierarchy.version == Version::V2 {
            let wanted: Vec<_> = limits.v2().iter().map(|setting| setting.controller).collect();
            self.handed_down.push(delegation::hand_down(hierarchy, &wanted)?);
        }
        let path = parent.join(name);
        fs::create_dir(&path).doing("mkdir(2) cgroup", &path)?;
        let lock = scratch::lock(&path)
            .ok_or_else(|| Error::refused("flock(2)", path.display(), "another has it"))?;
        let tasks = (hierarchy.version == Version::V1).then(|| v1::open_tasks(&path)).transpose()?;
        self.groups.push(Group { hierarchy: hierarchy.clone(), path, lock, tasks });
        Ok(())
    }

    /// Writes each setting in the tree that has its controller, under that tree's names.
    fn set(&self, limits: &Limits) -> Result<()> {
        let plans = [(Version::V2, limits.v2()), (Version::V1, v1::settings(limits))];
        for (version, setting) in
            plans.iter().flat_map(|(version, plan)| plan.iter().map(move |s| (version, s)))
        {
            let file = self.file(setting.controller, setting.file)?;
            if self.group(setting.controller).is_some_and(|group| group.hierarchy.version == *version) {
                write(&file, setting)?;
            }
        }
        Ok(())
    }

    /// The directory that holds the controller's files.
    fn group(&self, controller: &str) -> Option<&Group> {
        let holds = |group: &&Group| group.hierarchy.controllers.iter().any(|name| name == controller);
        self.groups.iter().find(holds)
    }

    /// The path of a controller's file. Errors name a controller that there is not.
    pub fn file(&self, controller: &str, file: &str) -> Result<PathBuf> {
        let missing = || Error::refused("find the controller", controller, "it is in no tree of this host");
        self.group(controller).map(|group| group.path.join(file)).ok_or_else(missing)
    }

    // ANCHOR: birthplace
    /// Where clone3(2) shall have the child born: the directory in the version 2 tree, if there is one.
    pub fn birthplace(&self) -> Option<BorrowedFd<'_>> {
        self.unified().map(|group| group.lock.as_fd())
    }
    // ANCHOR_END: birthplace

    fn unified(&self) -> Option<&Group> {
        self.groups.iter().find(|group| group.hierarchy.version == Version::V2)
    }

    // ANCHOR: enter
    /// Moves the caller into the trees of version 1; in that of version 2 it was born. For init, before it
    /// does anything that should count.
    pub fn enter(&self) -> Result<()> {
        self.groups.iter().filter_map(|group| group.tasks.as_ref()).try_for_each(v1::enter)
    }
    // ANCHOR_END: enter

    /// Its directories, one a tree.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// `v2`, `v1`, or which controllers are where.
    pub fn flavour(&self) -> &str {
        &self.flavour
    }

    /// Kills what is left in it and removes it. All errors are told, the first is returned.
    pub fn remove(self) -> Result<()> {
        let mut outcomes: Vec<Result<()>> =
            self.groups.iter().map(|group| sweep::remove(&group.path)).collect();
        outcomes.extend(self.handed_down.into_iter().map(HandedDown::take_back));
        let mut errors = outcomes.into_iter().filter_map(Result::err);
        let first = errors.next();
        errors.for_each(|error| term::warn(&error));
        first.map_or(Ok(()), Err)
    }
}

/// Writes a setting. A file that is missing is passed over only if nobody asked for it.
fn write(file: &Path, setting: &Setting) -> Result<()> {
    if setting.implied && !file.exists() {
        return Ok(());
    }
    fs::write(file, &setting.value).doing(format!("write {:?} to the cgroup file", setting.value), file)
}
