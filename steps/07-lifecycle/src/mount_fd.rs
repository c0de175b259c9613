//! Mounts by descriptor: what is mounted, and where, is what was opened, whatever its path has become since.
//!
//! open_tree(2) with OPEN_TREE_CLONE makes a copy of a mount that hangs nowhere; mount_setattr(2) changes it there, and
//! move_mount(2) hangs it somewhere, if it shall hang at all.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use kit::{Doing, Result};
use nix::errno::Errno;

const OPEN_TREE_CLONE: libc::c_uint = 1;
const MOUNT_ATTR_RDONLY: u64 = 1;
const MOVE_MOUNT_F_EMPTY_PATH: libc::c_uint = 0x4;
const MOVE_MOUNT_T_EMPTY_PATH: libc::c_uint = 0x40;

/// `struct mount_attr` of mount_setattr(2).
#[repr(C)]
#[derive(Default)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    userns_fd: u64,
}

/// A mount of one file, in no tree. EPERM without privilege, EINVAL where the file lies in another mount namespace.
pub fn detached(file: impl AsFd) -> Result<OwnedFd> {
    let (file, empty) = (file.as_fd().as_raw_fd(), c"".as_ptr());
    let flags = OPEN_TREE_CLONE | (libc::O_CLOEXEC | libc::AT_EMPTY_PATH).cast_unsigned();
    // SAFETY: the descriptor is open, for it is borrowed, and the path is a C string.
    #[allow(unsafe_code)]
    let opened = unsafe { libc::syscall(libc::SYS_open_tree, file, empty, flags) };
    let number = Errno::result(opened).doing("open_tree(2) OPEN_TREE_CLONE", "")?;
    // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
    #[allow(unsafe_code)]
    let tree = unsafe { OwnedFd::from_raw_fd(i32::try_from(number).unwrap_or(-1)) };
    Ok(tree)
}

/// Makes it read-only (Linux 5.12). It hangs nowhere, so no remount will ever reach it.
pub fn make_read_only(tree: &OwnedFd) -> Result<()> {
    let attr = MountAttr { set: MOUNT_ATTR_RDONLY, ..MountAttr::default() };
    let (fd, path): (_, &CStr) = (tree.as_raw_fd(), c"");
    // SAFETY: the descriptor is open, the path is an empty C string, and the size is the structure's own.
    #[allow(unsafe_code)]
    let set = unsafe {
        let size = size_of_val(&attr);
        libc::syscall(libc::SYS_mount_setattr, fd, path.as_ptr(), libc::AT_EMPTY_PATH, &raw const attr, size)
    };
    Errno::result(set).map(drop).doing("mount_setattr(2) MOUNT_ATTR_RDONLY", "")
}

/// Mounts a file on another.
pub fn bind(file: impl AsFd, place: impl AsFd) -> Result<()> {
    let tree = detached(file)?;
    let place: BorrowedFd<'_> = place.as_fd();
    let (empty, flags) = (c"".as_ptr(), MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
    // SAFETY: both descriptors are open, and the paths are empty C strings.
    #[allow(unsafe_code)]
    let moved = unsafe {
        libc::syscall(libc::SYS_move_mount, tree.as_raw_fd(), empty, place.as_raw_fd(), empty, flags)
    };
    Errno::result(moved).map(drop).doing("move_mount(2)", "")
}
