// hint: not-a-directory
//! What covers a file covers a directory.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};
use nix::mount::{MsFlags, mount};
use nix::sys::stat::{SFlag, fstat, makedev};

/// Makes a path unreadable.
pub fn cover(path: &Path) -> Result<()> {
    let secret = match place(path) {
        Err(Errno::ENOENT) => return Ok(()),
        secret => secret.doing("openat2(2)", path)?,
    };
    let none: Option<&str> = None;
    let null = place(Path::new("/dev/null")).doing("openat2(2)", "/dev/null")?;
    let found = fstat(&null).doing("fstat(2)", "/dev/null")?;
    if found.st_mode & SFlag::S_IFMT.bits() != SFlag::S_IFCHR.bits() || found.st_rdev != makedev(1, 3) {
        return Err(Error::refused("cover", path.display(), "/dev/null is not the null device"));
    }
    mount(Some(name(&null).as_str()), name(&secret).as_str(), none, MsFlags::MS_BIND, none)
        .doing("mount(2) MS_BIND on", path)
}

fn place(path: &Path) -> nix::Result<OwnedFd> {
    let how =
        OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    openat2(AT_FDCWD, path, how)
}

/// A descriptor as a path, for calls that take only paths.
fn name(fd: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}
