//! What `create` and init say to each other.
//!
//! ```text
//! [init]                                  [create]
//! mounts, in the root not yet pivoted
//! RunHooks               ───────────▶     prestart and createRuntime hooks, in our own namespaces
//!                        ◀───────────     HooksRan
//! createContainer hooks · pivot_root
//! Ready                  ───────────▶     "created" is written
//!                        ◀───────────     Written
//! no more dies with create
//! Waiting                ───────────▶     create ends
//! ```
//!
//! The order of the messages is that of the enum; any other is an error. End-of-file means that the other side has
//! died, and is never permission to go on. Why it died is not told here: init's own error comes by the pipe of lesson
//! 00, and `create` reports that very sentence.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};

/// How long a step of our own may take. Hooks are other people's, and have timeouts of their own.
pub const PATIENCE: Duration = Duration::from_secs(30);

// ANCHOR: messages
/// A message, in the order in which they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// Init: the mounts are there, and nothing has been pivoted.
    RunHooks = 1,
    /// Create: they have run.
    HooksRan,
    /// Init: all is there but the program.
    Ready,
    /// Create: it is on disk that the container is created.
    Written,
    /// Init: from here on I live without you.
    Waiting,
}
// ANCHOR_END: messages

/// One end.
#[derive(Debug)]
pub struct End(OwnedFd);

/// Both ends: create's and init's. Messages keep their borders, and neither end is inherited by what is executed.
pub fn pair() -> Result<(End, End)> {
    socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
        .map(|(ours, inits)| (End(ours), End(inits)))
        .doing("socketpair(2)", "")
}

impl End {
    /// Says it. EPIPE if the other side has died.
    pub fn tell(&self, message: Message) -> Result<()> {
        send(self.0.as_raw_fd(), &[message as u8], MsgFlags::MSG_NOSIGNAL)
            .map(drop)
            .doing("send(2)", format!("{message:?}").as_str())
    }

    // ANCHOR: expect
    /// Waits for it: this long, or for as long as the other side lives.
    pub fn expect(&self, message: Message, patience: Option<Duration>) -> Result<()> {
        let refused = |reason: &str| Err(Error::refused("wait for", format!("{message:?}"), reason));
        let mut byte = [0];
        if !self.readable(patience)? {
            return refused("it did not come in time");
        }
        match recv(self.0.as_raw_fd(), &mut byte, MsgFlags::empty()).doing("recv(2)", "")? {
            0 => Err(Error::call("wait for", format!("{message:?}"), Errno::ECONNRESET)),
            _ if byte[0] == message as u8 => Ok(()),
            _ => refused("another message came"),
        }
    }
    // ANCHOR_END: expect

    /// In init: lets go of create's end, of which it has a copy. Else create's death would go unnoticed.
    pub fn drop_copy_of(&self, creates: &End) -> Result<()> {
        nix::unistd::close(creates.0.as_raw_fd()).doing("close(2)", "create's end")
    }

    fn readable(&self, patience: Option<Duration>) -> Result<bool> {
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        let timeout = patience.and_then(|patience| PollTimeout::try_from(patience).ok());
        loop {
            match poll(&mut fds, timeout.unwrap_or(PollTimeout::NONE)) {
                Err(Errno::EINTR) => {}
                outcome => return outcome.map(|count| count > 0).doing("poll(2)", ""),
            }
        }
    }
}
