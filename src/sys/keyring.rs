//! Keys of the kernel: a session keyring of one's own (keyrings(7)).

use nix::errno::Errno;

use super::{c_string, outcome};
use crate::error::Result;

/// `KEYCTL_JOIN_SESSION_KEYRING` of `linux/keyctl.h`.
const JOIN_SESSION_KEYRING: libc::c_int = 1;

/// Leaves the session keyring that was inherited for a new one of this name, so that the keys of whoever started us stay
/// with them. A kernel without keys has none to share: then nothing is done.
///
/// Errors: EDQUOT, EACCES.
pub fn join_session(name: &str) -> Result<()> {
    let text = c_string("keyctl(2)", name)?;
    // SAFETY: the text ends in NUL; the call keeps no pointer.
    let answer = unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, text.as_ptr()) };
    match outcome(answer, "keyctl(2) KEYCTL_JOIN_SESSION_KEYRING", name, "2.6.10") {
        Err(error) if error.errno() == Some(Errno::ENOSYS) => Ok(()),
        outcome => outcome.map(drop),
    }
}
