// hint: led-away
//! /dev/null is /dev/null.

use std::path::Path;

use kit::{Doing, Result};
use nix::mount::{MsFlags, mount};

/// Makes a path unreadable.
pub fn cover(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let none: Option<&str> = None;
    if path.is_dir() {
        return mount(Some("tmpfs"), path, Some("tmpfs"), MsFlags::MS_RDONLY, none)
            .doing("mount(2) tmpfs on", path);
    }
    mount(Some("/dev/null"), path, none, MsFlags::MS_BIND, none).doing("mount(2) MS_BIND on", path)
}
