// hint: beneath
//! Whatever leads out is refused, and what only seems to.

use std::os::fd::OwnedFd;
use std::path::Path;

use kit::{Doing, Result};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;

pub fn find(root: &Path, destination: &Path) -> Result<OwnedFd> {
    let place = OFlag::O_PATH | OFlag::O_CLOEXEC;
    let root = open(root, place, Mode::empty()).doing("open(2)", root)?;
    let path = destination.strip_prefix("/").unwrap_or(destination);
    let how = OpenHow::new().flags(place).resolve(ResolveFlag::RESOLVE_BENEATH);
    openat2(&root, path, how).doing("openat2(2)", path)
}
