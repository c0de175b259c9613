//! Device nodes, and the links that programs look for in /dev.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open};
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, fchmodat, makedev, mknodat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchownat, symlinkat, unlinkat};

use crate::error::{Doing, Error, Kind, Result};
use crate::oci::Spec;
use crate::oci::linux::{Device, DeviceKind};
use crate::sys::inode;
use crate::sys::mount::{Extent, Tree};
use crate::sys::path::{Mounts, Root};

/// What every container has: config-linux.md, `default-devices`. Terminals are devpts's.
const DEFAULT: [(&str, u64, u64); 6] = [
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
];

const LINKS: [(&str, &str); 4] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

const DIRECTORY: Mode = Mode::from_bits_truncate(0o755);

/// Whether /dev is the container's to be filled: not where the host's, or a volume, is bound there.
pub(super) fn is_ours(spec: &Spec) -> bool {
    !spec.mounts.iter().any(|mount| {
        let bind = mount.kind.as_deref() == Some("bind")
            || mount.options.iter().any(|option| matches!(option.as_str(), "bind" | "rbind"));
        bind && Path::new("/").join(&mount.destination).components().eq(Path::new("/dev").components())
    })
}

/// Makes the nodes and links. `bind`: nodes cannot be made in a user namespace, so the host's are bound.
pub(super) fn make_all(root: &Root, devices: &[Device], bind: bool) -> Result<()> {
    for (path, major, minor) in DEFAULT {
        if devices.iter().any(|device| device.path == path) {
            continue;
        }
        let number = |number: u64| i64::try_from(number).unwrap_or_default();
        let (major, minor) = (number(major), number(minor));
        let kind = DeviceKind::Character;
        let node =
            Device { kind, path: path.into(), major, minor, file_mode: Some(0o666), uid: None, gid: None };
        make(root, &node, bind)?;
    }
    for (index, device) in devices.iter().enumerate() {
        make(root, device, bind).doing(format_args!("linux.devices[{index}]"), "")?;
    }
    let dev = root.make_directory(Path::new("/dev"), DIRECTORY)?;
    for (name, target) in LINKS {
        match symlinkat(target, &dev, name) {
            Err(Errno::EEXIST) => {}
            outcome => outcome.doing("symlinkat(2)", format!("/dev/{name}"))?,
        }
    }
    own_ptmx(root, &dev)
}

/// The ptmx of the container's own devpts, in place of one that an image brings: that would be the host's.
fn own_ptmx(root: &Root, dev: &OwnedFd) -> Result<()> {
    match root.find(Path::new("/dev/pts/ptmx"), Mounts::Cross) {
        Err(error) if error.kind() == Kind::NotFound => return Ok(()),
        outcome => drop(outcome?),
    }
    match unlinkat(dev, "ptmx", UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => {}
        outcome => outcome.doing("unlinkat(2)", "/dev/ptmx")?,
    }
    symlinkat("pts/ptmx", dev, "ptmx").doing("symlinkat(2)", "/dev/ptmx")
}

fn make(root: &Root, device: &Device, bind: bool) -> Result<()> {
    let path = Path::new(&device.path);
    let no_name = || Error::refused(Kind::Invalid, "make the device", path, "its path has no last name");
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { return Err(no_name()) };
    let directory = root.make_directory(above, DIRECTORY)?;
    if bind && device.kind != DeviceKind::Fifo {
        return bind_one(root, device);
    }
    make_node(&directory, name, device)
}

fn make_node(directory: &OwnedFd, name: &OsStr, device: &Device) -> Result<()> {
    let path = Path::new(&device.path);
    let format = format_of(device.kind);
    let permissions = Mode::from_bits_truncate(device.file_mode.unwrap_or(0o666) & 0o7777);
    let (major, minor) = (device.major.unsigned_abs(), device.minor.unsigned_abs());
    let number = if device.kind == DeviceKind::Fifo { 0 } else { makedev(major, minor) };
    match mknodat(directory, name, format, permissions, number) {
        // An image may bring it, or the same path is named twice: as long as it is that very device, it is good.
        Err(Errno::EEXIST) => return verify_node(directory, name, device),
        outcome => outcome.doing(format_args!("mknodat(2) {major}:{minor}"), path)?,
    }
    let (uid, gid) = (Uid::from_raw(device.uid.unwrap_or(0)), Gid::from_raw(device.gid.unwrap_or(0)));
    fchownat(directory, name, Some(uid), Some(gid), AtFlags::AT_SYMLINK_NOFOLLOW)
        .doing("fchownat(2)", path)?;
    // What mknodat was asked for, less the umask, and less what chown takes away. The node is ours: it was just made.
    fchmodat(directory, name, permissions, FchmodatFlags::FollowSymlink).doing("fchmodat(2)", path)
}

fn format_of(kind: DeviceKind) -> SFlag {
    match kind {
        DeviceKind::Block => SFlag::S_IFBLK,
        DeviceKind::Character | DeviceKind::Unbuffered => SFlag::S_IFCHR,
        DeviceKind::Fifo => SFlag::S_IFIFO,
    }
}

fn verify_node(directory: &OwnedFd, name: &OsStr, device: &Device) -> Result<()> {
    let path = Path::new(&device.path);
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let found = nix::fcntl::openat(directory, name, flags, Mode::empty()).doing("openat(2) O_PATH", path)?;
    expected(device).verify(found.as_fd())
}

fn expected(device: &Device) -> inode::Expect {
    let (major, minor) = (device.major.unsigned_abs(), device.minor.unsigned_abs());
    match device.kind {
        DeviceKind::Block => inode::Expect::Block(major, minor),
        DeviceKind::Character | DeviceKind::Unbuffered => inode::Expect::Character(major, minor),
        DeviceKind::Fifo => inode::Expect::Fifo,
    }
}

/// The host's node of the same path, if it is that device.
fn bind_one(root: &Root, device: &Device) -> Result<()> {
    let path = Path::new(&device.path);
    let node = open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).doing("open(2) O_PATH", path)?;
    expected(device).verify(node.as_fd())?;
    let onto = root.make_file(path, Mode::from_bits_truncate(0o666))?;
    Tree::copy_of(node.as_fd(), Extent::One)?.attach(onto.as_fd())
}
