//! The mounts of a container, in its root before that is pivoted into.
//!
//! Each is made where nobody sees it, given its flags, and only then hung onto a place that was found below the root by
//! descriptor: no name that an image has prepared decides where it lands.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, SFlag};

use super::cgroup::Place;
use super::option::Options;
use crate::error::{Doing, Error, Kind, Result};
use crate::oci::Spec;
use crate::oci::spec::Mount;
use crate::sys::inode;
use crate::sys::mount::{Attributes, Change, Configuration, Extent, Tree};
use crate::sys::path::{Mounts as Crossing, Root};

mod cgroup;
mod guard;

/// A mount that is planned.
#[derive(Debug)]
pub(super) struct Planned {
    /// Where it stands in the configuration.
    path: String,
    destination: PathBuf,
    kind: String,
    source: String,
    options: Options,
    /// The tree, where the parent had to take it: what it may reach, init in a user namespace may not.
    taken: Option<Tree>,
}

/// What mounting needs to know of the container.
#[derive(Debug)]
pub(super) struct Surroundings<'a> {
    pub(super) own_pids: bool,
    pub(super) own_cgroup: bool,
    pub(super) cgroups: &'a [Place],
}

/// Sorts out what is to be mounted; relative sources count from the bundle. Errors: options that cannot be had.
pub(super) fn plan(spec: &Spec, bundle: &Path, take: bool) -> Result<Vec<Planned>> {
    let planned = spec.mounts.iter().enumerate().map(|(index, mount)| one(index, mount, bundle, take));
    planned.collect()
}

fn one(index: usize, mount: &Mount, bundle: &Path, take: bool) -> Result<Planned> {
    let path = format!("mounts[{index}]");
    let options = Options::of(&path, mount)?;
    let mut source = mount.source.clone().unwrap_or_default();
    if options.bind.is_some() {
        source = bundle.join(source).display().to_string();
    }
    let kind = mount.kind.clone().unwrap_or_default();
    if options.bind.is_none() && kind.is_empty() {
        return Err(Error::refused(
            Kind::Invalid,
            "config.json",
            format!("{path}.type"),
            "it is missing, and it is no bind",
        ));
    }
    let taken = match options.bind {
        Some(extent) if take => Some(take_tree(Path::new(&source), extent).doing(path.as_str(), "")?),
        _ => None,
    };
    Ok(Planned { path, destination: mount.destination.clone().into(), kind, source, options, taken })
}

/// A copy of what the host has at a path that its administrator, or the user, has named.
pub(super) fn take_tree(source: &Path, extent: Extent) -> Result<Tree> {
    let place =
        open(source, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).doing("open(2) O_PATH", source)?;
    Tree::copy_of(place.as_fd(), extent)
}

/// Carries out all of them, in their order. Errors name the mount's place in the configuration, and the call.
pub(super) fn mount_all(root: &Root, planned: &[Planned], surroundings: &Surroundings<'_>) -> Result<()> {
    for mount in planned {
        mount_one(root, mount, surroundings).doing(mount.path.as_str(), "")?;
    }
    Ok(())
}

fn mount_one(root: &Root, mount: &Planned, surroundings: &Surroundings<'_>) -> Result<()> {
    if mount.kind == "cgroup" && mount.options.bind.is_none() {
        return cgroup::mount(root, mount, surroundings);
    }
    let tree = mount.tree(surroundings)?;
    let onto = match inode::format(tree.as_fd())? {
        SFlag::S_IFDIR => root.make_directory(&mount.destination, Mode::from_bits_truncate(0o755))?,
        _ => root.make_file(&mount.destination, Mode::from_bits_truncate(0o755))?,
    };
    guard::check(root, &onto, mount, &tree)?;
    mount.change(&tree)?;
    tree.attach(onto.as_fd())?;
    mount.propagate(&tree)
}

impl Planned {
    /// The tree, which hangs nowhere yet.
    fn tree(&self, surroundings: &Surroundings<'_>) -> Result<Tree> {
        match (&self.taken, self.options.bind) {
            (Some(taken), _) => taken.try_clone(),
            (None, Some(extent)) => take_tree(Path::new(&self.source), extent),
            (None, None) => self.file_system().or_else(|error| self.instead(error, surroundings)),
        }
    }

    fn file_system(&self) -> Result<Tree> {
        let system = Configuration::open(&self.kind)?;
        if !self.source.is_empty() {
            system.set("source", &self.source)?;
        }
        for (name, value) in &self.options.data {
            match value {
                Some(value) => system.set(name, value)?,
                None => system.flag(name)?,
            }
        }
        system.mount(self.options.set | self.options.set_all)
    }

    /// Who is root in a user namespace only may not have a sysfs that tells of another's network, nor a procfs where the one
    /// outside is masked. Then the one that is there is taken: of sysfs read-only, of procfs only if it tells of the same
    /// processes.
    fn instead(&self, error: Error, surroundings: &Surroundings<'_>) -> Result<Tree> {
        let denied = matches!(error.errno(), Some(Errno::EPERM | Errno::EBUSY));
        match self.kind.as_str() {
            "sysfs" if denied => {
                let tree = take_tree(Path::new("/sys"), Extent::All)?;
                tree.change(&Change { set: Attributes::RDONLY, ..Change::default() }, Extent::All)?;
                Ok(tree)
            }
            "proc" if denied && !surroundings.own_pids => {
                let tree = take_tree(Path::new("/proc"), Extent::All)?;
                inode::Expect::ProcRoot.verify(tree.as_fd())?;
                Ok(tree)
            }
            "proc" if denied => Err(error.advise("is /proc masked in the outer container?")),
            _ => Err(error),
        }
    }

    /// Gives a bind mount its flags; a new file system has been born with them. What is not named stays as it is: flags
    /// that the host has set on what is bound are not cleared unasked.
    fn change(&self, tree: &Tree) -> Result<()> {
        let options = &self.options;
        if options.bind.is_some() {
            change(tree, options.set, options.clear, Extent::One)?;
        }
        change(tree, options.set_all, options.clear_all, Extent::All)
    }

    fn propagate(&self, tree: &Tree) -> Result<()> {
        match self.options.propagation {
            None => Ok(()),
            Some((kind, extent)) => {
                tree.change(&Change { propagation: Some(kind), ..Change::default() }, extent)
            }
        }
    }
}

fn change(tree: &Tree, set: Attributes, clear: Attributes, extent: Extent) -> Result<()> {
    if set.is_empty() && clear.is_empty() {
        return Ok(());
    }
    tree.change(&Change { set, clear, ..Change::default() }, extent)
}

/// Covers what shall not be read: a file by /dev/null, a directory by an empty one.
pub(super) fn mask(root: &Root, paths: &[String]) -> Result<()> {
    let mut null = None;
    let mut empty: Option<Tree> = None;
    for (index, path) in paths.iter().enumerate() {
        let Some(place) = existing(root, path)? else { continue };
        let tree = if inode::format(place.as_fd())? == SFlag::S_IFDIR {
            // One file system for all of them.
            match &empty {
                Some(tree) => Tree::copy_of(tree.as_fd(), Extent::One)?,
                None => nothing()?,
            }
        } else {
            let null: &OwnedFd = match &mut null {
                Some(null) => null,
                none => none.insert(host_device("/dev/null", 1, 3)?),
            };
            Tree::copy_of(null.as_fd(), Extent::One)?
        };
        tree.attach(place.as_fd()).doing(format_args!("linux.maskedPaths[{index}]"), "")?;
        if inode::format(place.as_fd())? == SFlag::S_IFDIR && empty.is_none() {
            empty = Some(tree);
        }
    }
    Ok(())
}

/// A directory in which nothing is, and nothing can be put.
fn nothing() -> Result<Tree> {
    let system = Configuration::open("tmpfs")?;
    system.set("source", "tmpfs")?;
    system.mount(Attributes::RDONLY)
}

/// Makes what is below these paths read-only.
pub(super) fn make_readonly(root: &Root, paths: &[String]) -> Result<()> {
    for (index, path) in paths.iter().enumerate() {
        let Some(place) = existing(root, path)? else { continue };
        let tree = Tree::copy_of(place.as_fd(), Extent::All)?;
        let readonly = Change { set: Attributes::RDONLY, ..Change::default() };
        let done = tree.change(&readonly, Extent::All).and_then(|()| tree.attach(place.as_fd()));
        done.doing(format_args!("linux.readonlyPaths[{index}]"), "")?;
    }
    Ok(())
}

/// What does not exist needs not be hidden.
fn existing(root: &Root, path: &str) -> Result<Option<OwnedFd>> {
    match root.find(Path::new(path), Crossing::Cross) {
        Ok(place) => Ok(Some(place)),
        Err(error) if matches!(error.errno(), Some(Errno::ENOENT | Errno::ENOTDIR)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A device node of the host, as a place to be bound; verified, for its name proves nothing.
pub(super) fn host_device(path: &str, major: u64, minor: u64) -> Result<OwnedFd> {
    let place = open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).doing("open(2) O_PATH", path)?;
    inode::Expect::Character(major, minor).verify(place.as_fd())?;
    Ok(place)
}

/// A directory of the host, opened.
fn host_directory(path: &Path) -> Result<File> {
    File::open(path).doing("open(2)", path)
}
