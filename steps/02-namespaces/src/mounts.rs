//! A copy of the mount tree, and how it becomes one's own.
//!
//! `CLONE_NEWNS` copies every mount of the parent. The copies stay peers of their originals where those are
//! shared, and systemd shares `/`: a mount made in the copy then appears on the host, and stays there
//! (`mount_namespaces`(7)). So the first thing is to cut the propagation, in the whole tree.

use std::path::Path;

use kit::{Doing, Result, term};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};

const NONE: Option<&str> = None;

// ANCHOR: make_private
/// Cuts propagation both ways, recursively.
pub fn make_private() -> Result<()> {
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE)
        .doing("mount(2) MS_REC|MS_PRIVATE on", "/")
}
// ANCHOR_END: make_private

/// Mounts a new /proc below the root: it shows the pid namespace of the one who mounts it.
///
/// A root without a `proc` directory stays without it. In a user namespace the kernel refuses a new procfs
/// while the old one is covered in part, as an outer container has it: the covers would be lost
/// (`mount_too_revealing`). Then the old one serves, and that is said: it shows the outer processes too.
pub fn mount_proc(root: &Path) -> Result<()> {
    let target = root.join("proc");
    if !target.is_dir() {
        return Ok(());
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    match mount(Some("proc"), &target, Some("proc"), flags, NONE) {
        Err(Errno::EPERM) => bind_outer_proc(&target),
        outcome => outcome.doing("mount(2) proc on", &target),
    }
}

/// Binds the /proc that is there, with what covers parts of it.
pub fn bind_outer_proc(target: &Path) -> Result<()> {
    term::note("a new /proc is EPERM here (the outer one is masked): the outer one is bound instead");
    let bind = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some("/proc"), target, NONE, bind, NONE).doing("mount(2) MS_BIND|MS_REC of /proc on", target)
}
