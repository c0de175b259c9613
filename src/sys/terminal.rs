//! A terminal of a container: a pair of ends, of which the container has one (pty(7)).

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::fcntl::OFlag;

use super::path::{Mounts, Root};
use super::{descriptor, inode, outcome, owned};
use crate::error::Result;

/// The numbers of /dev/ptmx, which a devpts of its own has as well.
const PTMX: inode::Expect = inode::Expect::Character(5, 2);

/// Both ends of a terminal.
#[derive(Debug)]
pub struct Terminal {
    /// The end that shows what the container writes.
    pub master: OwnedFd,
    /// The end that is the container's standard input and output.
    pub slave: OwnedFd,
}

impl Terminal {
    /// A new one, of the devpts that is mounted in a container: so it is numbered there, and has a name there.
    ///
    /// Errors: those of openat2(2), [`Kind::Invalid`](crate::error::Kind::Invalid) if there is no ptmx; ENOSPC.
    pub fn open(root: &Root) -> Result<Self> {
        let ptmx = root.find(Path::new("/dev/pts/ptmx"), Mounts::Cross)?;
        PTMX.verify(ptmx.as_fd())?;
        let master = descriptor::reopen(ptmx.as_fd(), OFlag::O_RDWR)?;
        let unlocked: libc::c_int = 0;
        // SAFETY: the request reads an int, which lives through the call.
        let answer = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlocked) };
        outcome(answer.into(), "ioctl(2) TIOCSPTLCK", master.as_fd(), "2.0")?;
        // By descriptor: the name of the other end could be anything by now.
        let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
        // SAFETY: the request takes an integer.
        let answer = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags) };
        let number = outcome(answer.into(), "ioctl(2) TIOCGPTPEER", master.as_fd(), "4.13")?;
        // SAFETY: the kernel has just made it.
        Ok(Self { slave: unsafe { owned(number) }, master })
    }
}

/// Sets the size of a terminal, in characters.
pub fn set_size(terminal: BorrowedFd<'_>, height: u16, width: u16) -> Result<()> {
    let size = libc::winsize { ws_row: height, ws_col: width, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the request reads a winsize, which lives through the call.
    let answer = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    outcome(answer.into(), "ioctl(2) TIOCSWINSZ", terminal, "2.0").map(drop)
}

/// The size of a terminal: height and width, in characters. Errors: ENOTTY if it is none.
pub fn size(terminal: BorrowedFd<'_>) -> Result<(u16, u16)> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the request writes a winsize, which lives through the call.
    let answer = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    outcome(answer.into(), "ioctl(2) TIOCGWINSZ", terminal, "2.0")?;
    Ok((size.ws_row, size.ws_col))
}

/// Makes a terminal the controlling one of this process, which has to be the leader of a session without one.
pub fn control(terminal: BorrowedFd<'_>) -> Result<()> {
    // SAFETY: the request takes an integer.
    let answer = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY, 0) };
    outcome(answer.into(), "ioctl(2) TIOCSCTTY", terminal, "2.0").map(drop)
}
