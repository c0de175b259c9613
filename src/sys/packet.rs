//! Messages between two processes that keep their bounds: a pair of sockets of sequenced packets (unix(7)).
//!
//! When one side's process is gone, the other reads an end, and never waits for ever: as long as neither keeps a copy
//! of the other's end.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, send, sendmsg,
    socketpair,
};

use crate::error::{Doing, Error, Kind, Result};

/// The longest message that is received.
const LIMIT: usize = 64 * 1024;

/// One end of a pair.
#[derive(Debug)]
pub struct Packets(OwnedFd);

impl Packets {
    /// Two ends, close-on-exec.
    pub fn pair() -> Result<(Self, Self)> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let (one, other) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)
            .doing("socketpair(2) SOCK_SEQPACKET", "")?;
        Ok((Self(one), Self(other)))
    }

    /// Takes over a descriptor that is one end.
    pub fn from_owned(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// Sends a message. Errors: EPIPE when the other side is gone; no signal is raised.
    pub fn send(&self, message: &[u8]) -> Result<()> {
        send(self.0.as_raw_fd(), message, MsgFlags::MSG_NOSIGNAL)
            .doing("send(2)", "the other process")
            .map(drop)
    }

    /// The next message; `None` when the other side is gone. Errors: [`Kind::System`] if nothing comes in this time.
    pub fn receive(&self, patience: Option<Duration>) -> Result<Option<Vec<u8>>> {
        if let Some(patience) = patience {
            wait_readable(self.0.as_fd(), patience)?;
        }
        let mut buffer = vec![0; LIMIT];
        let length = loop {
            match nix::unistd::read(&self.0, &mut buffer) {
                Err(Errno::EINTR) => {}
                // The other side has closed with a message of ours unread: it is gone as well.
                Err(Errno::ECONNRESET) => break 0,
                outcome => break outcome.doing("read(2)", "the other process")?,
            }
        };
        buffer.truncate(length);
        Ok((length > 0).then_some(buffer))
    }
}

impl AsFd for Packets {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Waits until something can be read, or the other side is gone. Errors: [`Kind::System`] after this time.
pub fn wait_readable(fd: BorrowedFd<'_>, patience: Duration) -> Result<()> {
    let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
    loop {
        match poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], timeout) {
            Err(Errno::EINTR) => {}
            Ok(0) => {
                let reason = format!("nothing came in {} s", patience.as_secs());
                return Err(Error::refused(Kind::System, "wait for", "the other process", reason));
            }
            outcome => return outcome.doing("poll(2)", "").map(drop),
        }
    }
}

impl From<Packets> for OwnedFd {
    fn from(packets: Packets) -> Self {
        packets.0
    }
}

/// Sends a descriptor along with a message, `SCM_RIGHTS`.
pub fn send_descriptor(socket: BorrowedFd<'_>, message: &[u8], fd: BorrowedFd<'_>) -> Result<()> {
    let (fds, bytes) = ([fd.as_raw_fd()], [IoSlice::new(message)]);
    let control = [ControlMessage::ScmRights(&fds)];
    sendmsg::<()>(socket.as_raw_fd(), &bytes, &control, MsgFlags::MSG_NOSIGNAL, None)
        .doing("sendmsg(2) SCM_RIGHTS", socket)
        .map(drop)
}

/// Receives a descriptor, close-on-exec. Errors: [`Kind::System`] if none comes, or more than one.
pub fn receive_descriptor(socket: BorrowedFd<'_>) -> Result<OwnedFd> {
    let mut buffer = [0; 256];
    let mut bytes = [IoSliceMut::new(&mut buffer)];
    let mut space = nix::cmsg_space!([i32; 4]);
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut bytes, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)
        .doing("recvmsg(2) SCM_RIGHTS", "")?;
    let mut received = Vec::new();
    for control in message.cmsgs().doing("recvmsg(2) SCM_RIGHTS", "")? {
        if let ControlMessageOwned::ScmRights(fds) = control {
            // SAFETY: the kernel has just made them for us.
            received.extend(fds.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
        }
    }
    match (received.pop(), received.is_empty()) {
        (Some(fd), true) => Ok(fd),
        _ => {
            Err(Error::refused(Kind::System, "recvmsg(2) SCM_RIGHTS", "", "it did not bring one descriptor"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_keep_their_bounds_and_an_end_is_told() {
        let (one, other) = Packets::pair().expect("a pair");
        one.send(b"first").expect("sent");
        one.send(b"second").expect("sent");
        assert_eq!(other.receive(None).expect("received").as_deref(), Some(&b"first"[..]));
        assert_eq!(other.receive(None).expect("received").as_deref(), Some(&b"second"[..]));
        let error = other.receive(Some(Duration::from_millis(10))).expect_err("nothing comes");
        assert!(error.to_string().contains("nothing came"), "{error}");
        drop(one);
        assert_eq!(other.receive(None).expect("an end"), None);
        assert_eq!(other.send(b"x").expect_err("gone").errno(), Some(Errno::EPIPE));
    }

    #[test]
    fn a_descriptor_arrives_as_the_same_file() {
        let (one, other) = Packets::pair().expect("a pair");
        let file = std::fs::File::open("/etc/passwd").expect("open");
        send_descriptor(one.as_fd(), b"x", file.as_fd()).expect("sent");
        let received = receive_descriptor(other.as_fd()).expect("received");
        assert!(crate::sys::inode::same(file.as_fd(), received.as_fd()).expect("compared"));
        one.send(b"no descriptor").expect("sent");
        receive_descriptor(other.as_fd()).expect_err("none came");
    }
}
