//! Descriptors: opening one again, and closing what no child shall inherit.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::PathBuf;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use super::{inode, outcome};
use crate::error::{Doing, Error, Kind, Result};

/// Opens what a descriptor stands for once more, with other flags: usually one that was opened with `O_PATH` and
/// has been verified. The way leads through /proc/self/fd, so the answer is compared with what went in: a procfs
/// that somebody has covered cannot hand us another file.
///
/// Errors: those of open(2); [`Kind::Invalid`] if it is not the same inode.
pub fn reopen(fd: BorrowedFd<'_>, flags: OFlag) -> Result<OwnedFd> {
    let link = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let again = open(link.as_str(), flags | OFlag::O_CLOEXEC | OFlag::O_NOCTTY, Mode::empty())
        .doing("open(2) again", fd)?;
    if inode::same(fd, again.as_fd())? {
        Ok(again)
    } else {
        Err(Error::refused(Kind::Invalid, "open(2) again", fd, "/proc/self/fd leads to another file"))
    }
}

/// Where a descriptor leads, as the kernel tells it (proc(5), `/proc/pid/fd`), seen from the root of this process.
/// It is for messages and for verification; what it names can be another file by the time it is opened.
pub fn location(fd: BorrowedFd<'_>) -> Result<PathBuf> {
    let link = format!("/proc/self/fd/{}", fd.as_raw_fd());
    std::fs::read_link(&link).doing("readlink(2)", link)
}

// ANCHOR: close_on_exec_from
/// Marks every descriptor from this number up as close-on-exec, so that none reaches a container by mistake;
/// `close_range(2)` with `CLOSE_RANGE_CLOEXEC`, Linux 5.11. Unlike closing them it leaves our own usable until then.
pub fn close_on_exec_from(first: RawFd) -> Result<()> {
    let first = u32::try_from(first).map_err(|_| {
        Error::refused(Kind::Invalid, "close_range(2)", first.to_string(), "a descriptor is not negative")
    })?;
    let flags = libc::CLOSE_RANGE_CLOEXEC;
    // SAFETY: the call takes three integers, and closes nothing: it sets a flag on descriptors.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, flags) };
    outcome(answer, "close_range(2) CLOSE_RANGE_CLOEXEC", format!("{first}.."), "5.11").map(drop)
}
// ANCHOR_END: close_on_exec_from

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn a_path_descriptor_becomes_one_to_read_from() {
        let path = open("/etc/passwd", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).expect("open");
        assert!(nix::unistd::read(&path, &mut [0]).is_err(), "it cannot be read as it is");
        let file = reopen(path.as_fd(), OFlag::O_RDONLY).expect("again");
        assert_eq!(nix::unistd::read(&file, &mut [0]).expect("read"), 1);
        assert_eq!(location(file.as_fd()).expect("a path"), PathBuf::from("/etc/passwd"));
    }

    #[test]
    fn a_negative_descriptor_is_refused() {
        assert_eq!(close_on_exec_from(-1).expect_err("negative").kind(), Kind::Invalid);
        let file = File::open("/").expect("open");
        assert_eq!(location(file.as_fd()).expect("a path"), PathBuf::from("/"));
    }
}
