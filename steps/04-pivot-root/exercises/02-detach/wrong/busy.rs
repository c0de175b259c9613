// hint: busy
//! Unmounted at once, while everybody still uses it.

use std::path::Path;

use kit::{Doing, Result};
use nix::mount::{MntFlags, umount2};
use nix::unistd::{chdir, pivot_root};

pub fn pivot_into(root: &Path) -> Result<()> {
    chdir(root).doing("chdir(2)", root)?;
    pivot_root(".", ".").doing("pivot_root(2)", root)?;
    umount2(".", MntFlags::empty()).doing("umount2(2)", "the old root")?;
    chdir("/").doing("chdir(2)", "/")
}
