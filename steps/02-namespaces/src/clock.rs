//! A clock of one's own: the time namespace (Linux 5.6).
//!
//! It shifts CLOCK_MONOTONIC and CLOCK_BOOTTIME, not the time of day. The shift can be written only while the
//! namespace is empty. So clone3 does not make it; unshare(2) does, which moves nobody: it makes a namespace
//! for the *next* child. The offsets are written, and then init itself moves in.

use std::fs::{self, File};

use kit::{Doing, Result};
use nix::sched::{CloneFlags, setns, unshare};

/// `CLONE_NEWTIME`; it shares its bit with clone(2)'s signal number, so it has no place among its flags.
const CLONE_NEWTIME: CloneFlags = CloneFlags::from_bits_retain(0x80);

// ANCHOR: shift
/// Enters a new time namespace whose clocks are ahead by so many seconds, or behind. Errors: EINVAL from a
/// kernel without time namespaces, ERANGE for clocks before zero.
pub fn shift(seconds: i64) -> Result<()> {
    unshare(CLONE_NEWTIME).doing("unshare(2) CLONE_NEWTIME", "")?;
    let offsets = "/proc/self/timens_offsets";
    fs::write(offsets, format!("monotonic {seconds} 0\nboottime {seconds} 0\n")).doing("write", offsets)?;
    let path = "/proc/self/ns/time_for_children";
    let namespace = File::open(path).doing("open(2)", path)?;
    setns(&namespace, CLONE_NEWTIME).doing("setns(2) CLONE_NEWTIME", path)
}
// ANCHOR_END: shift
