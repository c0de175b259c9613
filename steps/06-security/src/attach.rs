//! Mounts that are made nowhere, and then put onto a descriptor.
//!
//! mount(2) takes a path, and resolves it once more than whoever has looked at it. Since Linux 5.2 a mount can be
//! made detached: a new file system by fsopen(2), fsconfig(2) and fsmount(2), a copy of what is mounted already by
//! open_tree(2). It gets its flags by mount_setattr(2) (Linux 5.12) while nobody sees it, and move_mount(2) puts
//! it onto a descriptor. No path is resolved twice, and at no moment is the mount there without its flags.

use std::ffi::{CStr, CString};
use std::fmt::Display;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::ptr;

use kit::{Doing, Error, Result};
use libc::{c_long, c_uint};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::MsFlags;
use nix::sys::stat::Mode;

/// A mount that is attached nowhere; dropped before it is, it is gone.
#[derive(Debug)]
pub struct Detached(OwnedFd);

// ANCHOR: new
/// A new file system. Options are as in fstab(5): `mode=755,size=64k`.
pub fn new(kind: &str, source: &str, options: &str, flags: MsFlags) -> Result<Detached> {
    let name = c_string(kind)?;
    // SAFETY: the name ends in NUL, and the call keeps no pointer.
    #[allow(unsafe_code)]
    let context = unsafe { libc::syscall(libc::SYS_fsopen, name.as_ptr(), libc::FSOPEN_CLOEXEC) };
    let context = descriptor(context, format_args!("fsopen(2) {kind}"))?;
    if !source.is_empty() {
        configure(&context, libc::FSCONFIG_SET_STRING, Some("source"), Some(source))?;
    }
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some((key, value)) => configure(&context, libc::FSCONFIG_SET_STRING, Some(key), Some(value))?,
            None => configure(&context, libc::FSCONFIG_SET_FLAG, Some(option), None)?,
        }
    }
    configure(&context, libc::FSCONFIG_CMD_CREATE, None, None)?;
    let (set, _) = attributes(flags);
    // SAFETY: the call takes integers.
    #[allow(unsafe_code)]
    let mounted =
        unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), libc::FSMOUNT_CLOEXEC, set) };
    descriptor(mounted, format_args!("fsmount(2) {kind}")).map(Detached)
}
// ANCHOR_END: new

// ANCHOR: copy_of
/// A copy of what is mounted at a descriptor: a bind mount that is not there yet. Recursively, with all below it.
pub fn copy_of(place: BorrowedFd<'_>, recursive: bool) -> Result<Detached> {
    let all = if recursive { libc::AT_RECURSIVE } else { 0 };
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | (libc::AT_EMPTY_PATH | all).cast_unsigned();
    // SAFETY: the path is empty and ends in NUL, and the call keeps no pointer.
    #[allow(unsafe_code)]
    let copy = unsafe { libc::syscall(libc::SYS_open_tree, place.as_raw_fd(), c"".as_ptr(), flags) };
    descriptor(copy, "open_tree(2) OPEN_TREE_CLONE").map(Detached)
}
// ANCHOR_END: copy_of

/// The same of a place on the host, which is named by who runs the container, and trusted.
pub fn copy_of_path(place: &Path, recursive: bool) -> Result<Detached> {
    let fd = open(place, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).doing("open(2) O_PATH", place)?;
    copy_of(fd.as_fd(), recursive)
}

impl Detached {
    // ANCHOR: set
    /// Gives it flags; those that it has already stay.
    pub fn set(self, flags: MsFlags, recursive: bool) -> Result<Self> {
        let (attr_set, attr_clr) = attributes(flags);
        self.change(libc::mount_attr { attr_set, attr_clr, propagation: 0, userns_fd: 0 }, recursive)
    }

    /// Changes its propagation: `MS_PRIVATE` and its like.
    pub fn propagate(self, flags: MsFlags) -> Result<Self> {
        let propagation = (flags - MsFlags::MS_REC).bits();
        let change = libc::mount_attr { attr_set: 0, attr_clr: 0, propagation, userns_fd: 0 };
        self.change(change, flags.contains(MsFlags::MS_REC))
    }
    // ANCHOR_END: set

    fn change(self, change: libc::mount_attr, recursive: bool) -> Result<Self> {
        let flags = if recursive { libc::AT_EMPTY_PATH | libc::AT_RECURSIVE } else { libc::AT_EMPTY_PATH };
        let (fd, size) = (self.0.as_raw_fd(), size_of_val(&change));
        // SAFETY: the path is empty and ends in NUL; the structure lives through the call and the size is its own.
        #[allow(unsafe_code)]
        let changed = unsafe {
            libc::syscall(libc::SYS_mount_setattr, fd, c"".as_ptr(), flags, &raw const change, size)
        };
        Errno::result(changed).doing("mount_setattr(2)", "").map(|_| self)
    }

    // ANCHOR: onto
    /// Puts it onto what a descriptor stands for; the path is there to be named in the error.
    pub fn onto(self, place: BorrowedFd<'_>, path: &Path) -> Result<Self> {
        let flags = libc::MOVE_MOUNT_F_EMPTY_PATH | libc::MOVE_MOUNT_T_EMPTY_PATH;
        let (from, to, empty) = (self.0.as_raw_fd(), place.as_raw_fd(), c"".as_ptr());
        // SAFETY: both paths are empty and end in NUL, and the call keeps no pointer.
        #[allow(unsafe_code)]
        let moved = unsafe { libc::syscall(libc::SYS_move_mount, from, empty, to, empty, flags) };
        Errno::result(moved).doing("move_mount(2) onto", path).map(|_| self)
    }
    // ANCHOR_END: onto
}

/// The root of what is mounted: what is opened from it lies in the mount, attached or not.
impl From<Detached> for OwnedFd {
    fn from(mounted: Detached) -> Self {
        mounted.0
    }
}

fn configure(context: &OwnedFd, command: c_uint, key: Option<&str>, value: Option<&str>) -> Result<()> {
    let (key_text, value_text) = (key.map(c_string).transpose()?, value.map(c_string).transpose()?);
    let pointer = |text: &Option<CString>| text.as_deref().map_or(ptr::null(), CStr::as_ptr);
    let (fd, key_at, value_at) = (context.as_raw_fd(), pointer(&key_text), pointer(&value_text));
    // SAFETY: the texts end in NUL and live through the call; absent ones are null, as each command wants it.
    #[allow(unsafe_code)]
    let done = unsafe { libc::syscall(libc::SYS_fsconfig, fd, command, key_at, value_at, 0) };
    let told = [key, value].into_iter().flatten().collect::<Vec<_>>().join("=");
    Errno::result(done).map(drop).doing("fsconfig(2)", &told)
}

/// Flags of mount(2) as the newer calls have them: what to set, and what to clear before. Access times are one
/// field, which is cleared as a whole or not at all.
fn attributes(flags: MsFlags) -> (u64, u64) {
    let table = [
        (MsFlags::MS_RDONLY, libc::MOUNT_ATTR_RDONLY),
        (MsFlags::MS_NOSUID, libc::MOUNT_ATTR_NOSUID),
        (MsFlags::MS_NODEV, libc::MOUNT_ATTR_NODEV),
        (MsFlags::MS_NOEXEC, libc::MOUNT_ATTR_NOEXEC),
        (MsFlags::MS_NODIRATIME, libc::MOUNT_ATTR_NODIRATIME),
        (MsFlags::MS_NOATIME, libc::MOUNT_ATTR_NOATIME),
        (MsFlags::MS_STRICTATIME, libc::MOUNT_ATTR_STRICTATIME),
    ];
    let set = table.iter().filter(|(flag, _)| flags.contains(*flag)).fold(0, |set, (_, bit)| set | bit);
    let times = MsFlags::MS_NOATIME | MsFlags::MS_STRICTATIME | MsFlags::MS_RELATIME;
    (set, if flags.intersects(times) { libc::MOUNT_ATTR__ATIME } else { 0 })
}

fn descriptor(answer: c_long, doing: impl Display) -> Result<OwnedFd> {
    let number = Errno::result(answer).doing(doing, "")?;
    // SAFETY: the kernel has just made it, and nobody else owns it.
    #[allow(unsafe_code)]
    Ok(unsafe { OwnedFd::from_raw_fd(i32::try_from(number).unwrap_or(-1)) })
}

fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|error| Error::refused("name to the kernel", text, error))
}
