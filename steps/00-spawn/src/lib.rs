//! Lesson 00: a process is born, becomes a program, and is waited for.
//!
//! A shell that runs `ls` makes three system calls. fork(2) copies the shell; execve(2) turns the copy into
//! `ls`; waitpid(2) tells the shell how it ended. Nothing else makes a process, and a container is no
//! exception: every later lesson changes what happens *between* fork and execve.
//!
//! What the child has from its parent, it inherits: open descriptors, working directory, root directory,
//! credentials, limits, signal dispositions that are "ignore", the signal mask, and every namespace.
//! execve keeps all of it but the memory, the signal handlers and the descriptors marked close-on-exec.
//!
//! - [`spawn`] below is fork; [`program`] is execve; [`supervise`] is waitpid, and passes signals on
//! - [`birth`] is what both sides need from before the fork, so that a failed child can say why

use std::convert::Infallible;

use kit::{Doing, Error, Result};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid};

pub mod birth;
pub mod program;
pub mod supervise;

pub use birth::Birth;
pub use program::{Program, exec};
pub use supervise::Child;

// ANCHOR: spawn
/// Makes a child, which runs `body` and ends in it: by execve(2), or by reporting its error to the parent.
///
/// Errors name fork(2): EAGAIN at a limit of processes, ENOMEM.
pub fn spawn(body: impl FnOnce() -> Result<Infallible>) -> Result<Child> {
    let birth = Birth::prepare()?;
    let parent = getpid();
    // SAFETY: `prepare` refused if there were other threads, whose locks nobody would ever release in the child.
    #[allow(unsafe_code)]
    let forked = unsafe { fork() }.doing("fork(2)", "")?;
    match forked {
        ForkResult::Child => birth.child(|| {
            die_with(parent)?;
            body()
        }),
        ForkResult::Parent { child } => Ok(birth.parent(child, supervise::pidfd_open(child)?)),
    }
}
// ANCHOR_END: spawn

// ANCHOR: die_with
/// Ends the calling process when its parent ends, even by `kill -9`: nobody would be left to wait for it.
fn die_with(parent: Pid) -> Result<()> {
    prctl::set_pdeathsig(Signal::SIGKILL).doing("prctl(2) PR_SET_PDEATHSIG", "SIGKILL")?;
    // The parent may have ended before the call above; then nothing will ever be sent.
    if getppid() == parent {
        return Ok(());
    }
    Err(Error::refused("wait for the parent's death", parent, "it is dead already"))
}
// ANCHOR_END: die_with
