//! A gate that init waits at, and the parent's life behind it.
//!
//! One byte opens it. End-of-file means that the parent has died, and is never permission to go on.

use std::os::fd::OwnedFd;

use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{pipe2, read, write};
use std::os::fd::AsFd;

// ANCHOR: pair
/// Init's side.
#[derive(Debug)]
pub struct Gate(OwnedFd);

/// The parent's side. As long as it lives, so does the parent, in init's eyes.
#[derive(Debug)]
pub struct Keeper(OwnedFd);

/// Both sides; each process drops the other's.
pub(crate) fn pair() -> Result<(Gate, Keeper)> {
    let (gate, keeper) = pipe2(OFlag::O_CLOEXEC).doing("pipe2(2)", "")?;
    Ok((Gate(gate), Keeper(keeper)))
}
// ANCHOR_END: pair

impl Keeper {
    /// Lets init pass.
    pub(crate) fn open(&self) -> Result<()> {
        match write(&self.0, &[1]) {
            Ok(_) | Err(Errno::EPIPE) => Ok(()),
            Err(errno) => Err(Error::call("write(2)", "the gate", errno)),
        }
    }
}

impl Gate {
    pub(crate) fn pass(&self) -> Result<()> {
        match read(&self.0, &mut [0]).doing("read(2)", "the gate")? {
            0 => Err(died()),
            _ => Ok(()),
        }
    }

    /// Ends init when its parent ends. Call it again after a change of uid, which clears it (prctl(2)).
    pub fn die_with_parent(&self) -> Result<()> {
        prctl::set_pdeathsig(Signal::SIGKILL).doing("prctl(2) PR_SET_PDEATHSIG", "SIGKILL")?;
        // In a pid namespace of its own init cannot ask for its parent's pid: the pipe tells whether it lives.
        let mut gate = [PollFd::new(self.0.as_fd(), PollFlags::empty())];
        match poll(&mut gate, PollTimeout::ZERO).doing("poll(2)", "the gate")? {
            0 => Ok(()),
            _ => Err(died()),
        }
    }
}

fn died() -> Error {
    Error::refused("wait for the parent", "", "it died before it opened the gate")
}
