//! Hooks: other people's programs, at six moments of a container's life (config.md, "POSIX-platform Hooks").
//!
//! | | when | in whose namespaces | whose file is executed |
//! |---|---|---|---|
//! | prestart (old), createRuntime | in `create`: mounts are there, nothing is pivoted | the runtime's | the host's |
//! | createContainer | in `create`, right after | the container's | the host's |
//! | startContainer | in `start`, before the program | the container's | the container's |
//! | poststart | in `start`, after it has begun | the runtime's | the host's |
//! | poststop | in `delete`, after the container is gone | the runtime's | the host's |
//!
//! Each gets the container's state on standard input. One that fails ends the container, but for the last two: what they
//! are about has happened, and they are only warned of.

use std::convert::Infallible;
use std::fmt::{self, Display};
use std::fs::File;
use std::io::{Seek, Write};
use std::time::Duration;

use kit::{Doing, Error, Result, term};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::SigSet;
use nix::unistd::{dup2_stdin, dup2_stdout};
use serde_json::Value;
use step_00::supervise::pidfd_open;
use step_00::{Program, exec, spawn};
use step_05::field::{Field, Read};

use crate::process::Held;
use crate::signals;

/// A moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Superseded by the next, and still in use.
    Prestart,
    /// The namespaces and the mounts are there.
    CreateRuntime,
    /// The same moment, seen from inside.
    CreateContainer,
    /// Before the program.
    StartContainer,
    /// The program has begun.
    Poststart,
    /// The container is gone.
    Poststop,
}

/// The moments in their order.
pub const MOMENTS: [Moment; 6] = [
    Moment::Prestart,
    Moment::CreateRuntime,
    Moment::CreateContainer,
    Moment::StartContainer,
    Moment::Poststart,
    Moment::Poststop,
];

/// One program.
#[derive(Debug)]
struct Hook {
    field: String,
    program: Program,
    timeout: Option<Duration>,
}

/// The hooks of a container.
#[derive(Debug, Default)]
pub struct Hooks(Vec<(Moment, Hook)>);

impl Hooks {
    /// Those that the configuration names. Errors name the field.
    pub fn of(document: &Value) -> Result<Self> {
        let read = Read::default();
        let Some(hooks) = Field::root(document, &read).get("hooks")? else { return Ok(Self::default()) };
        let mut found = Vec::new();
        for moment in MOMENTS {
            for field in hooks.get(&moment.to_string())?.map_or(Ok(vec![]), |list| list.list())? {
                found.push((moment, Hook::from_field(&field)?));
            }
        }
        Ok(Self(found))
    }

    /// Whether there is one for this moment.
    pub fn any(&self, moment: Moment) -> bool {
        self.0.iter().any(|(when, _)| *when == moment)
    }

    // ANCHOR: run
    /// Runs those of a moment, one after the other; the first that fails is the last.
    pub fn run(&self, moment: Moment, state: &Value) -> Result<()> {
        self.of_moment(moment).try_for_each(|hook| hook.run(state))
    }

    /// Runs those of a moment; of one that fails is warned, and the others have their turn.
    pub fn run_all(&self, moment: Moment, state: &Value) {
        self.of_moment(moment).filter_map(|hook| hook.run(state).err()).for_each(|error| term::warn(&error));
    }
    // ANCHOR_END: run

    fn of_moment(&self, moment: Moment) -> impl Iterator<Item = &Hook> {
        self.0.iter().filter(move |(when, _)| *when == moment).map(|(_, hook)| hook)
    }
}

impl Hook {
    fn from_field(field: &Field<'_>) -> Result<Self> {
        let path = field.need("path")?;
        let text = path.text()?;
        if !text.starts_with('/') {
            return Err(path.refuse(format!("must be absolute, and is {text:?}")));
        }
        let texts = |key: &str| field.get(key)?.map(|list| list.texts()).transpose();
        let args = texts("args")?.filter(|args| !args.is_empty()).unwrap_or_else(|| vec![text.clone()]);
        let program = Program::new(&args)?.executed_from(&text)?.env(&texts("env")?.unwrap_or_default())?;
        let timeout = match field.get("timeout")? {
            None => None,
            Some(timeout) => match timeout.unsigned()? {
                0 => return Err(timeout.refuse("must be at least a second")),
                seconds => Some(Duration::from_secs(seconds)),
            },
        };
        Ok(Self { field: field.path().to_owned(), program, timeout })
    }

    // ANCHOR: hook
    fn run(&self, state: &Value) -> Result<()> {
        let failed = |reason: String| Err(Error::refused("run the hook", &self.field, reason));
        let input = input(&state.to_string())?;
        let child = spawn(|| self.become_it(&input))?;
        let process = Held::from(pidfd_open(child.pid())?);
        if !process.ended_within(self.timeout.unwrap_or(Duration::MAX))? {
            signals::end(&process)?;
            child.wait()?;
            return failed(format!("it has not ended within {:?}", self.timeout.unwrap_or_default()));
        }
        match child.wait().map_err(|error| Error::refused("run the hook", &self.field, error))? {
            0 => Ok(()),
            status => failed(format!("exit status {status}")),
        }
    }
    // ANCHOR_END: hook

    /// Its output is for people: it goes where ours for them goes.
    fn become_it(&self, input: &File) -> Result<Infallible> {
        dup2_stdin(input).doing("dup2(2)", "standard input")?;
        dup2_stdout(std::io::stderr()).doing("dup2(2)", "standard output")?;
        // `create` holds signals back for init; they are no concern of a hook's.
        SigSet::empty().thread_set_mask().doing("sigprocmask(2)", "")?;
        exec(&self.program)
    }
}

/// A file without a name that holds the text: unlike a pipe it takes any length before somebody reads.
fn input(text: &str) -> Result<File> {
    let mut file =
        memfd_create(c"state", MFdFlags::MFD_CLOEXEC).map(File::from).doing("memfd_create(2)", "")?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.rewind());
    written.map(|()| file).doing("write", "the state")
}

impl Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prestart => "prestart",
            Self::CreateRuntime => "createRuntime",
            Self::CreateContainer => "createContainer",
            Self::StartContainer => "startContainer",
            Self::Poststart => "poststart",
            Self::Poststop => "poststop",
        })
    }
}
