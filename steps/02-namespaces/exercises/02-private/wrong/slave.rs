// hint: one-way
//! What runc begins with: nothing gets out, and what the host mounts gets in.

use kit::{Doing, Result};
use nix::mount::{MsFlags, mount};

pub fn make_private() -> Result<()> {
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none).doing("mount(2) on", "/")
}
