// hint: without-rec
//! The directory alone.

use std::path::Path;

use kit::{Doing, Result};
use nix::mount::{MsFlags, mount};
use nix::sys::statvfs::{FsFlags, statvfs};

const NONE: Option<&str> = None;

pub fn bind(source: &Path, target: &Path, flags: MsFlags) -> Result<()> {
    mount(Some(source), target, NONE, MsFlags::MS_BIND, NONE).doing("mount(2) MS_BIND on", target)?;
    let have = statvfs(target).doing("statvfs(3)", target)?.flags();
    let mut again = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | (flags - MsFlags::MS_REC);
    for (held, flag) in [
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
    ] {
        if have.contains(held) {
            again |= flag;
        }
    }
    mount(NONE, target, NONE, again, NONE).doing("mount(2) MS_REMOUNT|MS_BIND on", target)
}
