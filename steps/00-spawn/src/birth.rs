//! What parent and child need from before the fork: a pipe for the child's error, and quiet signals.
//!
//! The child's end of the pipe is close-on-exec. So the parent reads an error, or, when the pipe closes with
//! nothing in it, knows that execve(2) has succeeded or that the child has ended, which waitpid(2) will tell.

use std::convert::Infallible;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use kit::{Doing, Error, Result};
use nix::fcntl::OFlag;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::unistd::{Pid, pipe2};

use crate::supervise::{Child, FORWARDED};

/// The preparations. Both sides of the fork hold them; each keeps its half.
#[derive(Debug)]
pub struct Birth {
    errors_in: File,
    errors_out: File,
    mask_before: SigSet,
}

impl Birth {
    /// Opens the pipe, and blocks the signals that will be passed on, so that none is lost before the parent
    /// listens. Refuses in a process with several threads.
    pub fn prepare() -> Result<Self> {
        let threads = fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
        if threads > 1 {
            return Err(Error::refused("fork(2)", "", format!("this process has {threads} threads")));
        }
        let (errors_in, errors_out) = pipe2(OFlag::O_CLOEXEC).doing("pipe2(2)", "")?;
        let forwarded: SigSet = FORWARDED.into_iter().collect();
        let mut mask_before = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&forwarded), Some(&mut mask_before))
            .doing("sigprocmask(2)", "")?;
        Ok(Self { errors_in: errors_in.into(), errors_out: errors_out.into(), mask_before })
    }

    // ANCHOR: child
    /// The child's side. The mask is put back, for execve(2) keeps it and the command expects it as it was.
    pub fn child(self, body: impl FnOnce() -> Result<Infallible>) -> ! {
        drop(self.errors_in);
        let unblocked = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.mask_before), None);
        let Err(error) = unblocked.doing("sigprocmask(2)", "").and_then(|()| body());
        let sent = serde_json::to_vec(&error).map(|json| (&self.errors_out).write_all(&json));
        let status = if matches!(sent, Ok(Ok(()))) { error.status() } else { kit::error::FAILED };
        end(status)
    }
    // ANCHOR_END: child

    // ANCHOR: parent
    /// The parent's side. Letting go of the child's end is what makes end-of-file arrive.
    pub fn parent(self, child: Pid, pidfd: OwnedFd) -> Child {
        drop(self.errors_out);
        Child::new(child, pidfd, Errors(self.errors_in), self.mask_before)
    }
    // ANCHOR_END: parent
}

/// Ends a child. An ordinary exit would flush buffers and run handlers that are copies of the parent's.
pub fn end(status: u8) -> ! {
    // SAFETY: _exit takes an integer, and nothing of this process runs after it.
    #[allow(unsafe_code)]
    unsafe {
        libc::_exit(status.into())
    }
}

/// The parent's end of the pipe.
#[derive(Debug)]
pub struct Errors(File);

impl Errors {
    /// The child's error, once the child has ended or executed.
    pub(crate) fn read(mut self) -> Option<Error> {
        let mut json = Vec::new();
        self.0.read_to_end(&mut json).ok()?;
        serde_json::from_slice(&json).ok()
    }
}
