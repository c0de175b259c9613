//! The mounts of a configuration, each onto a descriptor that was found inside the root.
//!
//! It supersedes lesson 05's, which joined the root and the destination to one path and trusted it: attack A8.

use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use kit::{Result, term};
use nix::errno::Errno;
use nix::mount::MsFlags;
use step_03::Cgroup;
use step_03::hierarchy::Version;
use step_04::dev;
use step_05::Bundle;
use step_05::mount::Mount;

use crate::attach::{self, Detached};
use crate::resolve::{Kind, Root};

/// What nothing in /sys or the cgroup tree needs to be.
const PLAIN: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV).union(MsFlags::MS_NOEXEC);

/// The mounts in their order, and then the devices that the specification wants in every /dev.
pub fn mount_all(bundle: &Bundle, cgroup: Option<&Cgroup>) -> Result<()> {
    let root = Root::open(&bundle.root)?;
    for mount in &bundle.config.mounts {
        match (mount.kind.as_str(), cgroup) {
            ("cgroup", Some(cgroup)) => mount_cgroups(&root, &mount.destination, cgroup)?,
            ("cgroup", None) => term::note("not applied: the mount of type cgroup (there is no cgroup)"),
            _ => mount_one(&root, mount, &bundle.dir)?,
        }
    }
    let own = |mount: &Mount| mount.kind == "tmpfs" && mount.destination == Path::new("/dev");
    if bundle.config.mounts.iter().any(own) {
        return populate(&root);
    }
    // Files that are made in a directory of the image's could be made elsewhere, by links that lie in it.
    term::note("not applied: the devices of /dev (no tmpfs is mounted there)");
    Ok(())
}

// ANCHOR: mount_one
fn mount_one(root: &Root, mount: &Mount, bundle: &Path) -> Result<()> {
    let source = bundle.join(&mount.source);
    let bind = mount.flags.contains(MsFlags::MS_BIND);
    let kind = if bind && source.is_file() { Kind::File } else { Kind::Directory };
    let mut target = root.make(&mount.destination, kind)?;
    if ["proc", "sysfs"].contains(&mount.kind.as_str()) {
        // A /proc that is elsewhere by way of a link would leave programs with a false one: CVE-2023-28642.
        target = root.find_itself(&mount.destination)?;
    }
    let made = if bind {
        attach::copy_of_path(&source, mount.flags.contains(MsFlags::MS_REC))?.set(mount.flags, false)
    } else {
        new_or_outer(mount)
    };
    let propagated = mount.propagation.iter().try_fold(made?, |made, flag| made.propagate(*flag))?;
    propagated.onto(target.as_fd(), &mount.destination).map(drop)
}
// ANCHOR_END: mount_one

/// In a user namespace a new procfs or sysfs may be refused; lessons 02 and 04 have told when, and what serves
/// instead.
fn new_or_outer(mount: &Mount) -> Result<Detached> {
    let made = attach::new(&mount.kind, &mount.source, &mount.data, mount.flags);
    let refused = made.as_ref().is_err_and(|error| error.errno() == Some(Errno::EPERM));
    match mount.kind.as_str() {
        "proc" if refused => {
            term::note("a new /proc is EPERM here (the outer one is masked): the outer one is bound instead");
            attach::copy_of_path(Path::new("/proc"), true)
        }
        "sysfs" if refused => {
            attach::copy_of_path(Path::new("/sys"), true)?.set(PLAIN | MsFlags::MS_RDONLY, false)
        }
        _ => made,
    }
}

/// As lesson 04: the container's own group, read-only; on a version 1 host a directory for each tree.
fn mount_cgroups(root: &Root, top: &Path, cgroup: &Cgroup) -> Result<()> {
    let target = root.make(top, Kind::Directory)?;
    let copy = |path: &Path| attach::copy_of_path(path, false)?.set(PLAIN | MsFlags::MS_RDONLY, false);
    if let [group] = cgroup.groups() {
        return copy(group.path())?.onto(target.as_fd(), top).map(drop);
    }
    let held = attach::new("tmpfs", "tmpfs", "mode=755,size=64k", PLAIN)?.onto(target.as_fd(), top)?;
    let inside = Root::of(held);
    for group in cgroup.groups() {
        let name = match group.hierarchy().version {
            Version::V1 => group.hierarchy().options.as_str(),
            Version::V2 => "unified",
        };
        let dir = inside.make(Path::new(name), Kind::Directory)?;
        copy(group.path())?.onto(dir.as_fd(), &top.join(name))?;
    }
    Ok(())
}

/// Lesson 04's devices. The directory was just mounted and is empty, so that no name in it can lead elsewhere.
fn populate(root: &Root) -> Result<()> {
    let dev = root.find(Path::new("/dev"))?;
    dev::populate(Path::new(&format!("/proc/self/fd/{}", dev.as_raw_fd())))
}
