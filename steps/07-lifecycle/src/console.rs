//! The way out for a terminal's master: a descriptor sent over a socket (unix(7), SCM_RIGHTS).
//!
//! What is sent is no number but the open file: the receiver gets a descriptor of its own for it, whatever namespaces
//! the two are in. The protocol is everybody's: one message, with the terminal's name as its text. So who listens at
//! `--console-socket` may be containerd, or [`receive`] here.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use kit::{Doing, Error, Result};
use nix::cmsg_space;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

// ANCHOR: send
/// Sends a descriptor.
pub fn send(socket: &UnixStream, descriptor: &OwnedFd) -> Result<()> {
    let descriptors = [descriptor.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&descriptors)];
    let name = [IoSlice::new(b"/dev/ptmx")];
    sendmsg::<()>(socket.as_raw_fd(), &name, &rights, MsgFlags::MSG_NOSIGNAL, None)
        .map(drop)
        .doing("sendmsg(2) SCM_RIGHTS", "the console socket")
}
// ANCHOR_END: send

// ANCHOR: receive
/// Receives one; errors if the other side has closed the socket before. It is close-on-exec from the beginning.
pub fn receive(socket: &UnixStream) -> Result<OwnedFd> {
    let refused = |reason: &str| Error::refused("receive the terminal", "", reason);
    let mut name = [0; 4096];
    let mut name = [IoSliceMut::new(&mut name)];
    let mut space = cmsg_space!([RawFd; 1]);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut name, Some(&mut space), flags)
        .doing("recvmsg(2)", "the console socket")?;
    let received =
        message.cmsgs().doing("recvmsg(2)", "the console socket")?.find_map(|control| match control {
            ControlMessageOwned::ScmRights(descriptors) => descriptors.first().copied(),
            _ => None,
        });
    let number = received.ok_or_else(|| refused("the other side has sent none"))?;
    // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
    #[allow(unsafe_code)]
    let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
    Ok(descriptor)
}
// ANCHOR_END: receive
