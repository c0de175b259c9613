// hint: no-mount-yet
//! EINVAL is about propagation, too; but not here.

use std::path::Path;

use kit::{Doing, Result};
use nix::mount::{MsFlags, mount};

const NONE: Option<&str> = None;

pub fn bind_to_itself(root: &Path) -> Result<()> {
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(NONE, root, NONE, private, NONE).doing("mount(2) MS_REC|MS_PRIVATE on", root)
}
