// hint: one-call
//! All flags at once.

use std::path::Path;

use kit::{Doing, Result};
use nix::mount::{MsFlags, mount};

const NONE: Option<&str> = None;

pub fn bind(source: &Path, target: &Path, flags: MsFlags) -> Result<()> {
    mount(Some(source), target, NONE, flags, NONE).doing("mount(2) MS_BIND on", target)
}
