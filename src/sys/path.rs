//! Paths below the root of a container, which cannot lead out of it.
//!
//! What is inside belongs to the container, also while we work in it: any name may be a symbolic link to
//! anywhere, and become one between two calls. So a path is never put behind that of the root and handed to the
//! usual calls. It is resolved by openat2(2) (Linux 5.6) from a descriptor of the root, with `RESOLVE_IN_ROOT`:
//! `/`, `..` and absolute links mean the container's root; and with `RESOLVE_NO_MAGICLINKS`: the links of procfs that
//! jump to any file are not followed. The answer is a descriptor, and all that follows is done to it.

use std::ffi::OsStr;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;

use super::{descriptor, floor, inode};
use crate::error::{Doing, Error, Kind, Result};

mod make;

/// How often a resolution is tried again. The kernel answers EAGAIN when something below the root is renamed or
/// mounted while it resolves a `..`; a container that does nothing else must not hold us for ever.
const TRIES: u32 = 128;

/// What stands for "a place, not its contents": nothing is opened, so no FIFO hangs and no device acts.
const PLACE: OFlag = OFlag::O_PATH.union(OFlag::O_CLOEXEC);

/// The root directory of a container, by descriptor.
#[derive(Debug)]
pub struct Root(OwnedFd);

/// Whether a path may lead from one mount into another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mounts {
    /// It may.
    Cross,
    /// It may not: EXDEV (`RESOLVE_NO_XDEV`). For what has to be on the very file system that the root is on.
    Stay,
}

impl Root {
    /// A directory of the host, by a path that the host's administrator vouches for.
    pub fn open(path: &Path) -> Result<Self> {
        open(path, PLACE | OFlag::O_DIRECTORY, Mode::empty())
            .doing("open(2) O_PATH|O_DIRECTORY", path)
            .map(Self)
    }

    /// A directory that is held already, such as the root of a mount that hangs nowhere. Errors: it is none.
    pub fn from_directory(fd: OwnedFd) -> Result<Self> {
        inode::Expect::Directory.verify(fd.as_fd())?;
        Ok(Self(fd))
    }

    /// The place that a path names, as a descriptor which can be examined and mounted on, and not read. Links are
    /// followed, also the last. Errors: those of openat2(2); ELOOP for a magic link.
    pub fn find(&self, path: &Path, mounts: Mounts) -> Result<OwnedFd> {
        self.resolve(path, PLACE, mounts)
    }

    /// A directory, as a descriptor to start from. Errors: as [`Root::find`], and ENOTDIR.
    pub fn directory(&self, path: &Path) -> Result<OwnedFd> {
        self.resolve(path, PLACE | OFlag::O_DIRECTORY, Mounts::Cross)
    }

    /// A regular file, opened with these flags. Nothing is opened before it is known to be regular, so a FIFO does
    /// not hang us and a device does not act. Errors: as [`Root::find`], and [`Kind::Invalid`].
    pub fn regular_file(&self, path: &Path, flags: OFlag) -> Result<OwnedFd> {
        let place = self.find(path, Mounts::Cross)?;
        inode::Expect::Regular.verify(place.as_fd())?;
        descriptor::reopen(place.as_fd(), flags)
    }

    /// The contents of a regular file of at most so many bytes. Errors: as [`Root::regular_file`], and
    /// [`Kind::Invalid`] for a longer one.
    pub fn read(&self, path: &Path, limit: usize) -> Result<Vec<u8>> {
        let file = std::fs::File::from(self.regular_file(path, OFlag::O_RDONLY)?);
        let mut contents = Vec::new();
        let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        file.take(one_more).read_to_end(&mut contents).doing("read(2)", path)?;
        if contents.len() > limit {
            return Err(Error::refused(
                Kind::Invalid,
                "read",
                path,
                format!("it has more than {limit} bytes"),
            ));
        }
        Ok(contents)
    }

    /// The path inside, for a place that was found here: where it is *now*. Who has access to it from outside can
    /// move a directory out of the root while we hold it; this is how that is noticed.
    ///
    /// Errors: [`Kind::Invalid`] if it does not lie below the root.
    pub fn path_of(&self, place: BorrowedFd<'_>) -> Result<PathBuf> {
        let (root, place) = (descriptor::location(self.as_fd())?, descriptor::location(place)?);
        place.strip_prefix(&root).map(|below| Path::new("/").join(below)).map_err(|_| {
            let reason = format!("it is not below the root {}", root.display());
            Error::refused(Kind::Invalid, "verify", &place, reason)
        })
    }

    // ANCHOR: resolve
    fn resolve(&self, path: &Path, flags: OFlag, mounts: Mounts) -> Result<OwnedFd> {
        let stay = match mounts {
            Mounts::Cross => ResolveFlag::empty(),
            Mounts::Stay => ResolveFlag::RESOLVE_NO_XDEV,
        };
        let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS | stay;
        let how = OpenHow::new().flags(flags).resolve(resolve);
        resolved(|| openat2(&self.0, path, how)).map_err(|errno| explained(errno, resolve, path))
    }
    // ANCHOR_END: resolve
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// One name in a directory, which is not followed if it is a link.
fn entry(directory: BorrowedFd<'_>, name: &OsStr, flags: OFlag, mode: Mode) -> nix::Result<OwnedFd> {
    let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let how = OpenHow::new().flags(flags | OFlag::O_NOFOLLOW).mode(mode).resolve(resolve);
    resolved(|| openat2(directory, name, how))
}

/// Tries again, but not for ever.
fn resolved(mut attempt: impl FnMut() -> nix::Result<OwnedFd>) -> nix::Result<OwnedFd> {
    for _ in 1..TRIES {
        match attempt() {
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            outcome => return outcome,
        }
    }
    attempt()
}

fn explained(errno: Errno, resolve: ResolveFlag, path: &Path) -> Error {
    let flags: Vec<_> = resolve.iter_names().map(|(name, _)| name).collect();
    let error = Error::call(format_args!("openat2(2) {}", flags.join("|")), path, errno);
    match errno {
        Errno::ELOOP => error.advise("a magic link of procfs, or too many symbolic links"),
        Errno::EXDEV => error.advise("it leads into another mount"),
        Errno::EAGAIN => error.advise("something below the root is renamed all the time"),
        _ => floor(error, "openat2(2)", "5.6"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolution_is_tried_again_and_not_for_ever() {
        let mut tries = 0;
        let outcome = resolved(|| {
            tries += 1;
            Err(Errno::EAGAIN)
        });
        assert_eq!((outcome.map(drop), tries), (Err(Errno::EAGAIN), TRIES));

        let mut answers = [Errno::EAGAIN, Errno::EINTR, Errno::ENOENT].into_iter();
        let outcome = resolved(|| Err(answers.next().expect("no fourth try")));
        assert_eq!(outcome.map(drop), Err(Errno::ENOENT));
    }

    #[test]
    fn an_error_names_the_flags_and_what_they_refuse() {
        let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        let error = explained(Errno::ELOOP, resolve, Path::new("/proc/self/exe")).to_string();
        let expected = "openat2(2) RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS \"/proc/self/exe\": ELOOP: ";
        assert!(error.starts_with(expected) && error.contains("magic link"), "{error}");
    }
}
