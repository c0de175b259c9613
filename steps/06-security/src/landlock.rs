//! Landlock (Linux 5.13): a process shuts itself out of files, with no privilege at all.
//!
//! A capability is root's to give up, a mount is root's to make. Landlock is for everybody: the process names the
//! *kinds* of access that shall need a rule (what it does not name stays as it was), then the places where they
//! are allowed, and then it restricts itself and all its children, for good. Rights of files and mounts go on to
//! be checked as well: it only ever takes away.
//!
//! Its kinds of access grew with the kernel, so the first thing is to ask which version is there.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use kit::{Doing, Result, term};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, SFlag, fstat};

const WRITE_FILE: u64 = 1 << 1;
/// To make or to remove what a directory can hold: bits 4 to 12.
const CHANGE_DIRECTORY: u64 = 0x1ff0;
/// To move or link from one directory to another; version 2.
const REFER: u64 = 1 << 13;
/// To cut a file; version 3.
const TRUNCATE: u64 = 1 << 14;

/// `struct landlock_ruleset_attr`, of which the kernel takes as much as it knows.
#[repr(C)]
struct Handled {
    files: u64,
}

/// `struct landlock_path_beneath_attr`
#[repr(C, packed)]
struct Beneath {
    allowed: u64,
    place: i32,
}

/// The version of Landlock that this kernel has. ENOSYS if it is not built in, EOPNOTSUPP if it is not switched on.
pub fn version() -> Result<i64> {
    // SAFETY: a null pointer of length zero with this flag asks for the version.
    #[allow(unsafe_code)]
    let answer = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, 0, 0, 1) };
    Errno::result(answer).doing("landlock_create_ruleset(2)", "")
}

// ANCHOR: restrict
/// From now on nothing may be written but below these places. Where the kernel has no Landlock, that is said.
///
/// Needs no_new_privs or CAP_SYS_ADMIN, as a filter does.
pub fn write_only_below(places: &[PathBuf]) -> Result<()> {
    let Ok(version) = version() else {
        term::warn("not applied: Landlock (this kernel has none, or it is not switched on)");
        return Ok(());
    };
    let mut handled = WRITE_FILE | CHANGE_DIRECTORY;
    handled |= if version >= 2 { REFER } else { 0 };
    handled |= if version >= 3 { TRUNCATE } else { 0 };
    let rules = ruleset(handled)?;
    for place in places {
        allow(&rules, place, handled)?;
    }
    // SAFETY: the call takes integers.
    #[allow(unsafe_code)]
    let restricted = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, rules.as_raw_fd(), 0) };
    Errno::result(restricted).map(drop).doing("landlock_restrict_self(2)", "")
}
// ANCHOR_END: restrict

fn ruleset(handled: u64) -> Result<OwnedFd> {
    let handled = Handled { files: handled };
    let size = size_of_val(&handled);
    // SAFETY: the structure lives through the call, and the size is its own.
    #[allow(unsafe_code)]
    let rules = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, &raw const handled, size, 0) };
    let number = Errno::result(rules).doing("landlock_create_ruleset(2)", "")?;
    // SAFETY: the kernel has just made it, and nobody else owns it.
    #[allow(unsafe_code)]
    Ok(unsafe { OwnedFd::from_raw_fd(i32::try_from(number).unwrap_or(-1)) })
}

/// What is no directory cannot be changed as one: EINVAL, were it allowed.
fn allow(rules: &OwnedFd, path: &Path, handled: u64) -> Result<()> {
    let place = open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).doing("open(2) O_PATH", path)?;
    let mode = fstat(&place).doing("fstat(2)", path)?.st_mode;
    let directory = mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits();
    let allowed = if directory { handled } else { handled & (WRITE_FILE | TRUNCATE) };
    add(rules, place.as_fd(), allowed).doing("landlock_add_rule(2)", path)
}

fn add(rules: &OwnedFd, place: BorrowedFd<'_>, allowed: u64) -> nix::Result<()> {
    const PATH_BENEATH: i32 = 1;
    let rule = Beneath { allowed, place: place.as_raw_fd() };
    let fd = rules.as_raw_fd();
    // SAFETY: the structure is the one that this kind of rule has, and lives through the call.
    #[allow(unsafe_code)]
    let added = unsafe { libc::syscall(libc::SYS_landlock_add_rule, fd, PATH_BENEATH, &raw const rule, 0) };
    Errno::result(added).map(drop)
}
