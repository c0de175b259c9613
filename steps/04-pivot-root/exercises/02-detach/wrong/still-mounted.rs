// hint: old-root-attached
//! The old root is out of sight, and still mounted.

use std::path::Path;

use kit::{Doing, Result};
use nix::unistd::{chdir, pivot_root};

pub fn pivot_into(root: &Path) -> Result<()> {
    chdir(root).doing("chdir(2)", root)?;
    pivot_root(".", ".").doing("pivot_root(2)", root)?;
    chdir("/").doing("chdir(2)", "/")
}
