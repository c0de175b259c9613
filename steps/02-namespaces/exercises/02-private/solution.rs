//! Exercise 02.02: a copy is not a tree of one's own.

use kit::{Doing, Result};
use nix::mount::{MsFlags, mount};

/// Cuts propagation both ways, in the whole tree.
///
/// The type belongs to each mount, not to the tree: without `MS_REC` only the one at `/` would change.
pub fn make_private() -> Result<()> {
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .doing("mount(2) MS_REC|MS_PRIVATE on", "/")
}
