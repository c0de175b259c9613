//! A program to execute: everything that execve(2) takes, prepared before the fork.

use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use kit::error::{NOT_EXECUTABLE, NOT_FOUND};
use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::sys::stat::stat;
use nix::unistd::{dup2_stdout, execve};

/// Path, arguments, environment, and what takes the output.
#[derive(Debug)]
pub struct Program {
    path: CString,
    argv: Vec<CString>,
    env: Vec<CString>,
    stdout: Option<OwnedFd>,
}

impl Program {
    /// The first word is the program, looked for in PATH if it has no slash. The environment is ours.
    /// Errors name a word with a NUL byte in it.
    pub fn new<W: AsRef<OsStr>>(words: &[W]) -> Result<Self> {
        let argv: Vec<_> = words.iter().map(c_string).collect::<Result<_>>()?;
        let path =
            argv.first().cloned().ok_or_else(|| Error::refused("execute", "", "no command was given"))?;
        let ours = std::env::vars_os().map(|(name, value)| {
            let mut pair = name;
            pair.push("=");
            pair.push(value);
            c_string(&pair)
        });
        Ok(Self { path, argv, env: ours.collect::<Result<_>>()?, stdout: None })
    }

    /// Executes another file than the one that the first word names.
    pub fn executed_from(self, path: impl AsRef<OsStr>) -> Result<Self> {
        Ok(Self { path: c_string(&path)?, ..self })
    }

    /// With this environment, each entry `NAME=value`.
    pub fn env<E: AsRef<OsStr>>(self, entries: &[E]) -> Result<Self> {
        Ok(Self { env: entries.iter().map(c_string).collect::<Result<_>>()?, ..self })
    }

    /// The environment of a container: a PATH, a HOME, and the terminal that is inherited.
    pub fn in_container(self) -> Result<Self> {
        let term = std::env::var_os("TERM").unwrap_or_else(|| "dumb".into());
        let mut entry = OsString::from("TERM=");
        entry.push(term);
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        self.env(&[path.into(), "HOME=/root".into(), entry])
    }

    /// Writes its output there, as a shell's `>` has it.
    #[must_use]
    pub fn stdout(self, to: OwnedFd) -> Self {
        Self { stdout: Some(to), ..self }
    }

    /// The program as it was asked for.
    pub fn name(&self) -> &OsStr {
        OsStr::from_bytes(self.path.as_bytes())
    }

    // ANCHOR: candidates
    /// Where it may lie, in the order in which it is tried.
    pub fn candidates(&self) -> Vec<CString> {
        if self.path.as_bytes().contains(&b'/') {
            return vec![self.path.clone()];
        }
        let path = self.env.iter().find_map(|entry| entry.as_bytes().strip_prefix(b"PATH="));
        let dirs = path.unwrap_or(b"/usr/bin:/bin").split(|byte| *byte == b':');
        // An empty folder in PATH means the working directory.
        let dirs = dirs.map(|dir| if dir.is_empty() { b"." } else { dir });
        dirs.filter_map(|dir| CString::new([dir, b"/", self.path.as_bytes()].concat()).ok()).collect()
    }
    // ANCHOR_END: candidates
}

// ANCHOR: exec
/// Becomes the program; returns only if that failed. 127 if it is nowhere, 126 if it cannot be executed.
pub fn exec(program: &Program) -> Result<Infallible> {
    if let Some(stdout) = &program.stdout {
        dup2_stdout(stdout).doing("dup2(2)", "standard output")?;
    }
    let mut answer = Errno::ENOENT;
    for path in program.candidates() {
        match execve(&path, &program.argv, &program.env) {
            Ok(never) => match never {},
            // It may lie further on in PATH; if it does not, this is the answer. A folder of PATH that may not be
            // searched gives EACCES as well, and says nothing about the program.
            Err(Errno::EACCES) if program.path == path || stat(path.as_c_str()).is_ok() => {
                answer = Errno::EACCES;
            }
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES) => {}
            Err(errno) => return Err(refused(program, errno)),
        }
    }
    Err(refused(program, answer))
}
// ANCHOR_END: exec

fn refused(program: &Program, errno: Errno) -> Error {
    let status = if errno == Errno::ENOENT { NOT_FOUND } else { NOT_EXECUTABLE };
    Error::call("execve(2)", program.name().to_string_lossy(), errno).exits(status)
}

// ANCHOR: c_string
fn c_string(text: &impl AsRef<OsStr>) -> Result<CString> {
    let bytes = text.as_ref().to_owned().into_vec();
    CString::new(bytes).map_err(|error| {
        Error::refused("pass to execve(2)", text.as_ref().to_string_lossy(), format!("a NUL byte: {error}"))
    })
}
// ANCHOR_END: c_string
