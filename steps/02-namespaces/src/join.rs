//! The way into namespaces that are there already.
//!
//! A namespace is entered through a process that lives in it. A pidfd stands for all of its namespaces at
//! once (setns(2), Linux 5.8), and the kernel takes them in the right order, the user namespace first.

use std::fs::File;

use kit::{Doing, Result};
use nix::sched::{CloneFlags, setns};
use nix::unistd::{Pid, chdir, chroot, fchdir, getpid};
use step_00::supervise::pidfd_open;

// ANCHOR: enter
/// Enters those namespaces of a process that differ from ours, and its root directory.
///
/// The pid namespace is the exception to "enters": only children that are made afterwards live in it.
/// Errors: ESRCH, EPERM.
pub fn enter(pid: Pid) -> Result<()> {
    let target = format!("/proc/{pid}/root");
    let process = pidfd_open(pid)?;
    let root = File::open(&target).doing("open(2)", &target)?;
    let kinds = differing(pid);
    if !kinds.is_empty() {
        setns(&process, kinds)
            .doing(format!("setns(2) {}", crate::names(kinds)), pid.to_string().as_str())?;
    }
    fchdir(&root).doing("fchdir(2)", &target)?;
    chroot(".").doing("chroot(2)", &target)?;
    chdir("/").doing("chdir(2)", "/")
}
// ANCHOR_END: enter

/// Entering one's own user namespace is EINVAL, so what we share is left out.
fn differing(pid: Pid) -> CloneFlags {
    let kinds = [
        ("mnt", CloneFlags::CLONE_NEWNS),
        ("uts", CloneFlags::CLONE_NEWUTS),
        ("ipc", CloneFlags::CLONE_NEWIPC),
        ("pid", CloneFlags::CLONE_NEWPID),
        ("net", CloneFlags::CLONE_NEWNET),
        ("user", CloneFlags::CLONE_NEWUSER),
        ("cgroup", CloneFlags::CLONE_NEWCGROUP),
    ];
    let of = |pid: Pid, kind: &str| std::fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok();
    let differs = |kind: &str| of(pid, kind) != of(getpid(), kind);
    kinds.iter().filter(|(kind, _)| differs(kind)).fold(CloneFlags::empty(), |all, (_, flag)| all | *flag)
}
