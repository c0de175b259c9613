//! Exercise 04.02: let go of the old root.

use std::path::Path;

use kit::{Doing, Result};
use nix::mount::{MntFlags, umount2};
use nix::unistd::{chdir, pivot_root};

/// Makes `root` the root of the mount namespace and of the caller, and lets go of the old root.
///
/// After pivot_root(".", ".") the old root is mounted on top of the new one, and `.` is the old one: it is unmounted
/// before anything names `/`. `MNT_DETACH`, for the caller itself still stands in it.
pub fn pivot_into(root: &Path) -> Result<()> {
    chdir(root).doing("chdir(2)", root)?;
    pivot_root(".", ".").doing("pivot_root(2)", root)?;
    umount2(".", MntFlags::MNT_DETACH).doing("umount2(2) MNT_DETACH", "the old root")?;
    chdir("/").doing("chdir(2)", "/")
}
