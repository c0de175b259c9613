//! Lesson 04: the host's tree is gone.
//!
//! chroot moved a name. Here the tree itself changes: pivot_root(2) makes a mount the root of the mount
//! namespace, hangs the old root below it, and then the old one is unmounted, with everything on it. `..`
//! has nowhere to go, and attack A1 finds the top of its own tree again.
//!
//! What a container needs of the host must be mounted before, while there still is a host to mount from:
//! - [`dev`]: a few device nodes, and terminals of its own
//! - [`sys`]: the kernel's objects and the container's own part of the cgroup tree, read-only

use std::path::Path;

use kit::{Doing, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chdir, pivot_root};

// ANCHOR: rooms
pub mod dev;
pub mod sys;

pub(crate) const NONE: Option<&str> = None;
// ANCHOR_END: rooms

// ANCHOR: bind_to_itself
/// Makes a directory the root of a mount that can be pivoted to: pivot_root takes mounts, not directories.
/// Bound onto itself, the directory is one. Recursively, so that mounts below it come along.
pub fn bind_to_itself(root: &Path) -> Result<()> {
    let bind = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(root), root, NONE, bind, NONE).doing("mount(2) MS_BIND|MS_REC on itself", root)
}
// ANCHOR_END: bind_to_itself

// ANCHOR: pivot_into
/// Makes it the root of the mount namespace and of the caller, and lets go of the old root.
///
/// The caller has cut propagation (`step_02::mounts::make_private`), else pivot_root answers EINVAL; and called
/// [`bind_to_itself`], else it answers EBUSY where the directory lies on the same mount as the root, and EINVAL
/// where it lies on another. EPERM without `CAP_SYS_ADMIN`.
///
/// Both arguments are the same directory. The new root is mounted there, the old one on top of it at the same
/// place. To unmount `.` the kernel starts at the new root and moves up to what is stacked on it, which is the
/// old one (pivot_root(2)). So the root needs no directory for the old one, and may be read-only. `MNT_DETACH`,
/// since other mounts hang below the old root, and we still have files open on it.
pub fn pivot_into(root: &Path) -> Result<()> {
    chdir(root).doing("chdir(2)", root)?;
    pivot_root(".", ".").doing("pivot_root(2)", root)?;
    umount2(".", MntFlags::MNT_DETACH).doing("umount2(2) MNT_DETACH", "the old root")?;
    chdir("/").doing("chdir(2)", "/")
}
// ANCHOR_END: pivot_into
