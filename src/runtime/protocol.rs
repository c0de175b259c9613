//! What parent and init say to each other while a container is made.
//!
//! ```text
//! [child: init]                          [parent: create]
//! MapIds                ───────────▶     setgroups, uid_map, gid_map
//! mounts and devices, in the root not yet pivoted
//! RunHooks              ───────────▶     prestart, createRuntime (runtime namespaces)
//! createContainer hooks (in init's namespaces, path from the runtime's) · pivot_root
//! Ready                 ───────────▶     state "created" is on disk
//! Failed{doing, errno}  ───────────▶     kill by pidfd, reap, report that very sentence
//! EOF before Ready: the peer died. Never permission to go on.
//! ```
//!
//! Each message but the last is answered with one byte. Init is not answered where the parent has failed: the parent
//! ends it then. After [`Step::Ready`] has been answered init only waits to be started.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use crate::error::{Error, Kind, Result};
use crate::sys::packet::Packets;

/// What init asks for. The order here is the order in which it may ask; each once at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// That its user namespace is given ids.
    MapIds = 1,
    /// That the hooks of the runtime's namespaces are run.
    RunHooks,
    /// That it is known to be ready.
    Ready,
}

const FAILED: u8 = b'!';
const DONE: &[u8] = b".";

impl Step {
    fn from_byte(byte: u8) -> Option<Self> {
        [Self::MapIds, Self::RunHooks, Self::Ready].into_iter().find(|step| *step as u8 == byte)
    }
}

/// How long one side waits for the next step of the other. Hooks have their own time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Init's end.
#[derive(Debug)]
pub(super) struct InitEnd(Packets);

/// The parent's end.
#[derive(Debug)]
pub(super) struct ParentEnd {
    packets: Packets,
    last: Option<Step>,
}

/// Both ends.
pub(super) fn pair() -> Result<(ParentEnd, InitEnd)> {
    let (one, other) = Packets::pair()?;
    Ok((ParentEnd { packets: one, last: None }, InitEnd(other)))
}

impl AsFd for ParentEnd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.packets.as_fd()
    }
}

impl InitEnd {
    /// Asks for a step, and waits until it is done. Without limit: the parent may run hooks meanwhile, and if it dies
    /// there is an end to be read. Errors: [`Kind::System`] then.
    pub(super) fn ask(&self, step: Step) -> Result<()> {
        self.0.send(&[step as u8])?;
        match self.0.receive(None)?.as_deref() {
            Some(DONE) => Ok(()),
            Some(_) => Err(protocol("an answer that is none")),
            None => Err(protocol("the parent has died")),
        }
    }

    /// Says why init cannot go on.
    pub(super) fn fail(&self, error: &Error) {
        let mut message = vec![FAILED];
        message.extend(error.encode());
        // Where nobody listens any more, nobody is left to be told either.
        let _ = self.0.send(&message);
    }
}

impl ParentEnd {
    /// The next step that init asks for. Errors: init's own error, if it has failed; [`Kind::System`] if it has died, says
    /// nothing for half a minute, or asks out of order.
    pub(super) fn next(&mut self) -> Result<Step> {
        let message = self.packets.receive(Some(PATIENCE))?.ok_or_else(|| protocol("init has died"))?;
        match message.split_first() {
            Some((&FAILED, error)) => Err(Error::decode(error)?),
            Some((&byte, [])) => match Step::from_byte(byte) {
                Some(step) if self.last < Some(step) => {
                    self.last = Some(step);
                    Ok(step)
                }
                _ => Err(protocol(&format!("init asks for step {byte} after {:?}", self.last))),
            },
            _ => Err(protocol("a message that is none")),
        }
    }

    /// Answers that it is done.
    pub(super) fn done(&self) -> Result<()> {
        self.packets.send(DONE)
    }

    /// Waits for what init says after it was told that it is ready: nothing, when it has executed its program.
    ///
    /// Errors: why it could not.
    pub(super) fn executed(&self) -> Result<()> {
        match self.packets.receive(None)?.as_deref() {
            None => Ok(()),
            Some([FAILED, error @ ..]) => Err(Error::decode(error)?),
            Some(_) => Err(protocol("a message after the last")),
        }
    }
}

fn protocol(reason: &str) -> Error {
    Error::refused(Kind::System, "make the container", "", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(init: &InitEnd, step: Step) {
        init.0.send(&[step as u8]).expect("sent");
    }

    #[test]
    fn steps_come_in_their_order_and_once() {
        let (mut parent, init) = pair().expect("a pair");
        send(&init, Step::MapIds);
        send(&init, Step::Ready);
        send(&init, Step::RunHooks);
        assert_eq!(parent.next().expect("the first"), Step::MapIds);
        assert_eq!(parent.next().expect("one may be left out"), Step::Ready);
        assert!(parent.next().expect_err("out of order").to_string().contains("init asks for step 2 after"));

        let (mut parent, init) = pair().expect("a pair");
        send(&init, Step::MapIds);
        send(&init, Step::MapIds);
        parent.next().expect("the first");
        parent.next().expect_err("twice");
    }

    #[test]
    fn an_end_is_never_permission() {
        let (mut parent, init) = pair().expect("a pair");
        drop(init);
        assert!(parent.next().expect_err("died").to_string().contains("init has died"));
        let (parent, init) = pair().expect("a pair");
        drop(parent);
        init.ask(Step::Ready).expect_err("died");
    }

    #[test]
    fn the_sentence_of_init_is_told_as_it_is() {
        let (mut parent, init) = pair().expect("a pair");
        let error = Error::call("mount(2)", "/proc", nix::errno::Errno::EPERM).advise("so");
        init.fail(&error);
        assert_eq!(parent.next().expect_err("failed"), error);
    }
}
