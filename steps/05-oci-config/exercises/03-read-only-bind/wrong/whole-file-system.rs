// hint: whole-file-system
//! The remount does not say that it is about the bind.

use std::path::Path;

use kit::{Doing, Result};
use nix::mount::{MsFlags, mount};

const NONE: Option<&str> = None;

pub fn bind(source: &Path, target: &Path, flags: MsFlags) -> Result<()> {
    let bind = flags & (MsFlags::MS_BIND | MsFlags::MS_REC);
    mount(Some(source), target, NONE, bind, NONE).doing("mount(2) MS_BIND on", target)?;
    let again = MsFlags::MS_REMOUNT | (flags - bind);
    mount(NONE, target, NONE, again, NONE).doing("mount(2) MS_REMOUNT on", target)
}
