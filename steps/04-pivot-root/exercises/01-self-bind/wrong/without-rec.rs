// hint: below-stayed-behind
//! The directory alone.

use std::path::Path;

use kit::{Doing, Result};
use nix::mount::{MsFlags, mount};

const NONE: Option<&str> = None;

pub fn bind_to_itself(root: &Path) -> Result<()> {
    mount(Some(root), root, NONE, MsFlags::MS_BIND, NONE).doing("mount(2) MS_BIND on itself", root)
}
