//! Exercise 05.04: a destination that is a symbolic link.

use std::os::fd::OwnedFd;
use std::path::Path;

use kit::{Doing, Result};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;

/// Finds a destination as the container will see it: a descriptor of the place, opened with `O_PATH`.
///
/// The kernel resolves it, link by link, as if the root were `/` already; nobody can change a link between a look and
/// the use, for there is no look. `RESOLVE_NO_MAGICLINKS`: the links of a procfs would jump out.
pub fn find(root: &Path, destination: &Path) -> Result<OwnedFd> {
    let place = OFlag::O_PATH | OFlag::O_CLOEXEC;
    let root = open(root, place | OFlag::O_DIRECTORY, Mode::empty()).doing("open(2)", root)?;
    let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    openat2(&root, destination, OpenHow::new().flags(place).resolve(resolve)).doing("openat2(2)", destination)
}
