// hint: one-mount
//! The mount at the root, and only that one.

use kit::{Doing, Result};
use nix::mount::{MsFlags, mount};

pub fn make_private() -> Result<()> {
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_PRIVATE, none).doing("mount(2) on", "/")
}
