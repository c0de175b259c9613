//! What is no lesson: everything that a step needs and does not teach.
//!
//! - [`error`]: the lessons' error, with operation, subject and errno; [`advice`]: why, and what would mend it
//! - [`rootfs`]: a root assembled from the host, by what each program's ELF file names ([`elf`])
//! - [`scratch`]: a directory of this run, and the removal of what a killed run left
//! - [`tier`]: what this process may do, and the root it borrows when it may little
//! - [`term`]: what is printed, with and without colour
//! - [`demo`]: the guest's report beside the host's; [`cli`]: the words that all steps share

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

pub mod advice;
pub mod cli;
pub mod demo;
pub mod elf;
pub mod error;
pub mod rootfs;
pub mod scratch;
pub mod term;
pub mod tier;

pub use error::{Doing, Error, Result, todo};
pub use rootfs::Rootfs;
pub use tier::Tier;

/// The first line of every step's `main`. Under the name `guest` the program is the guest, and ends here.
///
/// Rust ignores SIGPIPE, and an ignored signal stays ignored in whatever is executed (signal(7)): it is put
/// back, so that `step-04 | head` ends quietly and a container starts with the usual dispositions.
#[expect(clippy::exit, reason = "under the guest's name no main follows")]
pub fn start() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    // SAFETY: the default disposition runs no code of ours, and no other thread exists yet.
    #[allow(unsafe_code)]
    let _ = unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) };

    let name = std::env::args_os().next().unwrap_or_default();
    if Path::new(&name).file_name() == Some(OsStr::new(guest::NAME)) {
        let _ = guest::main();
        std::process::exit(0);
    }
}

// ANCHOR: finish
/// The last line of every step's `main`: the exit status of the command, or the error on standard error
/// with its advice and the status that belongs to it.
pub fn finish(outcome: Result<u8>) -> ExitCode {
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            term::failure(&error);
            ExitCode::from(error.status())
        }
    }
}
// ANCHOR_END: finish
