//! Directories and files that are made where a path leads, as far as it does not lead there yet.
//!
//! openat2(2) can follow a path only to its end, and here the end is missing. So the path is walked name by name,
//! and links are read and followed by us: also a link that leads nowhere yet, for images have them
//! (`/etc/resolv.conf`), and what is to be mounted on lies behind. Each step starts from a descriptor of the
//! directory before, never follows a link, and verifies what it has got. `..` goes back to a directory that we
//! came through, and at the root it stays: so no exchange of names under our feet can lead out.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, readlinkat};
use nix::sys::stat::{Mode, SFlag, mkdirat};
use nix::sys::statfs::PROC_SUPER_MAGIC;

use super::{PLACE, Root, TRIES, entry, floor};
use crate::error::{Doing, Error, Kind, Result};
use crate::sys::inode;

/// So many links are followed and no more, as the kernel does (`path_resolution(7)`).
const LINKS: u32 = 40;

/// The longest path, in names. A link can make a longer one of a short one.
const NAMES: usize = 4096;

/// What is wanted at the end of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Directory,
    File,
}

impl Root {
    /// The directory at a path; it and those above it are made with this mode (less the umask) where they are
    /// missing. The place, as [`Root::find`] gives it.
    ///
    /// Errors: ENOTDIR, ELOOP; those of mkdir(2); EAGAIN if somebody exchanges what was made too often;
    /// [`Kind::Invalid`] for a path with a NUL byte or without end.
    pub fn make_directory(&self, path: &Path, mode: Mode) -> Result<OwnedFd> {
        // Where nothing is missing, the kernel goes the whole way at once. Otherwise it is the walk that tells what is.
        if let Ok(there) = self.directory(path) {
            return Ok(there);
        }
        Walk::new(self, path, mode, Wanted::Directory).finish()
    }

    /// The file at a path: an empty one is made, and the directories above it with mode 0755, where it is missing.
    /// What is there already may be anything but a directory, for a device is mounted on as a file is; verify what
    /// you need it to be. The place, as [`Root::find`] gives it.
    ///
    /// Errors: as [`Root::make_directory`], and EISDIR.
    pub fn make_file(&self, path: &Path, mode: Mode) -> Result<OwnedFd> {
        Walk::new(self, path, mode, Wanted::File).finish()
    }
}

/// A path half walked.
struct Walk<'a> {
    root: &'a Root,
    path: &'a Path,
    mode: Mode,
    wanted: Wanted,
    /// The directories that we came through, without the root.
    way: Vec<OwnedFd>,
    /// The names that are still to be walked.
    ahead: VecDeque<OsString>,
    links: u32,
    exchanges: u32,
}

impl<'a> Walk<'a> {
    fn new(root: &'a Root, path: &'a Path, mode: Mode, wanted: Wanted) -> Self {
        let ahead = names(path).collect();
        Self { root, path, mode, wanted, way: Vec::new(), ahead, links: 0, exchanges: 0 }
    }

    fn finish(mut self) -> Result<OwnedFd> {
        while let Some(name) = self.ahead.pop_front() {
            if name == ".." {
                self.way.pop();
                continue;
            }
            let last = self.ahead.is_empty() && self.wanted == Wanted::File;
            let found = self.enter(&name, last)?;
            match inode::format(found.as_fd())? {
                SFlag::S_IFLNK => self.follow(found.as_fd())?,
                SFlag::S_IFDIR if last => return Err(self.error("make a file at", Errno::EISDIR)),
                SFlag::S_IFDIR => self.way.push(found),
                _ if last => return Ok(found),
                _ => return Err(self.error("make a directory at", Errno::ENOTDIR)),
            }
        }
        match (self.wanted, self.way.pop()) {
            // A path that ends in `..` or is the root itself has come back to a directory.
            (Wanted::File, _) => Err(self.error("make a file at", Errno::EISDIR)),
            (Wanted::Directory, Some(directory)) => Ok(directory),
            (Wanted::Directory, None) => self.root.directory(Path::new("/")),
        }
    }

    fn here(&self) -> BorrowedFd<'_> {
        self.way.last().map_or_else(|| self.root.as_fd(), AsFd::as_fd)
    }

    /// The entry of that name in the directory that we stand in, whatever it is; made if it is missing.
    fn enter(&mut self, name: &OsStr, last: bool) -> Result<OwnedFd> {
        loop {
            let (call, outcome) = match entry(self.here(), name, PLACE, Mode::empty()) {
                Err(Errno::ENOENT) => self.make(name, last),
                outcome => ("openat2(2)", outcome),
            };
            match outcome {
                // Somebody was quicker, or took it away again: what is there now?
                Err(Errno::EEXIST | Errno::ENOENT | Errno::ELOOP | Errno::ENOTDIR)
                    if self.exchanges < TRIES =>
                {
                    self.exchanges += 1;
                }
                Err(Errno::EEXIST | Errno::ENOENT | Errno::ELOOP | Errno::ENOTDIR) => {
                    let advice = "somebody exchanges what is made there, again and again";
                    return Err(self.error(call, Errno::EAGAIN).advise(advice));
                }
                outcome => return outcome.map_err(|errno| floor(self.error(call, errno), call, "5.6")),
            }
        }
    }

    fn make(&self, name: &OsStr, last: bool) -> (&'static str, nix::Result<OwnedFd>) {
        if last {
            let create = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
            let made = entry(self.here(), name, create, self.mode);
            // What was made is ours for certain; its place is what was asked for, and may be another's by now.
            return (
                "openat2(2) O_CREAT|O_EXCL",
                made.and_then(|_| entry(self.here(), name, PLACE, Mode::empty())),
            );
        }
        let mode = if self.wanted == Wanted::Directory { self.mode } else { Mode::from_bits_truncate(0o755) };
        match mkdirat(self.here(), name, mode) {
            Ok(()) => ("openat2(2)", entry(self.here(), name, PLACE, Mode::empty())),
            Err(errno) => ("mkdirat(2)", Err(errno)),
        }
    }

    /// Puts what a link says before the names that are still ahead.
    fn follow(&mut self, link: BorrowedFd<'_>) -> Result<()> {
        // The text of a magic link is not where it leads. Links of procfs that are none (`self`) exist, but who
        // would make a directory behind one?
        if self.links == LINKS || inode::file_system(link)? == PROC_SUPER_MAGIC {
            return Err(self.error("follow links on the way to", Errno::ELOOP));
        }
        self.links += 1;
        let target = PathBuf::from(readlinkat(link, "").doing("readlinkat(2) on the way to", self.path)?);
        if target.is_absolute() {
            self.way.clear();
        }
        for name in names(&target).rev() {
            self.ahead.push_front(name);
        }
        if self.ahead.len() > NAMES {
            return Err(Error::refused(
                Kind::Invalid,
                "walk to",
                self.path,
                format!("more than {NAMES} names"),
            ));
        }
        Ok(())
    }

    fn error(&self, doing: &str, errno: Errno) -> Error {
        Error::call(doing, self.path, errno)
    }
}

/// The names of a path and its `..`; a leading `/` and every `.` mean nothing below a root.
fn names(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_appears_just_before_a_file_is_made_is_not_opened() {
        let dir = tempfile::tempdir().expect("a directory");
        // Opened for writing, the FIFO would hold us until somebody reads it; the link would lead outside.
        nix::unistd::mkfifo(&dir.path().join("fifo"), Mode::S_IRWXU).expect("mkfifo");
        symlink("/dev/null", dir.path().join("link")).expect("symlink");
        symlink("nowhere", dir.path().join("dangling")).expect("symlink");
        let root = Root::open(dir.path()).expect("the root");
        let walk = Walk::new(&root, Path::new("any"), Mode::S_IRWXU, Wanted::File);
        for name in ["fifo", "link", "dangling"] {
            let (_, outcome) = walk.make(OsStr::new(name), true);
            assert_eq!(outcome.map(drop), Err(Errno::EEXIST), "{name}");
        }
        assert!(!dir.path().join("nowhere").exists());
    }

    #[test]
    fn a_directory_that_is_taken_away_again_and_again_does_not_hold_us() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = Root::open(dir.path()).expect("the root");
        let gone = root.make_directory(Path::new("gone"), Mode::S_IRWXU).expect("made");
        std::fs::remove_dir(dir.path().join("gone")).expect("removed");
        let mut walk = Walk::new(&root, Path::new("gone/below"), Mode::S_IRWXU, Wanted::Directory);
        walk.way.push(gone);
        let error = walk.enter(OsStr::new("below"), false).expect_err("nothing can be made in it");
        assert_eq!((error.errno(), walk.exchanges), (Some(Errno::EAGAIN), TRIES), "{error}");
    }

    #[test]
    fn names_are_what_counts_below_a_root() {
        assert_eq!(names(Path::new("/../a/./b//c/")).collect::<Vec<_>>(), ["..", "a", "b", "c"]);
        assert_eq!(names(Path::new("/")).count(), 0);
    }
}
