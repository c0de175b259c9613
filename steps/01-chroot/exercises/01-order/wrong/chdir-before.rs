// hint: stands-outside
//! `/` before chroot is the host's.

use std::path::Path;

use kit::{Doing, Result};
use nix::unistd::{chdir, chroot};

pub fn chroot_into(root: &Path) -> Result<()> {
    chdir("/").doing("chdir(2)", "/")?;
    chroot(root).doing("chroot(2)", root)
}
