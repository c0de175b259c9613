//! Paths in a root that somebody else has filled.
//!
//! A root file system comes from an image, and an image may hold any symbolic link. `ROOT/data` looks like a place
//! below the root; if `data` is a link to `/etc`, whoever mounts there or makes a directory there does it to the
//! host. To look first and to act afterwards is no cure: what was a directory may be a link by then.
//!
//! openat2(2), Linux 5.6, resolves a path as if the root were the file system's: links are followed, and none
//! leads out. What comes back is a descriptor, which stays with the file that was found whatever its name may
//! become.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat, openat2};
use nix::sys::stat::{Mode, mkdirat};

use crate::attach::Detached;

/// A root that is not trusted.
#[derive(Debug)]
pub struct Root(OwnedFd);

/// What shall be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file.
    File,
}

/// The kernel answers EAGAIN when a name on the way was changed while it looked.
const ATTEMPTS: usize = 32;

impl Root {
    /// The directory itself is named by who runs the container, and is trusted.
    pub fn open(path: &Path) -> Result<Self> {
        open(path, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
            .map(Self)
            .doing("open(2) the root", path)
    }

    /// The root of a mount that we have made.
    pub fn of(mounted: Detached) -> Self {
        Self(mounted.into())
    }

    // ANCHOR: find
    /// What is at a path inside, links followed and never out of the root. ENOENT if nothing is.
    pub fn find(&self, path: &Path) -> Result<OwnedFd> {
        self.resolve(path, ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS)
    }

    /// The same where no link has any business: ELOOP if one stands on the way, or at its end.
    pub fn find_itself(&self, path: &Path) -> Result<OwnedFd> {
        self.resolve(path, ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_SYMLINKS).map_err(|error| {
            match error.errno() {
                Some(Errno::ELOOP) => {
                    error.advise("a symbolic link stands there: this root is not as it should be")
                }
                _ => error,
            }
        })
    }
    // ANCHOR_END: find

    // ANCHOR: make
    /// What is at a path inside, made if nothing is: each name in a directory that was found before. A link that
    /// leads nowhere inside is refused, and not followed to wherever it leads on the host.
    pub fn make(&self, path: &Path, kind: Kind) -> Result<OwnedFd> {
        match self.find(path) {
            Err(error) if error.errno() == Some(Errno::ENOENT) => {}
            found => return found,
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return self.find(path) };
        let parent = self.make(parent, Kind::Directory)?;
        let made = match kind {
            Kind::Directory => mkdirat(&parent, name, Mode::from_bits_truncate(0o755)),
            Kind::File => {
                let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
                openat(&parent, name, flags, Mode::from_bits_truncate(0o644)).map(drop)
            }
        };
        made.map_err(|errno| {
            let error = Error::call("make below the root", path.display(), errno);
            if errno == Errno::EEXIST {
                error.advise("a symbolic link that leads out of the root, or nowhere")
            } else {
                error
            }
        })?;
        self.find(path)
    }
    // ANCHOR_END: make

    fn resolve(&self, path: &Path, how: ResolveFlag) -> Result<OwnedFd> {
        let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(how);
        let below = path.strip_prefix("/").unwrap_or(path);
        let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
        let attempts = (0..ATTEMPTS).map(|_| openat2(&self.0, below, how));
        let mut settled = attempts.skip_while(|found| matches!(found, Err(Errno::EAGAIN)));
        settled.next().unwrap_or(Err(Errno::EAGAIN)).doing("openat2(2) RESOLVE_IN_ROOT", path)
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
