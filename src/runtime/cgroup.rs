//! The cgroups of a container: made, entered, and removed again, with all that is in them.
//!
//! Only what we have made is ours: which directories those are is written down before the first is made, and nothing
//! else is ever killed or removed. A cgroup in which somebody else lives already is refused.

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use crate::error::{Doing, Error, Kind, Result};
use crate::oci::resources::Resources;
use crate::sys::file::text;

mod device;
mod hierarchy;
mod remove;
pub(super) mod value;

pub(super) use device::permit;
pub(super) use hierarchy::{Hierarchy, Version};
pub(super) use remove::{kill, remove, remove_empty, signal_all};

/// The cgroup of a container in one hierarchy, as its state keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Its directory.
    pub(super) dir: PathBuf,
    /// The controllers of a hierarchy of version 1; none in version 2.
    pub(super) controllers: Vec<String>,
    /// Where the hierarchy is mounted.
    pub(super) top: PathBuf,
    /// The directories that we make: those above it that are missing, and itself; the uppermost first.
    pub(super) ours: Vec<PathBuf>,
}

impl Place {
    /// Those in which a process is now.
    pub(super) fn of_process(pid: i32) -> Result<Vec<Self>> {
        let place = |Hierarchy { top, controllers, own, .. }| Self {
            dir: top.join(own),
            controllers,
            top,
            ours: Vec::new(),
        };
        Ok(Hierarchy::of(&pid.to_string())?.into_iter().map(place).collect())
    }

    fn version(&self) -> Version {
        if self.controllers.is_empty() { Version::Two } else { Version::One }
    }
}

/// Where a container's cgroups are going to be, and which of them have to be made. Nothing is done yet.
///
/// Errors: [`Kind::Busy`] for a cgroup in which somebody lives.
pub(super) fn plan(cgroups_path: Option<&str>, id: &str) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    for hierarchy in Hierarchy::all()? {
        let dir = directory(&hierarchy, cgroups_path.filter(|path| !path.is_empty()), id);
        if dir == hierarchy.top {
            let reason = "it would be the top of the hierarchy, which is the host's";
            return Err(Error::refused(Kind::Invalid, "config.json", "linux.cgroupsPath", reason));
        }
        let mut ours = Vec::new();
        for dir in dir.ancestors().take_while(|dir| **dir != hierarchy.top) {
            // That it cannot be looked at does not mean that it is not there.
            if dir.try_exists().doing("stat(2)", dir)? {
                break;
            }
            ours.push(dir.to_owned());
        }
        ours.reverse();
        if ours.is_empty() && !inhabitants(&dir)?.is_empty() {
            return Err(Error::refused(
                Kind::Busy,
                "use the cgroup",
                &dir,
                "there are processes in it already",
            ));
        }
        places.push(Place { dir, controllers: hierarchy.controllers, top: hierarchy.top, ours });
    }
    Ok(places)
}

/// An absolute path counts from the top of each hierarchy, a relative one, and none at all, from where we are.
fn directory(hierarchy: &Hierarchy, path: Option<&str>, id: &str) -> PathBuf {
    match path {
        Some(path) if path.starts_with('/') => hierarchy.top.join(path.trim_start_matches('/')),
        path => {
            // In version 2 a cgroup with processes in it cannot have children with limits: so beside us, not below.
            let from = match hierarchy.version {
                Version::One => hierarchy.own.as_path(),
                Version::Two => hierarchy.own.parent().unwrap_or(Path::new("")),
            };
            hierarchy.top.join(from).join(path.unwrap_or(id))
        }
    }
}

/// The processes in a cgroup itself, without its children.
fn inhabitants(dir: &Path) -> Result<Vec<i32>> {
    let path = dir.join("cgroup.procs");
    Ok(text(path)?.lines().filter_map(|line| line.parse().ok()).collect())
}

/// Whether this user may make it: whether what it is made in belongs to them.
pub(super) fn may_make(place: &Place) -> bool {
    let above = place.dir.ancestors().find(|dir| dir.exists());
    above.is_some_and(|above| nix::unistd::access(above, nix::unistd::AccessFlags::W_OK).is_ok())
}

/// Makes the cgroups. Errors: those of mkdir(2), with the directory; [`Kind::Busy`] for one that somebody else has made since
/// the plan was: it is none of ours then, and written down so.
pub(super) fn make(places: &mut [Place]) -> Result<()> {
    let limits = version_of_limits(places);
    places.iter_mut().try_for_each(|place| make_one(place, limits))
}

/// The version that limits are written to: where there is any of version 1, the one of version 2 beside it has none to enforce.
fn version_of_limits(places: &[Place]) -> Version {
    if places.iter().any(|place| place.version() == Version::One) { Version::One } else { Version::Two }
}

fn make_one(place: &mut Place, limits: Version) -> Result<()> {
    let relative = place.dir.strip_prefix(&place.top).unwrap_or(&place.dir);
    let mut dir = place.top.clone();
    for name in relative.components() {
        // Beside version 1 a controller that is handed on is one that other runtimes take for a host that they do not know.
        if limits == Version::Two {
            enable_controllers(&dir);
        }
        let above = dir.clone();
        dir.push(name);
        let made = make_directory(&dir, &above)?;
        if !made && dir == place.dir && place.ours.contains(&dir) {
            place.ours.clear();
            return Err(Error::refused(
                Kind::Busy,
                "make the cgroup",
                &dir,
                "somebody else has made it meanwhile",
            ));
        }
        if place.controllers.iter().any(|name| name == "cpuset") {
            inherit_cpuset(&dir, &above)?;
        }
    }
    Ok(())
}

/// Whether it was made, and not there before. Whoever else makes or removes the directories above at the same moment must not
/// stop us.
fn make_directory(dir: &Path, above: &Path) -> Result<bool> {
    for _ in 0..16 {
        match fs::create_dir(dir) {
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => return Ok(false),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => match fs::create_dir(above) {
                Err(error) if error.raw_os_error() != Some(libc::EEXIST) => {
                    return Err(error).doing("mkdir(2)", above);
                }
                _ => {}
            },
            outcome => return outcome.doing("mkdir(2)", dir).map(|()| true),
        }
    }
    Err(Error::call("mkdir(2)", dir, Errno::EAGAIN))
}

/// Hands all controllers that there are on to the children. One that cannot be handed on shows when a limit needs it:
/// its file is missing then, and that is an error.
fn enable_controllers(dir: &Path) {
    let Ok(controllers) = text(dir.join("cgroup.controllers")) else { return };
    if controllers.trim().is_empty() {
        return;
    }
    let Ok(enabled) = text(dir.join("cgroup.subtree_control")) else { return };
    for name in
        controllers.split_whitespace().filter(|name| !enabled.split_whitespace().any(|one| one == *name))
    {
        let _ = fs::write(dir.join("cgroup.subtree_control"), format!("+{name}"));
    }
}

/// A cpuset of version 1 is born without processors, and nobody can live in it.
fn inherit_cpuset(dir: &Path, above: &Path) -> Result<()> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let (own, theirs) = (dir.join(file), above.join(file));
        if text(&own)?.trim().is_empty() {
            let value = text(&theirs)?;
            fs::write(&own, value.trim()).doing("write", &own)?;
        }
    }
    Ok(())
}

/// Writes the limits. Errors name the field that asks for what is not to be had, or the file that refuses.
pub(super) fn limit(places: &[Place], resources: &Resources) -> Result<()> {
    let version = version_of_limits(places);
    for write in value::writes(resources, version)? {
        let place = places.iter().find(|place| {
            version == Version::Two || place.controllers.iter().any(|name| *name == write.controller)
        });
        let Some(place) = place else {
            let reason = format!("no cgroup hierarchy has the controller {:?}", write.controller);
            return Err(Error::refused(Kind::Unsupported, "config.json", write.field, reason));
        };
        let path = place.dir.join(&write.file);
        // Opened without O_CREAT: a missing file is a missing controller, not a file to be made.
        let opened = OpenOptions::new().write(true).open(&path);
        opened
            .and_then(|mut file| std::io::Write::write_all(&mut file, write.value.as_bytes()))
            .doing(format_args!("write {:?} to", write.value), &path)
            .doing(write.field, "")?;
    }
    Ok(())
}

/// What a process needs to enter the cgroups, opened by somebody who may.
#[derive(Debug, Default)]
pub(super) struct Entrances {
    /// The directory of version 2, in which a child can be born.
    pub(super) two: Option<File>,
    tasks: Vec<File>,
}

impl Entrances {
    /// Opens them.
    pub(super) fn open(places: &[Place]) -> Result<Self> {
        let mut entrances = Self::default();
        for place in places {
            match place.version() {
                Version::Two => entrances.two = Some(File::open(&place.dir).doing("open(2)", &place.dir)?),
                Version::One => {
                    let path = place.dir.join("tasks");
                    entrances.tasks.push(OpenOptions::new().write(true).open(&path).doing("open(2)", &path)?);
                }
            }
        }
        Ok(entrances)
    }

    /// Moves this process, which has one thread, into those of version 1. A thread that moves itself takes no lock that
    /// the kernel would wait for, unlike one that is moved by another through `cgroup.procs`: 10 ms less.
    pub(super) fn enter(&self) -> Result<()> {
        for tasks in &self.tasks {
            nix::unistd::write(tasks, b"0").doing("write \"0\" to", tasks.as_fd())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A place in a tree of plain files, of which the top has a controller to hand on.
    fn place(top: &Path, controllers: &[&str]) -> Place {
        fs::create_dir(top).expect("made");
        fs::write(top.join("cgroup.controllers"), "hugetlb\n").expect("written");
        fs::write(top.join("cgroup.subtree_control"), "").expect("written");
        let controllers = controllers.iter().map(|name| (*name).to_owned()).collect();
        Place { dir: top.join("c"), controllers, top: top.to_owned(), ours: vec![top.join("c")] }
    }

    fn handed_on(place: &Place) -> String {
        fs::read_to_string(place.top.join("cgroup.subtree_control")).expect("read")
    }

    #[test]
    fn controllers_are_handed_on_where_version_2_stands_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut pure = [place(&dir.path().join("pure"), &[])];
        make(&mut pure).expect("made");
        assert_eq!(handed_on(&pure[0]), "+hugetlb");

        let mut hybrid = [place(&dir.path().join("two"), &[]), place(&dir.path().join("one"), &["pids"])];
        make(&mut hybrid).expect("made");
        assert_eq!(hybrid.each_ref().map(handed_on), ["", ""]);
        assert!(hybrid.iter().all(|place| place.dir.is_dir()));
    }
}
