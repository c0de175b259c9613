//! Exercise 01.01: the order of chroot and chdir.

use std::path::Path;

use kit::{Result, todo};

/// Makes `root` the root directory of the calling process, which stands in it afterwards.
///
/// Say each call by `.doing("chdir(2)", root)`, as the lesson does, and an error will name it.
pub fn chroot_into(root: &Path) -> Result<()> {
    let _ = root;
    Err(todo("01.01"))
}
