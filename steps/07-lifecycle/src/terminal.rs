//! A pseudo-terminal by hand: two ends of a line, of which one behaves as a terminal does (pty(7)).
//!
//! Whoever writes to the *master* is the person at the keyboard; whoever has the *slave* as its standard input has a
//! terminal, with echo, line editing, and keys that become signals. The line is made inside, of the container's own
//! devpts, so that its name there (/dev/pts/0) is true. Then the master goes out ([`crate::console`]).

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::libc::winsize;
use nix::sys::statfs::{DEVPTS_SUPER_MAGIC, fstatfs};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{Gid, Uid, dup2_stderr, dup2_stdin, dup2_stdout, fchown, getpgrp, getpid, setsid};
use step_06::attach::copy_of;
use step_06::resolve::{Kind, Root};

/// The device that makes a new line each time that it is opened. The container's own: its instance of devpts has it.
pub const MULTIPLEXER: &str = "/dev/pts/ptmx";

/// Where programs look for the terminal that the machine talks to (config-linux.md, "Default Devices").
pub const CONSOLE: &str = "/dev/console";

/// Both ends.
#[derive(Debug)]
pub struct Terminal {
    master: OwnedFd,
    slave: OwnedFd,
}

impl Terminal {
    // ANCHOR: open
    /// Makes a line of this multiplexer.
    ///
    /// An image may have put anything there, so it is asked what it is before it is asked for anything: ENOTTY if it
    /// is not devpts. The slave comes by TIOCGPTPEER (Linux 4.13) and not by its name, which another could have taken.
    pub fn open(multiplexer: &str) -> Result<Self> {
        let flags = libc::O_NOCTTY | libc::O_CLOEXEC | libc::O_NOFOLLOW;
        let master = OpenOptions::new().read(true).write(true).custom_flags(flags).open(multiplexer);
        let master: OwnedFd = master.doing("open(2)", multiplexer)?.into();
        if fstatfs(&master).doing("fstatfs(2)", multiplexer)?.filesystem_type() != DEVPTS_SUPER_MAGIC {
            return Err(Error::call("make a terminal of", multiplexer, Errno::ENOTTY)
                .advise("mounts must hold a devpts on /dev/pts"));
        }
        let unlocked: libc::c_int = 0;
        // SAFETY: the request reads one integer, which lives through the call.
        #[allow(unsafe_code)]
        let answer = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlocked) };
        Errno::result(answer).doing("ioctl(2) TIOCSPTLCK", multiplexer)?;
        let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
        // SAFETY: the request takes flags as open(2) does, and no pointer.
        #[allow(unsafe_code)]
        let answer = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags) };
        let number = Errno::result(answer).doing("ioctl(2) TIOCGPTPEER", multiplexer)?;
        // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
        #[allow(unsafe_code)]
        let slave = unsafe { OwnedFd::from_raw_fd(number) };
        Ok(Self { master, slave })
    }
    // ANCHOR_END: open

    /// The end that goes out.
    pub fn master(&self) -> &OwnedFd {
        &self.master
    }

    /// The end that stays.
    pub fn slave(&self) -> &OwnedFd {
        &self.slave
    }

    /// Mounts the slave there, on a file that is made for it: by descriptors, for an image may have put a link there.
    pub fn bind_to(&self, path: &Path) -> Result<()> {
        let place = Root::open(Path::new("/"))?.make(path, Kind::File)?;
        copy_of(self.slave.as_fd(), false)?.onto(place.as_fd(), path).map(drop)
    }

    // ANCHOR: take
    /// Makes it the caller's: standard input, output and error, and the terminal of a session of its own, so that its
    /// keys signal whoever is in front there and nobody outside. It belongs to the user whom the program runs as.
    pub fn take(self, uid: u32) -> Result<()> {
        // Who leads a group cannot make a session, unless it leads one already.
        if getpgrp() != getpid() || nix::unistd::getsid(None) != Ok(getpid()) {
            setsid().doing("setsid(2)", "")?;
        }
        // SAFETY: the request takes a number: 0, not to steal it from another session.
        #[allow(unsafe_code)]
        let answer = unsafe { libc::ioctl(self.slave.as_raw_fd(), libc::TIOCSCTTY, 0) };
        Errno::result(answer).doing("ioctl(2) TIOCSCTTY", "")?;
        fchown(&self.slave, Some(Uid::from_raw(uid)), None::<Gid>).doing("fchown(2)", "the terminal")?;
        dup2_stdin(&self.slave).doing("dup2(2)", "standard input")?;
        dup2_stdout(&self.slave).doing("dup2(2)", "standard output")?;
        dup2_stderr(&self.slave).doing("dup2(2)", "standard error")
    }
    // ANCHOR_END: take
}

/// Rows and columns, as the terminal's other end shall see them: programs inside get SIGWINCH.
pub fn set_size(terminal: impl AsFd, (rows, columns): (u16, u16)) -> Result<()> {
    let size = winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the request reads one winsize, which lives through the call.
    #[allow(unsafe_code)]
    let answer = unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    Errno::result(answer).map(drop).doing("ioctl(2) TIOCSWINSZ", "")
}

/// Rows and columns of a terminal. ENOTTY if it is none.
pub fn size(terminal: impl AsFd) -> Result<(u16, u16)> {
    let mut size = winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the request writes one winsize, which lives through the call.
    #[allow(unsafe_code)]
    let answer = unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    Errno::result(answer).map(|_| (size.ws_row, size.ws_col)).doing("ioctl(2) TIOCGWINSZ", "")
}

/// Whether somebody sits before this command.
pub fn is_ours() -> bool {
    io::stdin().is_terminal()
}

/// Our own terminal, raw: every key goes through as a byte, and none is echoed or becomes a signal here, for there is
/// another terminal behind it that does all this. As it was before, with this value's end.
#[derive(Debug)]
pub struct Raw {
    terminal: File,
    before: Termios,
}

// ANCHOR: raw
impl Raw {
    /// Makes standard input raw. ENOTTY if it is no terminal.
    pub fn of_stdin() -> Result<Self> {
        let terminal: File =
            io::stdin().as_fd().try_clone_to_owned().doing("dup(2)", "standard input")?.into();
        let before = tcgetattr(&terminal).doing("tcgetattr(3)", "standard input")?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(&terminal, SetArg::TCSADRAIN, &raw).doing("tcsetattr(3)", "standard input")?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, SetArg::TCSADRAIN, &self.before);
    }
}
// ANCHOR_END: raw
