//! The kinds of namespaces, and the way into one that is there already.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::Mode;
use nix::sys::statfs::NSFS_MAGIC;

use super::{descriptor, inode, outcome};
use crate::error::{Doing, Error, Kind as ErrorKind, Result};

/// `CLONE_NEWTIME` (Linux 5.6). It shares its bit with clone(2)'s signal number, so nix has no name for it.
const CLONE_NEWTIME: CloneFlags = CloneFlags::from_bits_retain(0x80);

/// A kind of namespace (namespaces(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Ids and capabilities. The first: what a process may do in the others follows from it.
    User,
    /// The tree of mounts.
    Mount,
    /// Process ids.
    Pid,
    /// Links, addresses, ports.
    Network,
    /// System V and POSIX message queues, semaphores, shared memory.
    Ipc,
    /// The host's name.
    Uts,
    /// The root of the cgroup tree.
    Cgroup,
    /// The offsets of `CLOCK_MONOTONIC` and `CLOCK_BOOTTIME`.
    Time,
}

impl Kind {
    /// All of them, the user namespace first.
    pub const ALL: [Self; 8] =
        [Self::User, Self::Mount, Self::Pid, Self::Network, Self::Ipc, Self::Uts, Self::Cgroup, Self::Time];

    /// Its flag in clone3(2), unshare(2) and setns(2).
    pub fn flag(self) -> CloneFlags {
        match self {
            Self::User => CloneFlags::CLONE_NEWUSER,
            Self::Mount => CloneFlags::CLONE_NEWNS,
            Self::Pid => CloneFlags::CLONE_NEWPID,
            Self::Network => CloneFlags::CLONE_NEWNET,
            Self::Ipc => CloneFlags::CLONE_NEWIPC,
            Self::Uts => CloneFlags::CLONE_NEWUTS,
            Self::Cgroup => CloneFlags::CLONE_NEWCGROUP,
            Self::Time => CLONE_NEWTIME,
        }
    }

    /// The flag's name.
    pub fn flag_name(self) -> &'static str {
        match self {
            Self::User => "CLONE_NEWUSER",
            Self::Mount => "CLONE_NEWNS",
            Self::Pid => "CLONE_NEWPID",
            Self::Network => "CLONE_NEWNET",
            Self::Ipc => "CLONE_NEWIPC",
            Self::Uts => "CLONE_NEWUTS",
            Self::Cgroup => "CLONE_NEWCGROUP",
            Self::Time => "CLONE_NEWTIME",
        }
    }

    /// Its name in `/proc/PID/ns`.
    pub fn proc_name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Mount => "mnt",
            Self::Pid => "pid",
            Self::Network => "net",
            Self::Ipc => "ipc",
            Self::Uts => "uts",
            Self::Cgroup => "cgroup",
            Self::Time => "time",
        }
    }

    /// Makes one, and moves this process in; for [`Kind::Pid`] and [`Kind::Time`] only the children made afterwards
    /// (unshare(2)). Errors: EPERM, ENOSPC at a limit of namespaces, EINVAL from a kernel without the kind.
    pub fn unshare(self) -> Result<()> {
        unshare(self.flag()).doing(format_args!("unshare(2) {}", self.flag_name()), "")
    }
}

/// The flags of several kinds by name, joined as C has them.
pub fn flag_names(kinds: &[Kind]) -> String {
    kinds.iter().map(|kind| kind.flag_name()).collect::<Vec<_>>().join("|")
}

/// A namespace that is there already, held by descriptor: it lives as long as this value.
#[derive(Debug)]
pub struct Namespace {
    kind: Kind,
    file: OwnedFd,
    path: PathBuf,
}

impl Namespace {
    /// Opens a namespace by a path of the host, `/proc/PID/ns/net` or one bound to a file, and verifies that it
    /// is one, and of that kind. What the path names is not opened before it is known to be a file of nsfs: a
    /// FIFO would hang us, and a device would act.
    ///
    /// Errors: [`ErrorKind::Invalid`] if it is something else, those of open(2).
    pub fn open(kind: Kind, path: &Path) -> Result<Self> {
        let found =
            open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).doing("open(2) O_PATH", path)?;
        inode::Expect::FileSystem(NSFS_MAGIC, "nsfs").verify(found.as_fd())?;
        let file = descriptor::reopen(found.as_fd(), OFlag::O_RDONLY)?;
        let of_kernel = kind_of(file.as_fd())?;
        if of_kernel != Some(kind) {
            let name = |kind: Kind| format!("a namespace of kind {}", kind.proc_name());
            let found = of_kernel.map_or_else(|| "no kind that is known".to_owned(), name);
            let reason = format!("it is {found}, not {}", name(kind));
            return Err(Error::refused(ErrorKind::Invalid, "open a namespace", path, reason));
        }
        Ok(Self { kind, file, path: path.to_owned() })
    }

    /// Its kind, as the kernel has confirmed it.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether this process lives in it; for [`Kind::Pid`], whether its children will. Entering one's own user
    /// namespace is EINVAL (setns(2)), so it has to be asked before.
    pub fn is_ours(&self) -> Result<bool> {
        let name = if self.kind == Kind::Pid { "pid_for_children" } else { self.kind.proc_name() };
        let path = format!("/proc/self/ns/{name}");
        let ours = File::open(&path).doing("open(2)", path)?;
        inode::same(ours.as_fd(), self.file.as_fd())
    }

    /// Moves this process in, setns(2); for [`Kind::Pid`] only the children made afterwards. Errors: EPERM; EINVAL
    /// for the own user namespace, and for a user or mount namespace in a process with several threads.
    pub fn enter(&self) -> Result<()> {
        setns(&self.file, self.kind.flag())
            .doing(format_args!("setns(2) {}", self.kind.flag_name()), &self.path)
    }
}

/// Moves this process into several namespaces of another at once, setns(2) with a process's descriptor, Linux 5.8: all of
/// them or none. For [`Kind::Pid`] only the children made afterwards. Errors as for [`Namespace::enter`]; ESRCH if that
/// process has ended.
pub fn enter_those_of(process: BorrowedFd<'_>, kinds: &[Kind]) -> Result<()> {
    let flags = kinds.iter().fold(CloneFlags::empty(), |flags, kind| flags | kind.flag());
    if flags.is_empty() {
        return Ok(());
    }
    setns(process, flags)
        .doing(format_args!("setns(2) {} of", flag_names(kinds)), "the container's first process")
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// The kind by `NS_GET_NSTYPE` (`ioctl_nsfs(2)`, Linux 4.11); `None` for one that is not known here.
fn kind_of(file: BorrowedFd<'_>) -> Result<Option<Kind>> {
    // SAFETY: the request takes no argument, and the descriptor is open.
    let answer = unsafe { libc::ioctl(file.as_raw_fd(), libc::NS_GET_NSTYPE) };
    let flag = outcome(answer.into(), "ioctl(2) NS_GET_NSTYPE", file, "4.11")?;
    Ok(Kind::ALL.into_iter().find(|kind| libc::c_long::from(kind.flag().bits()) == flag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_opens_as_itself_and_as_no_other() {
        for kind in Kind::ALL {
            let path = PathBuf::from(format!("/proc/self/ns/{}", kind.proc_name()));
            let namespace = Namespace::open(kind, &path).expect("open");
            assert!(namespace.is_ours().expect("compared"), "{kind:?}");
            let other = if kind == Kind::User { Kind::Mount } else { Kind::User };
            let error = Namespace::open(other, &path).expect_err("of another kind");
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        }
    }

    #[test]
    fn what_is_no_namespace_is_refused_before_it_is_opened() {
        let dir = tempfile::tempdir().expect("a directory");
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).expect("mkfifo");
        // Opening the FIFO would wait for a writer for ever: that this test ends is a part of it.
        for path in
            [fifo.as_path(), Path::new("/etc/passwd"), Path::new("/proc/self/status"), Path::new("/dev/null")]
        {
            let error = Namespace::open(Kind::Network, path).expect_err("no namespace");
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            assert!(error.to_string().contains("nsfs"), "{error}");
        }
    }

    #[test]
    fn flags_are_named_as_c_has_them() {
        assert_eq!(
            flag_names(&[Kind::User, Kind::Mount, Kind::Time]),
            "CLONE_NEWUSER|CLONE_NEWNS|CLONE_NEWTIME"
        );
    }
}
