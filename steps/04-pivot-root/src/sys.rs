//! A /sys of the container's own, and in it the container's part of the cgroup tree.

use std::fs;
use std::path::Path;

use kit::{Doing, Result};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use step_03::Cgroup;
use step_03::hierarchy::Version;

use crate::NONE;

/// What every mount here has: nothing in it is a program, a device, or to be changed.
const FLAGS: MsFlags =
    MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV).union(MsFlags::MS_NOEXEC).union(MsFlags::MS_RDONLY);

/// Mounts a new /sys below the root, read-only: it shows the links of the network namespace.
///
/// In a user namespace the kernel refuses it (EPERM) where the host's /sys is covered in part, or where the
/// network namespace belongs to another. Then the host's is bound, recursively, and made read-only.
pub fn mount_sys(root: &Path) -> Result<()> {
    let sys = root.join("sys");
    if !sys.is_dir() {
        return Ok(());
    }
    match mount(Some("sysfs"), &sys, Some("sysfs"), FLAGS, NONE) {
        Err(Errno::EPERM) => bind_outer_sys(&sys),
        outcome => outcome.doing("mount(2) sysfs on", &sys),
    }
}

/// Binds the /sys that is there, read-only at its top.
pub fn bind_outer_sys(target: &Path) -> Result<()> {
    let bind = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some("/sys"), target, NONE, bind, NONE).doing("mount(2) MS_BIND|MS_REC of /sys on", target)?;
    let again = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | FLAGS;
    mount(NONE, target, NONE, again, NONE).doing("mount(2) MS_REMOUNT|MS_RDONLY on", target)
}

/// Puts the container's own group there, usually at /sys/fs/cgroup: read-only, for programs that look for
/// their limits. On a version 1 host it has a directory in each tree; a small tmpfs holds them side by side.
pub fn mount_cgroups(top: &Path, cgroup: &Cgroup) -> Result<()> {
    if let [group] = cgroup.groups() {
        return bind_read_only(group.path(), top);
    }
    let flags = FLAGS - MsFlags::MS_RDONLY;
    mount(Some("tmpfs"), top, Some("tmpfs"), flags, Some("mode=755,size=64k"))
        .doing("mount(2) tmpfs on", top)?;
    for group in cgroup.groups() {
        let name = match group.hierarchy().version {
            Version::V1 => group.hierarchy().options.as_str(),
            Version::V2 => "unified",
        };
        let dir = top.join(name);
        fs::create_dir(&dir).doing("mkdir(2)", &dir)?;
        bind_read_only(group.path(), &dir)?;
    }
    Ok(())
}

/// A bind mount takes its flags only when it is mounted again.
fn bind_read_only(from: &Path, to: &Path) -> Result<()> {
    mount(Some(from), to, NONE, MsFlags::MS_BIND, NONE).doing("mount(2) MS_BIND of the cgroup on", to)?;
    let again = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | FLAGS;
    mount(NONE, to, NONE, again, NONE).doing("mount(2) MS_REMOUNT|MS_RDONLY on", to)
}
