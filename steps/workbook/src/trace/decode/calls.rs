//! The calls that make a container, and how each is read.

use super::args::{Args, hex, low};
use super::flags;

/// A call of the table.
pub struct Spec {
    /// Its number on this architecture.
    pub nr: u64,
    /// Its name, with which its man page begins.
    pub name: &'static str,
    /// Reads its arguments.
    pub(super) read: Read,
}

/// How arguments are read.
pub(super) enum Read {
    /// Every call of this name makes a container.
    All(fn(&mut Args<'_>)),
    /// Some do: `None` if this one is of no interest.
    Some(fn(&mut Args<'_>) -> Option<()>),
}

impl Read {
    pub(super) fn read(&self, args: &mut Args<'_>) -> Option<()> {
        match self {
            Self::All(read) => {
                read(args);
                Some(())
            }
            Self::Some(read) => read(args),
        }
    }
}

/// Linux has had one number for all architectures since 424; libc does not know all of them.
const OPEN_TREE_ATTR: i64 = 467;

macro_rules! table {
    ($($(#[$only:meta])* $number:path, $name:literal, $which:ident $read:expr;)*) => {
        /// Every call that is looked at.
        pub const TABLE: &[Spec] = &[$($(#[$only])* Spec { nr: $number.cast_unsigned(), name: $name, read: Read::$which($read) }),*];
    };
}

table! {
    libc::SYS_clone, "clone", All clone;
    libc::SYS_clone3, "clone3", All clone3;
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork, "fork", All |_| {};
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork, "vfork", All |_| {};
    libc::SYS_execve, "execve", All execve;
    libc::SYS_execveat, "execveat", All execveat;

    libc::SYS_unshare, "unshare", All |a| { a.flags(a.raw(0), &flags::CLONE) };
    libc::SYS_setns, "setns", All |a| { a.fd(a.int(0)); a.flags(a.unsigned(1), &flags::CLONE); };
    libc::SYS_sethostname, "sethostname", All name;
    libc::SYS_setdomainname, "setdomainname", All name;

    libc::SYS_mount, "mount", All mount;
    libc::SYS_umount2, "umount2", All |a| { a.subject(0); a.flags(a.unsigned(1), &flags::UMOUNT); };
    libc::SYS_fsopen, "fsopen", All |a| { a.subject(0); a.flags(a.unsigned(1), &flags::FSOPEN); };
    libc::SYS_fsconfig, "fsconfig", All fsconfig;
    libc::SYS_fsmount, "fsmount", All fsmount;
    libc::SYS_fspick, "fspick", All |a| { at(a, 0, 1); a.flags(a.unsigned(2), &flags::FSPICK); };
    libc::SYS_open_tree, "open_tree", All |a| { at(a, 0, 1); a.flags(a.unsigned(2), &flags::OPEN_TREE); };
    OPEN_TREE_ATTR, "open_tree_attr", All open_tree_attr;
    libc::SYS_move_mount, "move_mount", All move_mount;
    libc::SYS_mount_setattr, "mount_setattr", All mount_setattr;
    libc::SYS_pivot_root, "pivot_root", All |a| { a.subject(0); a.string(1); };
    libc::SYS_chroot, "chroot", All |a| { a.subject(0) };

    libc::SYS_write, "write", Some |a| written(a, single);
    libc::SYS_pwrite64, "pwrite64", Some |a| written(a, single);
    libc::SYS_writev, "writev", Some |a| written(a, vector);
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir, "mkdir", Some |a| { a.subject(0); new_cgroup(a) };
    libc::SYS_mkdirat, "mkdirat", Some |a| { at(a, 0, 1); new_cgroup(a) };
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mknod, "mknod", Some |a| { a.subject(0); device(a, 1) };
    libc::SYS_mknodat, "mknodat", Some |a| { at(a, 0, 1); device(a, 2) };

    libc::SYS_prctl, "prctl", Some prctl;
    libc::SYS_capset, "capset", All capset;
    libc::SYS_seccomp, "seccomp", Some seccomp;
    libc::SYS_setuid, "setuid", All |a| { a.id(0) };
    libc::SYS_setgid, "setgid", All |a| { a.id(0) };
    libc::SYS_setreuid, "setreuid", All |a| { a.id(0); a.id(1); };
    libc::SYS_setregid, "setregid", All |a| { a.id(0); a.id(1); };
    libc::SYS_setresuid, "setresuid", All |a| { a.id(0); a.id(1); a.id(2); };
    libc::SYS_setresgid, "setresgid", All |a| { a.id(0); a.id(1); a.id(2); };
    libc::SYS_setfsuid, "setfsuid", All |a| { a.id(0) };
    libc::SYS_setfsgid, "setfsgid", All |a| { a.id(0) };
    libc::SYS_setgroups, "setgroups", All setgroups;
    libc::SYS_landlock_restrict_self, "landlock_restrict_self", All |a| { a.fd(a.int(0)) };

    libc::SYS_connect, "connect", Some connect;
}

fn clone(a: &mut Args<'_>) {
    // The lowest byte is the signal at the child's end.
    birth(a, a.raw(0) & !0xff, a.raw(0) & 0xff, None);
}

fn clone3(a: &mut Args<'_>) {
    let words = a.u64s(0, usize::try_from(a.raw(1) / 8).unwrap_or(0).min(11));
    let [flags, _pidfd, _child_tid, _parent_tid, exit_signal, rest @ ..] = &words[..] else {
        a.push(hex(a.raw(0)));
        return;
    };
    // Stack, its size, tls, set_tid, its size; then the cgroup, since Linux 5.7.
    let cgroup = rest.get(5).map(|fd| low(*fd));
    birth(a, *flags, *exit_signal, cgroup);
}

fn birth(a: &mut Args<'_>, flags: u64, exit_signal: u64, cgroup: Option<i32>) {
    let mut text = flags::CLONE.names(flags);
    a.decoded.flags.extend(text.iter().cloned());
    if exit_signal != 0 {
        text.push(flags::SIGNAL.one(exit_signal));
    }
    a.push(if text.is_empty() { "0".to_owned() } else { text.join("|") });
    if let Some(fd) = cgroup.filter(|_| a.decoded.has("CLONE_INTO_CGROUP")) {
        let text = a.fd_text(fd);
        a.push(format!("cgroup={text}"));
    }
}

fn execve(a: &mut Args<'_>) {
    a.subject(0);
    a.words(1);
}

fn execveat(a: &mut Args<'_>) {
    at(a, 0, 1);
    a.words(2);
    a.flags(a.unsigned(4), &flags::AT);
}

/// A directory's descriptor, and a path below it: the whole, where the path is empty, is the descriptor's.
fn at(a: &mut Args<'_>, fd: usize, path: usize) {
    a.fd(a.int(fd));
    a.subject(path);
    if a.decoded.subject.is_empty() {
        a.decoded.subject = a.tracee.descriptor(a.int(fd)).unwrap_or_default();
    }
}

fn name(a: &mut Args<'_>) {
    a.text(0, usize::try_from(a.raw(1)).unwrap_or(0));
}

fn mount(a: &mut Args<'_>) {
    a.string(0);
    a.subject(1);
    a.string(2);
    // An old magic number in the upper half, which the kernel ignores.
    let flags = if a.raw(3) & 0xffff_0000 == 0xc0ed_0000 { a.raw(3) & 0xffff } else { a.raw(3) };
    a.flags(flags, &flags::MOUNT);
    a.string(4);
}

fn fsconfig(a: &mut Args<'_>) {
    a.fd(a.int(0));
    a.one_of(a.unsigned(1), &flags::FSCONFIG);
    match a.int(1) {
        0 => a.subject(2),
        1 | 3 | 4 => {
            a.subject(2);
            a.string(3);
        }
        5 => {
            a.subject(2);
            a.fd(a.int(4));
        }
        _ => {}
    }
}

fn fsmount(a: &mut Args<'_>) {
    a.fd(a.int(0));
    a.flags(a.unsigned(1), &flags::FSMOUNT);
    a.flags(a.unsigned(2), &flags::MOUNT_ATTR);
}

fn open_tree_attr(a: &mut Args<'_>) {
    at(a, 0, 1);
    a.flags(a.unsigned(2), &flags::OPEN_TREE);
    a.mount_attr(3);
}

fn move_mount(a: &mut Args<'_>) {
    a.fd(a.int(0));
    a.string(1);
    at(a, 2, 3);
    a.flags(a.unsigned(4), &flags::MOVE_MOUNT);
}

fn mount_setattr(a: &mut Args<'_>) {
    at(a, 0, 1);
    a.flags(a.unsigned(2), &flags::AT);
    a.mount_attr(3);
}

/// A write is of interest where it goes to an id map or into a cgroup.
fn written(a: &mut Args<'_>, text: fn(&mut Args<'_>)) -> Option<()> {
    let path = a.tracee.descriptor(a.int(0)).filter(|path| path.starts_with('/'))?;
    let file = path.rsplit('/').next()?;
    let id_map = path.starts_with("/proc/") && ["uid_map", "gid_map", "setgroups"].contains(&file);
    let in_cgroup = || looks_like_cgroup(file) && a.tracee.opened_in_cgroup(a.int(0), &path);
    if !(id_map || in_cgroup()) {
        return None;
    }
    a.fd(a.int(0));
    text(a);
    a.decoded.subject = path;
    Some(())
}

/// Files of a cgroup have a controller before the dot, but for a few of the first version: a first sieve,
/// for many a write goes to a plain file.
fn looks_like_cgroup(file: &str) -> bool {
    const CONTROLLERS: [&str; 18] = [
        "cgroup",
        "memory",
        "cpu",
        "cpuset",
        "cpuacct",
        "io",
        "pids",
        "blkio",
        "devices",
        "freezer",
        "hugetlb",
        "net_cls",
        "net_prio",
        "perf_event",
        "rdma",
        "misc",
        "dmem",
        "irq",
    ];
    match file.split_once('.') {
        Some((controller, _)) => CONTROLLERS.contains(&controller),
        None => ["tasks", "notify_on_release", "release_agent"].contains(&file),
    }
}

fn single(a: &mut Args<'_>) {
    a.text(1, usize::try_from(a.raw(2)).unwrap_or(0));
}

/// The pieces of a writev(2), each a pointer and a length, joined.
fn vector(a: &mut Args<'_>) {
    let words = a.u64s(1, 2 * usize::try_from(a.raw(2)).unwrap_or(0).min(16));
    let pieces = words
        .chunks_exact(2)
        .filter_map(|piece| a.tracee.bytes(piece[0], usize::try_from(piece[1]).unwrap_or(0).min(4096)));
    let text = pieces.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect::<String>();
    a.push(format!("{text:?}"));
}

/// A directory that is made inside of a cgroup is a cgroup.
fn new_cgroup(a: &mut Args<'_>) -> Option<()> {
    let path = match a.decoded.name {
        "mkdirat" if !a.decoded.subject.starts_with('/') && a.int(0) != libc::AT_FDCWD => {
            format!("{}/{}", a.tracee.descriptor(a.int(0))?, a.decoded.subject)
        }
        _ => a.decoded.subject.clone(),
    };
    a.tracee.is_in_cgroup(&path).then_some(())
}

fn device(a: &mut Args<'_>, mode: usize) -> Option<()> {
    let kind = a.unsigned(mode) & u64::from(libc::S_IFMT);
    if !flags::DEVICE.knows(kind) {
        return None;
    }
    a.one_of(kind, &flags::DEVICE);
    let number = a.raw(mode + 1);
    a.push(format!("{}:{}", libc::major(number), libc::minor(number)));
    Some(())
}

fn prctl(a: &mut Args<'_>) -> Option<()> {
    // A question about the ambient set changes nothing.
    let asks = a.int(0) == libc::PR_CAP_AMBIENT && !flags::AMBIENT.knows(a.raw(1));
    if asks || !flags::PRCTL.knows(a.unsigned(0)) {
        return None;
    }
    a.one_of(a.unsigned(0), &flags::PRCTL);
    match a.int(0) {
        libc::PR_SET_PDEATHSIG => a.push(flags::SIGNAL.one(a.unsigned(1))),
        libc::PR_CAPBSET_DROP => a.push(flags::capability(a.raw(1))),
        libc::PR_SET_SECUREBITS => a.flags(a.raw(1), &flags::SECUREBITS),
        libc::PR_CAP_AMBIENT => {
            a.one_of(a.raw(1), &flags::AMBIENT);
            if !a.decoded.has("PR_CAP_AMBIENT_CLEAR_ALL") {
                a.push(flags::capability(a.raw(2)));
            }
        }
        libc::PR_SET_SECCOMP => {
            a.one_of(a.raw(1), &flags::SECCOMP_MODE);
            if a.decoded.has("SECCOMP_MODE_FILTER") {
                a.filter(2);
            }
        }
        _ => a.push(a.raw(1).to_string()),
    }
    Some(())
}

/// The three sets lie interleaved: the lower halves of effective, permitted, inheritable, then the upper ones.
fn capset(a: &mut Args<'_>) {
    const VERSION_1: u32 = 0x1998_0330;
    let count = if a.u32s(0, 1).first() == Some(&VERSION_1) { 3 } else { 6 };
    let halves = a.u32s(1, count);
    if halves.len() < count {
        a.push(hex(a.raw(1)));
        return;
    }
    for (index, name) in ["effective", "permitted", "inheritable"].into_iter().enumerate() {
        let upper = halves.get(index + 3).copied().unwrap_or(0);
        let set = u64::from(halves[index]) | u64::from(upper) << 32;
        a.push(format!("{name}={}", capabilities(set)));
    }
}

/// A few by name, many by number.
fn capabilities(set: u64) -> String {
    match set.count_ones() {
        0 => "none".to_owned(),
        1..=3 => {
            let numbers = (0..64).filter(|number| set & (1 << number) != 0);
            numbers.map(flags::capability).collect::<Vec<_>>().join("|")
        }
        count => format!("{count} ({set:#x})"),
    }
}

/// Questions about what the kernel can do make nothing.
fn seccomp(a: &mut Args<'_>) -> Option<()> {
    if !flags::SECCOMP.knows(a.unsigned(0)) {
        return None;
    }
    a.one_of(a.unsigned(0), &flags::SECCOMP);
    if a.decoded.has("SECCOMP_SET_MODE_FILTER") {
        a.flags(a.unsigned(1), &flags::SECCOMP_FILTER);
        a.filter(2);
    } else {
        // The strict mode has none.
        a.flags(a.unsigned(1), &flags::NONE);
    }
    Some(())
}

fn setgroups(a: &mut Args<'_>) {
    let count = usize::try_from(a.raw(0)).unwrap_or(0);
    let ids: Vec<_> = a.u32s(1, count.min(32)).iter().map(u32::to_string).collect();
    let more = if count > ids.len() { ", …" } else { "" };
    a.push(count.to_string());
    a.push(format!("[{}{more}]", ids.join(", ")));
}

/// A socket with a name in the file system, behind which a daemon listens.
fn connect(a: &mut Args<'_>) -> Option<()> {
    let bytes = a.tracee.bytes(a.raw(1), usize::try_from(a.raw(2)).unwrap_or(0).min(110))?;
    let (family, path) = bytes.split_first_chunk::<2>()?;
    let family = i32::from(u16::from_ne_bytes(*family));
    let path = String::from_utf8_lossy(path.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned();
    let path_of_daemon = path.strip_suffix(".sock").is_some() || path.starts_with("/run/containerd/s/");
    if family != libc::AF_UNIX || !path_of_daemon {
        return None;
    }
    a.push(a.int(0).to_string());
    a.push(format!("{path:?}"));
    a.decoded.subject = path;
    Some(())
}
