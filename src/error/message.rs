//! An error on its way through a socket.
//!
//! The form is JSON, because the runtime reads and writes JSON anyway, and a message that can be read in a
//! trace of system calls is worth more than a shorter one.

use super::{Error, Kind, Result};

/// The longest message that [`Error::encode`] makes, in bytes. A socket of sequenced packets takes at least as
/// much in one piece by default (socket(7), `wmem_default`).
pub const MESSAGE_LIMIT: usize = 16 * 1024;

/// To so many characters the texts of an error too long are cut. There are five of them, and JSON makes at most
/// six bytes out of one character.
const CUT: usize = 500;

impl Error {
    /// The error as one message of at most [`MESSAGE_LIMIT`] bytes. Texts are cut where they would not fit: half a
    /// sentence that arrives is better than a whole one that the socket refuses.
    pub fn encode(&self) -> Vec<u8> {
        let whole = self.to_json();
        if whole.len() <= MESSAGE_LIMIT { whole } else { self.cut().to_json() }
    }

    /// The error that the peer has sent. Errors: [`Kind::Invalid`] if it is no such message.
    pub fn decode(message: &[u8]) -> Result<Self> {
        let garbled = |why: String| Self::refused(Kind::Invalid, "decode an error message", "", why);
        if message.len() > MESSAGE_LIMIT {
            return Err(garbled(format!("{} bytes, more than {MESSAGE_LIMIT}", message.len())));
        }
        serde_json::from_slice(message).map_err(|error| garbled(error.to_string()))
    }

    fn to_json(&self) -> Vec<u8> {
        // Strings, a number and a name without fields: nothing that JSON could refuse.
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn cut(&self) -> Self {
        Self {
            within: cut(&self.within),
            doing: cut(&self.doing),
            subject: cut(&self.subject),
            reason: self.reason.as_deref().map(cut),
            advice: self.advice.as_deref().map(cut),
            ..*self
        }
    }
}

fn cut(text: &str) -> Box<str> {
    match text.char_indices().nth(CUT) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}
