// hint: path-of-the-host
//! The old root gets a directory of its own, and is unmounted by the path that this had before.

use std::fs;
use std::path::Path;

use kit::{Doing, Result};
use nix::mount::{MntFlags, umount2};
use nix::unistd::{chdir, pivot_root};

pub fn pivot_into(root: &Path) -> Result<()> {
    let old = root.join("old");
    fs::create_dir_all(&old).doing("mkdir(2)", &old)?;
    pivot_root(root, &old).doing("pivot_root(2)", root)?;
    chdir("/").doing("chdir(2)", "/")?;
    umount2(&old, MntFlags::MNT_DETACH).doing("umount2(2) MNT_DETACH", &old)
}
