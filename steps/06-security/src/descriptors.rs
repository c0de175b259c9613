//! What a process has open needs no path, and no root directory stops it: attack A10.
//!
//! A descriptor that whoever started us forgot to close leads out of any container; so does a working directory
//! that was reached through one (CVE-2024-21626: `/proc/self/fd/7` as process.cwd).

use std::env::current_dir;

use kit::{Doing, Error, Result};
use nix::errno::Errno;

// ANCHOR: close_on_exec
/// Marks everything but the three standard descriptors: execve(2) closes it. Closing at once would take init's own.
pub fn close_on_exec() -> Result<()> {
    // SAFETY: the call takes integers, and closes nothing (Linux 5.11).
    #[allow(unsafe_code)]
    let marked = unsafe { libc::close_range(3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC.cast_signed()) };
    Errno::result(marked).map(drop).doing("close_range(2) CLOSE_RANGE_CLOEXEC", "")
}
// ANCHOR_END: close_on_exec

// ANCHOR: stand_inside
/// The working directory must have a name below the root. The kernel begins that of one outside with
/// `(unreachable)` (getcwd(2)).
pub fn stand_inside() -> Result<()> {
    match current_dir() {
        Ok(path) if path.is_absolute() => Ok(()),
        found => {
            Err(Error::refused("chdir(2) process.cwd", "", format!("it lies outside of the root: {found:?}")))
        }
    }
}
// ANCHOR_END: stand_inside
