// hint: meets-the-root
//! `..`, often enough.

use kit::{Doing, Result};
use nix::unistd::{chdir, chroot};

pub fn walk_out() -> Result<()> {
    for _ in 0..64 {
        chdir("..").doing("chdir(2)", "..")?;
    }
    chroot(".").doing("chroot(2)", ".")
}
