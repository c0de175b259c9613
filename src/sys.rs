//! The kernel's calls, made safe to call: the only room with `unsafe` in it.
//!
//! What nix wraps well is used from there by whoever needs it; here is what it lacks, or what is only safe
//! together. All descriptors are close-on-exec. The kernel floor is Linux 5.14; a call that is missing says so.
//!
//! - [`task`]: how many threads this process has, and a process held by descriptor
//! - [`clone`]: a child with namespaces of its own, born where it shall live
//! - [`namespace`]: the kinds, and the way into one that is there already
//! - [`path`]: paths below the root of a container, which cannot lead out of it
//! - [`inode`]: what stands behind a descriptor, verified after opening
//! - [`file`]: small files of the kernel, read in one go
//! - [`descriptor`]: opening a descriptor again, and closing what no child shall inherit
//! - [`mount`]: trees of mounts that hang nowhere until they are finished
//! - [`pivot`]: another root for the mount namespace
//! - [`capability`]: the sets of capabilities, by name
//! - [`devices`]: which devices a control group may use
//! - [`seccomp`]: which system calls are permitted, as a program that the kernel runs at each
//! - [`priority`]: when a process gets the processor and the disk
//! - [`packet`]: messages and descriptors between two processes
//! - [`executable`]: the own program, in a form that nobody can write
//! - [`terminal`]: a pair of ends, of which a container has one
//! - [`keyring`], [`link`], [`signal`]: keys, network links and signals, as a container begins with them
#![allow(unsafe_code)]

use std::ffi::CString;
use std::fmt::Display;
use std::os::fd::{FromRawFd, OwnedFd};

use nix::errno::Errno;

use crate::error::{Error, Kind, Result, Subject};

pub mod capability;
pub mod clone;
pub mod descriptor;
pub mod devices;
pub mod executable;
pub mod file;
pub mod inode;
pub mod keyring;
pub mod link;
pub mod mount;
pub mod namespace;
pub mod packet;
pub mod path;
pub mod pivot;
pub mod priority;
pub mod seccomp;
pub mod signal;
pub mod task;
pub mod terminal;

/// The outcome of a raw call. `since` is the version of Linux that brought it: an older kernel and an outer
/// filter both answer ENOSYS, and the reader has to know which calls to look for.
fn outcome(
    answer: libc::c_long,
    doing: impl Display,
    subject: impl Subject,
    since: &str,
) -> Result<libc::c_long> {
    Errno::result(answer).map_err(|errno| {
        let text = doing.to_string();
        let error = Error::call(&text, subject, errno);
        floor(error, text.split(' ').next().unwrap_or_default(), since)
    })
}

/// Adds what ENOSYS means to an error.
fn floor(error: Error, call: &str, since: &str) -> Error {
    match error.errno() {
        Some(Errno::ENOSYS) => {
            error.advise(format!("{call} needs Linux {since} or an outer filter refuses it"))
        }
        _ => error,
    }
}

/// Takes over the descriptor that a raw call has answered with.
///
/// # Safety
/// The number is that of a descriptor which the kernel has just made for us, so that nobody else owns it.
unsafe fn owned(number: libc::c_long) -> OwnedFd {
    #[expect(clippy::cast_possible_truncation, reason = "the kernel numbers descriptors with an int")]
    let number = number as i32;
    // SAFETY: our caller promises that nobody else owns it.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// A text for the kernel. Errors: [`Kind::Invalid`] if it holds a NUL byte.
fn c_string(doing: &str, text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::refused(Kind::Invalid, doing, text, "it holds a NUL byte"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_call_names_the_kernel_that_has_it() {
        Errno::ENOSYS.set();
        let error = outcome(-1, "clone3(2) CLONE_NEWPID", "", "5.3").expect_err("missing");
        assert_eq!(error.kind(), Kind::Unsupported);
        let advice = "(clone3(2) needs Linux 5.3 or an outer filter refuses it)";
        assert!(error.to_string().ends_with(advice), "{error}");
        Errno::EPERM.set();
        let error = outcome(-1, "clone3(2)", "", "5.3").expect_err("refused");
        assert!(!error.to_string().contains("Linux"), "{error}");
    }
}
