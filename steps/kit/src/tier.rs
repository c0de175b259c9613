//! What this process may do, and the root that the kit borrows for it when it may little.

use std::fmt::{self, Display};
use std::fs;
use std::path::Path;

use guest::capability;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

use crate::{Doing, Result};

/// The privilege of the one who runs a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Holds `CAP_SYS_ADMIN`: may mount, chroot and clone without a user namespace.
    Root,
    /// Holds it not: a user namespace gives a root that reaches no further than that namespace.
    /// Uid 0 in a plain container belongs here too.
    User,
}

impl Tier {
    /// Reads the effective capabilities of this process; the uid alone says little.
    pub fn of_self() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:")).map(str::trim);
        let mask = mask.and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or(0);
        if capability::holds(mask, "CAP_SYS_ADMIN") { Self::Root } else { Self::User }
    }
}

impl Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Root => "root",
            Self::User => "user",
        })
    }
}

/// Gives the calling process a mount namespace of its own, in which the host's /proc is bound into the root: a
/// guest needs it to look around, and with the namespace it leaves again. Who is not privileged also gets the
/// root of a user namespace. Lesson 02 teaches both; until then the kit lends them.
///
/// Only the calling process changes: call it in the child. Errors name unshare(2), the map or the mount.
pub fn lend_mounts(tier: Tier, root: &Path) -> Result<()> {
    if tier == Tier::User {
        borrow_root()?;
    }
    unshare(CloneFlags::CLONE_NEWNS).doing("unshare(2) CLONE_NEWNS", "")?;
    let none: Option<&str> = None;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(none, "/", none, private, none).doing("mount(2) MS_REC|MS_PRIVATE on", "/")?;
    let proc = root.join("proc");
    if !proc.is_dir() {
        return Ok(());
    }
    // Recursively: what an outer container has mounted over parts of /proc is locked to it.
    let bind = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some("/proc"), &proc, none, bind, none).doing("mount(2) MS_BIND|MS_REC of /proc on", &proc)
}

// ANCHOR: borrow_root
/// Maps the caller's own uid and gid to 0 in a new user namespace: the one map that needs no privilege.
fn borrow_root() -> Result<()> {
    let (uid, gid) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER).doing("unshare(2) CLONE_NEWUSER", "")?;
    let write = |file: &str, text: String| fs::write(file, &text).doing(format!("write {text:?} to"), file);
    write("/proc/self/setgroups", "deny".into())?;
    write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    write("/proc/self/gid_map", format!("0 {gid} 1"))
}
// ANCHOR_END: borrow_root
