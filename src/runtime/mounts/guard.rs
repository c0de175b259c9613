//! Where procfs and sysfs may be mounted, and what may be mounted into procfs.
//!
//! What the runtime writes there afterwards, and what it masks, has to be the real one. An image that has a link at /proc,
//! or a volume that lands inside of it, would make it something else.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use super::Planned;
use crate::error::{Error, Kind, Result};
use crate::sys::inode;
use crate::sys::mount::Tree;
use crate::sys::path::Root;

/// Files of procfs that may be replaced: they tell of resources, and nothing is decided by them.
const REPLACEABLE: [&str; 10] = [
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/net/dev",
    "/proc/slabinfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/uptime",
];

/// Refuses a place that is not where it seems to be. Errors: [`Kind::Invalid`].
pub(super) fn check(root: &Root, onto: &OwnedFd, mount: &Planned, tree: &Tree) -> Result<()> {
    let inside = root.path_of(onto.as_fd())?;
    let refused =
        |reason: String| Err(Error::refused(Kind::Invalid, "mount onto", &mount.destination, reason));
    if matches!(mount.kind.as_str(), "proc" | "sysfs") && mount.options.bind.is_none() {
        let asked = Path::new("/").join(&mount.destination);
        if inside != asked.components().collect::<std::path::PathBuf>() {
            return refused(format!(
                "a link leads to {}, where {} must not be",
                inside.display(),
                mount.kind
            ));
        }
        return Ok(());
    }
    match inside.strip_prefix("/proc") {
        Err(_) => Ok(()),
        Ok(rest) if rest.as_os_str().is_empty() => inode::Expect::ProcRoot.verify(tree.as_fd()),
        Ok(_) if REPLACEABLE.iter().any(|path| inside == Path::new(path)) => Ok(()),
        Ok(_) => refused(format!("{} is inside of /proc", inside.display())),
    }
}
