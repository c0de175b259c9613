//! The file system of the machine: the host's, with a tmpfs over it that takes all that is written.

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::utsname::uname;
use nix::unistd::{Gid, Uid, chdir, chown, chroot, pivot_root, sethostname};

use super::super::order::{Order, User};
use super::HOST;
use super::module::Modules;

/// Where the pieces are put together: a tmpfs over the host's /run, which is empty inside anyway.
const WORKSHOP: &str = "/run";

/// Where directories wait until the new /tmp is there.
const STASH: &str = "/run/stash";

/// What the first process itself needs: its own entry in /proc, and devices.
pub(super) fn mount_first() -> Result<()> {
    attach("proc", Path::new("/proc"), "")?;
    // The kernel may have done it.
    match attach("devtmpfs", Path::new("/dev"), "mode=755") {
        Err(error) if error.errno() == Some(Errno::EBUSY) => Ok(()),
        outcome => outcome,
    }
}

/// Mounts the host's files, which a virtio device offers. Until somebody asks for a directory that may be written,
/// the kernel itself refuses to.
pub(super) fn mount_host(tag: &str, order: &Order) -> Result<&'static Path> {
    let flags = if order.writable.is_empty() { MsFlags::MS_RDONLY } else { MsFlags::empty() };
    let none: Option<&str> = None;
    mount(Some(tag), HOST, Some("virtiofs"), flags, none).doing("mount(2) virtiofs on", HOST)?;
    Ok(Path::new(HOST))
}

/// Makes the new root over the directory of the host's files, and moves into it.
pub(super) fn make(host: &Path, order: &Order) -> Result<()> {
    let root = Path::new(WORKSHOP).join("root");
    attach("tmpfs", Path::new(WORKSHOP), "mode=755")?;
    let modules = Modules::of(&below(host, &order.modules).join(release()?));
    modules.load_filesystem("overlay")?;
    modules.load_used()?;
    for dir in ["root", "upper", "work"] {
        create(&Path::new(WORKSHOP).join(dir))?;
    }
    let layers = format!("lowerdir={},upperdir=/run/upper,workdir=/run/work", host.display());
    attach("overlay", &root, &layers)?;
    furnish(&root, order)?;
    for dir in &order.writable {
        let target = below(&root, dir);
        create_all(&target)?;
        bind(&below(host, dir), &target)?;
    }
    enter(&root)?;
    loopback_up()?;
    sethostname("dive-vm").doing("sethostname(2)", "dive-vm")
}

/// What a root must have besides files.
fn furnish(root: &Path, order: &Order) -> Result<()> {
    let at = |path: &str| below(root, OsStr::new(path));
    attach("proc", &at("/proc"), "")?;
    attach("sysfs", &at("/sys"), "")?;
    attach("cgroup2", &at("/sys/fs/cgroup"), "")?;
    attach("devtmpfs", &at("/dev"), "mode=755")?;
    for (kind, path, options) in [
        ("devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666"),
        ("tmpfs", "/dev/shm", "mode=1777"),
        ("mqueue", "/dev/mqueue", ""),
    ] {
        create(&at(path))?;
        attach(kind, &at(path), options)?;
    }
    for (link, to) in [("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")] {
        let link = at("/dev").join(link);
        // The devtmpfs is one for the whole kernel, and may have them.
        if !link.is_symlink() {
            symlink(to, &link).doing("symlink(2)", &link)?;
        }
    }
    attach("tmpfs", &at("/run"), "mode=755")?;
    fresh_tmp(root, order)
}

/// A /tmp in which nothing of the host's is left but the directories that the command needs.
fn fresh_tmp(root: &Path, order: &Order) -> Result<()> {
    let stashed = |index: usize| Path::new(STASH).join(index.to_string());
    for (index, dir) in order.kept().into_iter().enumerate() {
        create_all(&stashed(index))?;
        bind(&below(root, dir.as_ref()), &stashed(index))?;
    }
    attach("tmpfs", &below(root, OsStr::new("/tmp")), "mode=1777")?;
    for (index, dir) in order.kept().into_iter().enumerate() {
        let target = below(root, dir.as_ref());
        create_all(&target)?;
        change(&stashed(index), &target, MsFlags::MS_MOVE, "mount(2) MS_MOVE to")?;
    }
    Ok(())
}

/// Into the new root, and out of the old one. Not chroot(2) alone: who is chrooted may make no user namespace. The
/// first root of a kernel cannot be pivoted away (EINVAL); there the new root is moved over it, and then chroot(2)
/// leads to what the kernel itself takes for the root.
fn enter(root: &Path) -> Result<()> {
    chdir(root).doing("chdir(2)", root)?;
    match pivot_root(".", ".") {
        Ok(()) => umount2(".", MntFlags::MNT_DETACH).doing("umount2(2) MNT_DETACH", "the old root")?,
        Err(Errno::EINVAL) => {
            change(Path::new("."), Path::new("/"), MsFlags::MS_MOVE, "mount(2) MS_MOVE to")?;
            chroot(".").doing("chroot(2)", root)?;
        }
        Err(errno) => return Err(Error::call("pivot_root(2)", root.display(), errno)),
    }
    chdir("/").doing("chdir(2)", "/")
}

/// Programs that ask for a module, and the kernel itself, look for it in /lib/modules.
pub(super) fn link_modules(order: &Order) -> Result<()> {
    let release = release()?;
    let link = Path::new("/lib/modules").join(&release);
    let from = Path::new(&order.modules).join(&release);
    if link.exists() || !from.is_dir() {
        return Ok(());
    }
    create_all(Path::new("/lib/modules"))?;
    symlink(&from, &link).doing("symlink(2)", &link)
}

/// Makes a user known, gives them a home, and lets them through to the directories that the command needs; the
/// overlay takes the changes.
pub(super) fn admit(user: &User, order: &Order) -> Result<()> {
    let known = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let uid = user.uid.to_string();
    if !known.lines().any(|line| line.split(':').nth(2) == Some(&uid)) {
        let home = user.home.to_string_lossy();
        append("/etc/passwd", &format!("dive:x:{uid}:{}:cargo dive vm:{home}:/bin/sh\n", user.gid))?;
        append("/etc/group", &format!("dive:x:{}:\n", user.gid))?;
        append("/etc/subuid", "dive:200000:65536\n")?;
        append("/etc/subgid", "dive:200000:65536\n")?;
    }
    let home = Path::new(&user.home);
    if !home.is_dir() {
        create_all(home)?;
        chown(home, Some(Uid::from_raw(user.uid)), Some(Gid::from_raw(user.gid))).doing("chown(2)", home)?;
    }
    for dir in order.needed.iter().flat_map(|dir| Path::new(dir).ancestors()) {
        // What is not there inside, the command will miss itself.
        let Ok(found) = dir.metadata() else { continue };
        let mode = found.permissions().mode();
        if mode & 0o005 != 0o005 {
            fs::set_permissions(dir, fs::Permissions::from_mode(mode | 0o005)).doing("chmod(2)", dir)?;
        }
    }
    Ok(())
}

fn append(path: &str, text: &str) -> Result<()> {
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).doing("append to", path)
}

fn release() -> Result<OsString> {
    Ok(uname().doing("uname(2)", "")?.release().to_owned())
}

/// Brings the loopback interface up.
fn loopback_up() -> Result<()> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
    use std::os::fd::AsRawFd;

    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)
        .doing("socket(2)", "")?;
    // SAFETY: an ifreq is plain data, for which all zeros is a value.
    #[allow(unsafe_code)]
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[..2].copy_from_slice(&[b'l'.cast_signed(), b'o'.cast_signed()]);
    request.ifr_ifru.ifru_flags = i16::try_from(libc::IFF_UP).unwrap_or(1);
    // SAFETY: SIOCSIFFLAGS reads an ifreq, which lives until the call returns; the socket is open.
    #[allow(unsafe_code)]
    let set = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    Errno::result(set).map(drop).doing("ioctl(2) SIOCSIFFLAGS", "lo")
}

fn attach(kind: &str, target: &Path, options: &str) -> Result<()> {
    mount(Some(kind), target, Some(kind), MsFlags::empty(), Some(options))
        .doing(format!("mount(2) {kind} on"), target)
}

fn bind(from: &Path, target: &Path) -> Result<()> {
    change(from, target, MsFlags::MS_BIND, "mount(2) MS_BIND on")
}

fn change(from: &Path, target: &Path, flags: MsFlags, doing: &str) -> Result<()> {
    let none: Option<&str> = None;
    mount(Some(from), target, none, flags, none).doing(doing, target)
}

fn create(dir: &Path) -> Result<()> {
    match fs::create_dir(dir) {
        Err(error) if error.raw_os_error() == Some(Errno::EEXIST as i32) => Ok(()),
        outcome => outcome.doing("mkdir(2)", dir),
    }
}

fn create_all(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).doing("mkdir(2)", dir)
}

fn below(root: &Path, path: &OsStr) -> PathBuf {
    let path = Path::new(path);
    root.join(path.strip_prefix("/").unwrap_or(path))
}
