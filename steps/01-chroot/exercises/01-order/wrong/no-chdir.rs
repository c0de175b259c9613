// hint: stands-outside
//! The root has moved, and the process stands where it stood.

use std::path::Path;

use kit::{Doing, Result};
use nix::unistd::chroot;

pub fn chroot_into(root: &Path) -> Result<()> {
    chroot(root).doing("chroot(2)", root)
}
