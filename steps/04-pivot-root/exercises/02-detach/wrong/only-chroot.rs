// hint: only-a-name
//! As lesson 01 did it.

use std::path::Path;

use kit::{Doing, Result};
use nix::unistd::{chdir, chroot};

pub fn pivot_into(root: &Path) -> Result<()> {
    chdir(root).doing("chdir(2)", root)?;
    chroot(".").doing("chroot(2)", root)?;
    chdir("/").doing("chdir(2)", "/")
}
