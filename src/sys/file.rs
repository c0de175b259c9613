//! Small files of the kernel, read in one go.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::{Doing, Result};

/// What such a file is expected to hold at most; a longer one is read as well.
const USUAL: usize = 4096;

/// The text of a file of procfs or a cgroup. These say that they have no length; asked without a guess, the standard library
/// reads a few bytes at a time.
///
/// Errors: those of open(2) and read(2).
pub fn text(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let mut text = String::with_capacity(USUAL);
    let read = File::open(path).and_then(|mut file| file.read_to_string(&mut text));
    read.doing("read", path)?;
    Ok(text)
}
