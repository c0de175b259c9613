// hint: no-links
//! No link, no danger.

use std::os::fd::OwnedFd;
use std::path::Path;

use kit::{Doing, Result};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;

pub fn find(root: &Path, destination: &Path) -> Result<OwnedFd> {
    let place = OFlag::O_PATH | OFlag::O_CLOEXEC;
    let root = open(root, place, Mode::empty()).doing("open(2)", root)?;
    let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_SYMLINKS;
    openat2(&root, destination, OpenHow::new().flags(place).resolve(resolve)).doing("openat2(2)", destination)
}
