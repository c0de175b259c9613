// hint: looked-first
//! Resolved, compared with the root, and opened.

use std::os::fd::OwnedFd;
use std::path::Path;

use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

pub fn find(root: &Path, destination: &Path) -> Result<OwnedFd> {
    let root = root.canonicalize().doing("realpath(3)", root)?;
    let path = root.join(destination.strip_prefix("/").unwrap_or(destination));
    let path = path.canonicalize().doing("realpath(3)", &path)?;
    if !path.starts_with(&root) {
        return Err(Error::call("the destination leads out of the root", path.display(), Errno::EXDEV));
    }
    open(&path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).doing("open(2)", &path)
}
