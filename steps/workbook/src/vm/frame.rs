//! What host and machine say to each other, over one line that carries bytes both ways.
//!
//! ```text
//! [inside: the first process]            [outside: cargo dive vm]
//! Ready                 ───────────▶     the kernel is up, the line is raw
//!                       ◀───────────     Order{argv, env, cwd, …}
//! Output(stdout, …)     ───────────▶     written at once
//!                       ◀───────────     Input(…), InputEnds, Signal(n)
//! Heard(n)              ───────────▶     so many bytes were read from the line
//! Ended(status | error) ───────────▶     all output was sent before it
//!                       ◀───────────     Over: the machine may switch itself off
//! ```
//!
//! A frame is a byte that says which, four bytes of length, and the payload: so any bytes pass, and the
//! kernel's own messages, which go to the console, never mix with the command's.
//!
//! Towards the machine no more than [`WINDOW`] bytes are under way: a serial line of User-mode Linux that has
//! once been throttled, because nobody read what came, never again notices that something comes.

use std::collections::VecDeque;

use kit::{Error, Result};

use super::order::Order;

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// The first process listens.
    Ready,
    /// What it shall do.
    Order(Box<Order>),
    /// What the command wrote to descriptor 1 or 2.
    Output(u8, Vec<u8>),
    /// What the command shall read.
    Input(Vec<u8>),
    /// There is no more to read.
    InputEnds,
    /// A signal for the command.
    Signal(i32),
    /// So many bytes were read.
    Heard(u32),
    /// How it ended, or why it did not begin.
    Ended(Result<u8>),
    /// Nobody listens any more.
    Over,
}

/// How much the host may send before it hears that it was read: half of what a terminal's buffer holds.
pub(super) const WINDOW: usize = 2048;

/// No frame is longer: what claims to be is noise.
const LONGEST: usize = 16 << 20;

impl Frame {
    /// As it goes over the line.
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let (tag, payload) = match self {
            Self::Ready => (b'R', vec![]),
            Self::Order(order) => (b'o', json(order)?),
            Self::Output(number, bytes) => (b'0' + number, bytes.clone()),
            Self::Input(bytes) => (b'i', bytes.clone()),
            Self::InputEnds => (b'e', vec![]),
            Self::Signal(number) => (b's', number.to_le_bytes().to_vec()),
            Self::Heard(count) => (b'h', count.to_le_bytes().to_vec()),
            Self::Ended(outcome) => (b'E', json(outcome)?),
            Self::Over => (b'v', vec![]),
        };
        let length = u32::try_from(payload.len()).ok().filter(|length| *length as usize <= LONGEST);
        let length = length
            .ok_or_else(|| Error::refused("send", "", "the command and its environment are too long"))?;
        Ok([&[tag], length.to_le_bytes().as_slice(), &payload].concat())
    }

    fn decode(tag: u8, payload: &[u8]) -> Result<Self> {
        let broken = |reason: String| Error::refused("read from the machine's line", "", reason);
        let four = || payload.try_into().map_err(|_| broken(format!("a number of {} bytes", payload.len())));
        Ok(match tag {
            b'R' => Self::Ready,
            b'o' => Self::Order(serde_json::from_slice(payload).map_err(|error| broken(error.to_string()))?),
            b'1' | b'2' => Self::Output(tag - b'0', payload.to_vec()),
            b'i' => Self::Input(payload.to_vec()),
            b'e' => Self::InputEnds,
            b's' => Self::Signal(i32::from_le_bytes(four()?)),
            b'h' => Self::Heard(u32::from_le_bytes(four()?)),
            b'E' => Self::Ended(serde_json::from_slice(payload).map_err(|error| broken(error.to_string()))?),
            b'v' => Self::Over,
            other => return Err(broken(format!("a message that begins with the byte {other}"))),
        })
    }
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::refused("write as JSON", "", error))
}

/// Puts frames together again: a line may cut them anywhere.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    bytes: VecDeque<u8>,
}

impl Decoder {
    /// Takes what was read.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The next frame that is complete.
    pub(super) fn next(&mut self) -> Result<Option<Frame>> {
        let head: Vec<u8> = self.bytes.iter().take(5).copied().collect();
        let [tag, a, b, c, d] = head[..] else { return Ok(None) };
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > LONGEST {
            let reason = format!("a message of {length} bytes, which begins with the byte {tag}");
            return Err(Error::refused("read from the machine's line", "", reason));
        }
        if self.bytes.len() < 5 + length {
            return Ok(None);
        }
        let payload: Vec<u8> = self.bytes.drain(..5 + length).skip(5).collect();
        Frame::decode(tag, &payload).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Frame> {
        let every_byte: Vec<u8> = (0..=255).collect();
        vec![
            Frame::Ready,
            Frame::Order(Box::default()),
            Frame::Output(1, every_byte.clone()),
            Frame::Output(2, vec![]),
            Frame::Input(every_byte),
            Frame::InputEnds,
            Frame::Signal(15),
            Frame::Heard(2048),
            Frame::Ended(Ok(7)),
            Frame::Ended(Err(Error::refused("execve(2)", "x", "no").exits(127))),
            Frame::Over,
        ]
    }

    #[test]
    fn frames_survive_a_line_that_cuts_them_into_single_bytes() {
        let mut decoder = Decoder::default();
        let mut seen = Vec::new();
        for byte in all().iter().flat_map(|frame| frame.encode().expect("encoded")) {
            decoder.take(&[byte]);
            seen.extend(decoder.next().expect("sound"));
        }
        assert_eq!(seen, all());
    }

    #[test]
    fn several_frames_in_one_read_come_out_one_by_one() {
        let mut decoder = Decoder::default();
        let bytes: Vec<u8> = all().iter().flat_map(|frame| frame.encode().expect("encoded")).collect();
        decoder.take(&bytes);
        for frame in all() {
            assert_eq!(decoder.next().expect("sound"), Some(frame));
        }
        assert_eq!(decoder.next(), Ok(None));
    }

    #[test]
    fn noise_is_an_error_and_not_waited_for() {
        for noise in [&b"?\0\0\0\0"[..], b"Kernel panic", b"E\x02\0\0\0{]", b"s\x01\0\0\0x"] {
            let mut decoder = Decoder::default();
            decoder.take(noise);
            let error = decoder.next().expect_err("noise");
            assert!(error.to_string().contains("line"), "{error}");
        }
    }
}
