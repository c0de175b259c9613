// hint: path-of-the-host
//! The path of the root is the host's: below the new root there is no such directory.

use std::path::Path;

use kit::{Doing, Result};
use nix::unistd::{chdir, chroot};

pub fn chroot_into(root: &Path) -> Result<()> {
    chroot(root).doing("chroot(2)", root)?;
    chdir(root).doing("chdir(2)", root)
}
