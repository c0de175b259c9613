//! Exercise 06.01: the order of giving up.

use kit::{Doing, Result};
use nix::errno::Errno;
use nix::unistd::{Gid, Uid, setgid, setuid};

/// Becomes the user, with no capability but those in `keep`.
///
/// The bounding set first: dropping from it takes CAP_SETPCAP, and capset(2) or the new uid will take that away.
/// Then the uid, with the permitted set kept through it, which would be emptied. Then the sets themselves; and the
/// ambient set last, since each of its capabilities must be permitted and inheritable by then.
pub fn give_up(keep: u64, uid: Uid, gid: Gid) -> Result<()> {
    for number in (0..64).filter(|number| keep >> number & 1 == 0) {
        match prctl(libc::PR_CAPBSET_DROP, number, 0) {
            Ok(_) | Err(Errno::EINVAL) => {}
            Err(errno) => return Err(errno).doing("prctl(2) PR_CAPBSET_DROP", ""),
        }
    }
    prctl(libc::PR_SET_KEEPCAPS, 1, 0).doing("prctl(2) PR_SET_KEEPCAPS", "")?;
    setgid(gid).doing("setgid(2)", "")?;
    setuid(uid).doing("setuid(2)", "")?;
    capset(keep, keep, keep)?;
    for number in (0..64).filter(|number| keep >> number & 1 == 1) {
        prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE as u64, number)
            .doing("prctl(2) PR_CAP_AMBIENT_RAISE", "")?;
    }
    Ok(())
}

/// prctl(2) of two integers.
fn prctl(option: i32, first: u64, second: u64) -> nix::Result<i32> {
    // SAFETY: the options in question take integers, and touch no memory of ours.
    #[allow(unsafe_code)]
    Errno::result(unsafe { libc::prctl(option, first, second, 0u64, 0u64) })
}

/// capset(2), which sets three of the five.
fn capset(effective: u64, permitted: u64, inheritable: u64) -> Result<()> {
    // Version 3 of the call: 64 bits in two halves; pid 0 is the caller.
    let header: [u32; 2] = [0x2008_0522, 0];
    let half = |shift: u32| [effective, permitted, inheritable].map(|set| (set >> shift) as u32);
    let data = [half(0), half(32)];
    // SAFETY: both are laid out as the call reads them, and live through it.
    #[allow(unsafe_code)]
    let set = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) };
    Errno::result(set).doing("capset(2)", "").map(drop)
}
