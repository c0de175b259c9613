//! The log: a line for each warning and error, for people or for engines. These read the last error out of it.

use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::Format;
use crate::error::{Doing, Result};
use crate::runtime::time;

/// Where warnings and errors go.
pub(super) struct Log {
    file: Option<File>,
    format: Format,
    debug: bool,
}

/// A line as engines read it.
#[derive(Serialize)]
struct Line<'a> {
    level: &'a str,
    msg: &'a str,
    time: &'a str,
}

impl Log {
    /// Opens the log, which is standard error if no file is named.
    pub(super) fn open(path: Option<&Path>, format: Format, debug: bool) -> Result<Self> {
        let open = |path: &Path| {
            OpenOptions::new().create(true).append(true).open(path).doing("open(2) the log", path)
        };
        Ok(Self { file: path.map(open).transpose()?, format, debug })
    }

    /// Something that is odd. It stands in the way of nothing, so without a log only who asks for it sees it.
    pub(super) fn warning(&self, text: &str) {
        if self.file.is_some() || self.debug {
            self.write("warning", text);
        }
    }

    /// Why it did not work: in the log, and on standard error as well, which engines show.
    pub(super) fn error(&self, error: &impl Display) {
        let text = error.to_string();
        self.write("error", &text);
        if self.file.is_some() {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// A log that cannot be written must not change what else is done.
    fn write(&self, level: &str, text: &str) {
        let time = time::now();
        let line = match self.format {
            Format::Json => {
                serde_json::to_string(&Line { level, msg: text, time: &time }).unwrap_or_default()
            }
            Format::Text => format!("time={time:?} level={level} msg={text:?}"),
        };
        let line = format!("{line}\n");
        let _ = match &self.file {
            Some(file) => (&mut &*file).write_all(line.as_bytes()),
            None => std::io::stderr().write_all(line.as_bytes()),
        };
    }
}
