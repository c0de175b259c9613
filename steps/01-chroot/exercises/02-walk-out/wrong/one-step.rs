// hint: one-step
//! One step is enough to be outside.

use std::fs::{self, File};

use kit::{Doing, Error, Result};
use nix::unistd::{chdir, chroot, fchdir};

/// Makes the top of the whole tree the root and the working directory of this process.
pub fn walk_out() -> Result<()> {
    let outside = File::open("/").doing("open(2)", "/")?;
    let dirs = fs::read_dir("/").doing("read", "/")?.flatten();
    let dir = dirs.map(|entry| entry.path()).find(|path| path.is_dir());
    let dir = dir.ok_or_else(|| Error::refused("find a directory in", "/", "there is none"))?;
    chroot(&dir).doing("chroot(2)", &dir)?;
    fchdir(&outside).doing("fchdir(2)", "the root before")?;
    chdir("..").doing("chdir(2)", "..")?;
    chroot(".").doing("chroot(2)", ".")
}
