//! `linux.maskedPaths` and `linux.readonlyPaths`: parts of /proc and /sys that are not the container's business.
//!
//! A procfs belongs to a pid namespace, and yet half of what is in it belongs to the machine: /proc/kcore is its
//! memory, /proc/sys/kernel/core_pattern names a program that the *host's* kernel will execute as root. Uid 0
//! inside may write there by the file's mode alone; no capability is asked for. So such places are covered, or
//! made read-only.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::MsFlags;
use nix::sys::stat::{Mode, SFlag, fstat, makedev};

use crate::attach;
use crate::resolve::Root;

// ANCHOR: mask
/// Covers each path that is there: a directory by an empty one, a file by /dev/null.
pub fn mask(root: &Root, paths: &[PathBuf]) -> Result<()> {
    for path in paths {
        let Some(place) = found(root, path)? else { continue };
        let cover = if is_directory(&place, path)? {
            attach::new("tmpfs", "tmpfs", "size=0k,mode=555", MsFlags::MS_RDONLY | PLAIN)?
        } else {
            attach::copy_of(null()?.as_fd(), false)?
        };
        cover.onto(place.as_fd(), path)?;
    }
    Ok(())
}
// ANCHOR_END: mask

// ANCHOR: make_read_only
/// Puts a read-only copy of each path that is there onto itself, with all that is mounted below it.
pub fn make_read_only(root: &Root, paths: &[PathBuf]) -> Result<()> {
    for path in paths {
        let Some(place) = found(root, path)? else { continue };
        let copy = attach::copy_of(place.as_fd(), true)?.set(MsFlags::MS_RDONLY, true)?;
        copy.onto(place.as_fd(), path)?;
    }
    Ok(())
}
// ANCHOR_END: make_read_only

const PLAIN: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV).union(MsFlags::MS_NOEXEC);

/// Not every kernel has every path. A link has no business there: what was to be covered would stay open.
fn found(root: &Root, path: &Path) -> Result<Option<OwnedFd>> {
    match root.find_itself(path) {
        Ok(place) => Ok(Some(place)),
        Err(error) if matches!(error.errno(), Some(Errno::ENOENT | Errno::ENOTDIR)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_directory(place: &OwnedFd, path: &Path) -> Result<bool> {
    let mode = fstat(place).doing("fstat(2)", path)?.st_mode;
    Ok(mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits())
}

// ANCHOR: null
/// The host's, and it must be the device 1:3: another file of that name would be what the container reads instead
/// (CVE-2025-31133).
fn null() -> Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let null = open("/dev/null", flags, Mode::empty()).doing("open(2) O_PATH", "/dev/null")?;
    let found = fstat(&null).doing("fstat(2)", "/dev/null")?;
    let character = found.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFCHR.bits();
    if character && found.st_rdev == makedev(1, 3) {
        return Ok(null);
    }
    Err(Error::refused("mask with", "/dev/null", "it is not the character device 1:3"))
}
// ANCHOR_END: null
