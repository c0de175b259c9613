//! Exercise 05.03: the second call of a read-only bind.

use std::path::Path;

use kit::{Doing, Result};
use nix::mount::{MsFlags, mount};
use nix::sys::statvfs::{FsFlags, statvfs};

const NONE: Option<&str> = None;

/// Binds `source` at `target`. `flags` hold `MS_BIND`, maybe `MS_REC`, and what shall hold at the target besides what
/// holds already.
///
/// The first call takes no flag but these two. The second sets all flags of the mount anew, so it names those that are
/// to stay; `MS_BIND` says that it is about this mount and not about the file system.
pub fn bind(source: &Path, target: &Path, flags: MsFlags) -> Result<()> {
    let bind = flags & (MsFlags::MS_BIND | MsFlags::MS_REC);
    mount(Some(source), target, NONE, bind, NONE).doing("mount(2) MS_BIND on", target)?;
    let have = statvfs(target).doing("statvfs(3)", target)?.flags();
    let mut again = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | (flags - MsFlags::MS_REC);
    for (held, flag) in [
        (FsFlags::ST_RDONLY, MsFlags::MS_RDONLY),
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
