//! Why execve(2) says ENOENT for a program that is there.
//!
//! A dynamic program is not started alone: the kernel maps the interpreter that its ELF file names in
//! `PT_INTERP`, the loader, and jumps into *that*. A script is the same: the interpreter stands behind `#!`.
//! When the interpreter's file is missing from the root, the kernel answers ENOENT (execve(2)), and nothing in
//! the answer says which file it means. We look it up and say it.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use kit::elf::Elf;
use kit::{Error, Result};
use nix::errno::Errno;
use step_00::Program;

/// As `step_00::exec`, with the missing interpreter named in the error.
pub fn exec(program: &Program) -> Result<Infallible> {
    step_00::exec(program).map_err(|error| match error.errno() {
        Some(Errno::ENOENT) => explain(program, error),
        _ => error,
    })
}

// ANCHOR: explain
fn explain(program: &Program, error: Error) -> Error {
    let candidates = program.candidates();
    let paths = candidates.iter().map(|path| Path::new(OsStr::from_bytes(path.as_bytes())));
    for path in paths.filter(|path| path.is_file()) {
        if let Some(interpreter) = interpreter(path).filter(|interpreter| !interpreter.exists()) {
            let (path, interpreter) = (path.display(), interpreter.display());
            return error
                .advise(format!("{path} is there, its interpreter {interpreter} is not in this root"));
        }
    }
    error.advise("no such file below this root")
}
// ANCHOR_END: explain

// ANCHOR: interpreter
/// The loader of an ELF file, or what a script's first line names.
fn interpreter(path: &Path) -> Option<PathBuf> {
    if let Some(elf) = Elf::read(path).ok()? {
        return elf.interpreter;
    }
    let bytes = fs::read(path).ok()?;
    let line = bytes.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let word = line.trim_ascii().split(u8::is_ascii_whitespace).next()?;
    Some(PathBuf::from(OsStr::from_bytes(word)))
}
// ANCHOR_END: interpreter
