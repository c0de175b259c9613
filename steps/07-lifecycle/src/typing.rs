//! What a person types, on its way to the container's terminal; and the keys by which they leave.

use std::fs::File;
use std::io::{self, ErrorKind, Write};

use kit::{Doing, Result};

/// The keys that leave a container alone with its terminal, as docker has them: ctrl-p ctrl-q.
pub const DETACH: [u8; 2] = [0x10, 0x11];

/// What is typed and has not gone on yet.
#[derive(Debug)]
pub(crate) struct Typing {
    keys: Option<Keys>,
    ended: bool,
    typed: Vec<u8>,
}

impl Typing {
    /// Nothing so far.
    pub(crate) fn new(detachable: bool) -> Self {
        Self { keys: detachable.then(Keys::default), ended: false, typed: vec![] }
    }

    /// Whether there is something that has not gone on.
    pub(crate) fn waits(&self) -> bool {
        !self.typed.is_empty()
    }

    /// Whether more is to be read.
    pub(crate) fn listens(&self) -> bool {
        self.typed.is_empty() && !self.ended
    }

    /// Reads; whether the person leaves. Past any buffer, which poll(2) would not know of.
    pub(crate) fn read(&mut self) -> Result<bool> {
        let mut bytes = [0; 4096];
        let count = nix::unistd::read(io::stdin(), &mut bytes).doing("read(2)", "standard input")?;
        self.ended = count == 0;
        if let Some(keys) = &mut self.keys {
            return Ok(keys.pass(&bytes[..count], &mut self.typed) || self.ended);
        }
        self.typed.extend(&bytes[..count]);
        Ok(false)
    }

    /// Writes as much as the terminal takes now.
    pub(crate) fn pass_on(&mut self, master: &mut File) -> Result<()> {
        if self.typed.is_empty() {
            return Ok(());
        }
        match master.write(&self.typed) {
            Ok(count) => drop(self.typed.drain(..count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) if error.raw_os_error() == Some(libc::EIO) => self.typed.clear(),
            Err(error) => return Err(error).doing("write", "the terminal"),
        }
        Ok(())
    }
}

/// Looks for the keys that detach in what is typed. The first is held back until it is seen what follows.
#[derive(Debug, Default)]
pub struct Keys {
    held: bool,
}

// ANCHOR: keys
impl Keys {
    /// Passes on what is for the container; whether the keys were among it.
    pub fn pass(&mut self, typed: &[u8], on: &mut Vec<u8>) -> bool {
        for byte in typed {
            let held = std::mem::replace(&mut self.held, false);
            match *byte {
                second if held && second == DETACH[1] => return true,
                first if first == DETACH[0] => {
                    self.held = true;
                    if held {
                        on.push(first);
                    }
                }
                other => {
                    if held {
                        on.push(DETACH[0]);
                    }
                    on.push(other);
                }
            }
        }
        false
    }
}
// ANCHOR_END: keys
