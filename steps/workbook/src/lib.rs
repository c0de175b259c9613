//! The instruments of the course: what `cargo dive …` does, and what the tests are made with.
//!
//! Each module is one instrument. It exports the arguments of its verb (`Args`) and what the verb does
//! (`run`); the rest of it is there for other tools to reuse.

use std::path::PathBuf;

use kit::{Doing, Error, Result};

pub mod attack;
pub mod bench;
pub mod doctor;
pub mod exercise;
pub mod lab;
pub mod trace;
pub mod view;
pub mod vm;

/// A binary of the workspace, which lies beside this one. Errors name it, and say how it is built.
pub fn sibling(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().doing("readlink(2)", "/proc/self/exe")?;
    let path = own.with_file_name(name);
    if path.is_file() {
        return Ok(path);
    }
    let error = Error::call("find the binary", path.display(), nix::errno::Errno::ENOENT);
    Err(error.advise(format!("cargo build -p {name} makes it")))
}
