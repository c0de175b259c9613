//! Exercise 01.01: the order of chroot and chdir.

use std::path::Path;

use kit::{Doing, Result};
use nix::unistd::{chdir, chroot};

/// Makes `root` the root directory of the calling process, which stands in it afterwards.
///
/// In it first, for its path is the host's; then the place where it stands becomes the root.
pub fn chroot_into(root: &Path) -> Result<()> {
    chdir(root).doing("chdir(2)", root)?;
    chroot(".").doing("chroot(2)", root)?;
    chdir("/").doing("chdir(2)", "/")
}
