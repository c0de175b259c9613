//! Network links, as far as a namespace of one's own needs them to begin with.

use std::os::fd::AsRawFd;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use super::outcome;
use crate::error::{Doing, Result};

/// Sets the loopback link up, which is born down: netdevice(7), `SIOCSIFFLAGS`. It gets its addresses by that.
///
/// Errors: EPERM without `CAP_NET_ADMIN` in the namespace.
pub fn loopback_up() -> Result<()> {
    let kind = SockType::Datagram;
    let socket =
        socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, None).doing("socket(2) AF_INET", "")?;
    // SAFETY: an ifreq is integers and bytes, for which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags =
        libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING).unwrap_or_default();
    // SAFETY: the request reads an ifreq, which lives through the call.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    outcome(answer.into(), "ioctl(2) SIOCSIFFLAGS IFF_UP", "lo", "1.0").map(drop)
}
