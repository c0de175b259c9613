//! Exercise 04.01: the bind behind EINVAL.

use std::path::Path;

use kit::{Doing, Result};
use nix::mount::{MsFlags, mount};

const NONE: Option<&str> = None;

/// Makes a directory the root of a mount, so that it can be pivoted to; what is mounted below it comes along.
///
/// A bind mount shows at its target what the source shows. With both the same nothing looks different, and yet there
/// is a mount now where a directory was.
pub fn bind_to_itself(root: &Path) -> Result<()> {
    let bind = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(root), root, NONE, bind, NONE).doing("mount(2) MS_BIND|MS_REC on itself", root)
}
