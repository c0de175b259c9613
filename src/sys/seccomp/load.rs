//! A filter goes onto the calling process, and stays: what it executes and what it forks have it too.

use std::ffi::c_ulong;
use std::os::fd::OwnedFd;

use super::{Instruction, Program};
use crate::error::Result;
use crate::sys::{outcome, owned};

/// How a filter is loaded (seccomp(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the specification lists them one by one")]
pub struct Flags {
    /// `SECCOMP_FILTER_FLAG_TSYNC`: all threads of the process.
    pub tsync: bool,
    /// `SECCOMP_FILTER_FLAG_LOG`: what is not permitted is written to the log.
    pub log: bool,
    /// `SECCOMP_FILTER_FLAG_SPEC_ALLOW`: no mitigation against Speculative Store Bypass.
    pub spec_allow: bool,
    /// `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV` (Linux 5.19): only a signal that kills ends the wait for the listener.
    pub wait_killable: bool,
}

/// `SECCOMP_FILTER_FLAG_TSYNC_ESRCH` of `linux/seccomp.h` (Linux 5.7): without it a listener and TSYNC exclude each other.
const TSYNC_ESRCH: c_ulong = 1 << 4;
/// `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV` of `linux/seccomp.h` (Linux 5.19).
const WAIT_KILLABLE_RECV: c_ulong = 1 << 5;

impl Program {
    /// Loads the filter, last of all that this process does: what it does not permit fails from now on. The listener,
    /// if the policy asks one.
    ///
    /// Errors: EACCES unless the process has set `no_new_privs` or holds `CAP_SYS_ADMIN` in its user namespace, for it
    /// could otherwise mislead a set-user-ID program; EINVAL for a flag or an action of a later kernel; EBUSY when there
    /// is a listener already.
    pub fn load(&self, flags: Flags) -> Result<Option<OwnedFd>> {
        let flags = flags.bits(self.notifies);
        let program = libc::sock_fprog {
            len: u16::try_from(self.instructions.len()).unwrap_or(u16::MAX),
            filter: self.instructions.as_ptr().cast::<libc::sock_filter>().cast_mut(),
        };
        const { assert!(size_of::<Instruction>() == size_of::<libc::sock_filter>()) };
        // SAFETY: the pointer leads to `len` instructions, laid out as sock_filter is (both are repr(C) with the same
        // fields, and the sizes are compared above), which live until the call returns; the kernel copies them.
        let answer = unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                c_ulong::from(libc::SECCOMP_SET_MODE_FILTER),
                flags,
                &raw const program,
            )
        };
        let number = outcome(answer, "seccomp(2) SECCOMP_SET_MODE_FILTER", "", "3.17")?;
        if !self.notifies {
            return Ok(None);
        }
        // SAFETY: with SECCOMP_FILTER_FLAG_NEW_LISTENER the answer is a descriptor made for us, close-on-exec.
        Ok(Some(unsafe { owned(number) }))
    }
}

impl Flags {
    fn bits(self, listens: bool) -> c_ulong {
        let mut bits = 0;
        let mut set = |wanted: bool, bit: c_ulong| bits |= if wanted { bit } else { 0 };
        set(self.tsync, libc::SECCOMP_FILTER_FLAG_TSYNC);
        set(self.log, libc::SECCOMP_FILTER_FLAG_LOG);
        set(self.spec_allow, libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW);
        set(self.wait_killable, WAIT_KILLABLE_RECV);
        set(listens, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
        set(listens && self.tsync, TSYNC_ESRCH);
        bits
    }
}
