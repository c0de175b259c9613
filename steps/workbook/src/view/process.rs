//! A process as /proc shows it: one directory, held open, so that a pid that is given to another process
//! midway is not mistaken for the first.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use guest::report::Status;
use kit::{Error, Result};
use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// The directory of a process below /proc.
#[derive(Debug)]
pub(super) struct Process {
    pid: i32,
    dir: File,
}

impl Process {
    /// Errors with ESRCH when there is no such process.
    pub(super) fn open(pid: i32) -> Result<Self> {
        match File::open(format!("/proc/{pid}")) {
            Ok(dir) => Ok(Self { pid, dir }),
            Err(error) => Err(missing(pid, &error)),
        }
    }

    /// The status, by which an end is noticed. Errors with ESRCH once the process has been reaped.
    pub(super) fn status(&self) -> Result<Status> {
        self.read("status").map(Status).map_err(|_| self.ended())
    }

    /// The error for a process that ended while it was looked at.
    pub(super) fn ended(&self) -> Error {
        Error::call("view process", self.pid, Errno::ESRCH).advise("it ended while it was looked at")
    }

    /// Whether it is about to end. On its way to a zombie a process loses its memory, descriptors, root and
    /// namespaces one after another, and is called running until it has none.
    pub(super) fn is_ending(&self) -> bool {
        const PF_EXITING: u32 = 0x4;
        let stat = self.read("stat").unwrap_or_default();
        // The name in brackets may itself hold brackets and spaces; the flags are the seventh field behind it.
        let flags = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(6)?.parse().ok());
        flags.is_none_or(|flags: u32| flags & PF_EXITING != 0)
    }

    /// A file's text; what is not UTF-8 in it is replaced.
    pub(super) fn read(&self, name: &str) -> io::Result<String> {
        fs::read(self.path(name)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Where a symbolic link says that it leads.
    pub(super) fn link(&self, name: &str) -> io::Result<String> {
        fs::read_link(self.path(name)).map(|target| target.to_string_lossy().into_owned())
    }

    /// What a link leads to.
    pub(super) fn stat(&self, name: &str) -> io::Result<fs::Metadata> {
        fs::metadata(self.path(name))
    }

    /// Names in a directory, sorted.
    pub(super) fn names(&self, dir: &str) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(self.path(dir))?;
        let mut names: Vec<_> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        Ok(names)
    }

    /// The mount on which a link's target lies: the kernel tells it of a descriptor only, so one is opened,
    /// with `O_PATH`, for which the target is not asked.
    pub(super) fn mount_of(&self, name: &str) -> io::Result<i32> {
        use std::os::unix::fs::OpenOptionsExt;
        let target = fs::OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(self.path(name))?;
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", target.as_raw_fd()))?;
        field(&info, "mnt_id").and_then(|id| id.parse().ok()).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Below the open directory, whichever process has the pid by now.
    fn path(&self, name: &str) -> PathBuf {
        Path::new(&format!("/proc/self/fd/{}", self.dir.as_raw_fd())).join(name)
    }
}

/// A field of an fdinfo file.
pub(super) fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// Device and inode.
pub(super) fn identity(meta: &fs::Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

/// A process that a mount option hides is not one that does not exist.
fn missing(pid: i32, error: &io::Error) -> Error {
    let errno = Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
    if errno != Errno::ENOENT {
        return Error::call("view process", pid, errno);
    }
    if !Path::new("/proc/self").exists() {
        return Error::call("view process", pid, errno)
            .advise("no procfs of this pid namespace is mounted on /proc");
    }
    match kill(Pid::from_raw(pid), None) {
        Err(Errno::ESRCH) => Error::call("view process", pid, Errno::ESRCH),
        _ => Error::call("view process", pid, errno).advise("it exists, and /proc is mounted with hidepid"),
    }
}
