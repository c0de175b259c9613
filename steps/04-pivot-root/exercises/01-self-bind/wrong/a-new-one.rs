// hint: covered
//! A mount it is, and an empty one.

use std::path::Path;

use kit::{Doing, Result};
use nix::mount::{MsFlags, mount};

const NONE: Option<&str> = None;

pub fn bind_to_itself(root: &Path) -> Result<()> {
    mount(Some("tmpfs"), root, Some("tmpfs"), MsFlags::empty(), NONE).doing("mount(2) tmpfs on", root)
}
