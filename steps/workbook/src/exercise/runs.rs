//! All runs of an exercise, each in a lab of its own.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kit::{Doing, Error, Result};

use super::format::Exercise;
use super::in_lab::Ran;
use super::judge::{self, Outcome};

/// The programs that were built.
#[derive(Debug, Default, Clone)]
pub(crate) struct Programs {
    pub(crate) container: Option<PathBuf>,
    pub(crate) facts: Option<PathBuf>,
}

/// Runs them in their order, and puts what was seen beside what is expected.
pub(crate) fn outcomes(exercise: &Exercise, programs: &Programs, sudo: bool) -> Result<Vec<Outcome>> {
    exercise
        .about
        .runs
        .iter()
        .map(|run| {
            let ran = in_lab(exercise, &run.name, programs, sudo)?;
            let differences = match ran.skipped {
                Some(_) => vec![],
                None => judge::differences(&judge::expected(exercise, run, &ran.by)?, &ran.facts),
            };
            Ok(Outcome {
                run: run.name.clone(),
                tier: run.tier,
                skipped: ran.skipped,
                facts: ran.facts,
                stderr: ran.stderr,
                differences,
                by: ran.by,
            })
        })
        .collect()
}

/// One run, by this program in another process: the build was the caller's, the lab may be root's.
pub(crate) fn in_lab(exercise: &Exercise, run: &str, programs: &Programs, sudo: bool) -> Result<Ran> {
    let own = std::env::current_exe().doing("readlink(2)", "/proc/self/exe")?;
    let mut command = Command::new(if sudo { Path::new("sudo") } else { &own });
    if sudo {
        command.arg("--").arg(&own);
    }
    command.arg("in-lab").arg(&exercise.dir).arg(exercise.id.to_string()).arg(run);
    for (flag, program) in [("--container", &programs.container), ("--facts", &programs.facts)] {
        if let Some(program) = program {
            command.arg(flag).arg(program);
        }
    }
    // A signal from the terminal is for who waits; the lab ends by itself, and cleans up. sudo asks at the terminal.
    if !sudo {
        command.process_group(0);
    }
    let input = if sudo { Stdio::inherit() } else { Stdio::null() };
    let program = PathBuf::from(command.get_program());
    let output = command.stdin(input).stderr(Stdio::piped()).output().doing("execute", &program)?;
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        Error::refused("run", format!("{} {run}", exercise.id), said.trim_end())
    })
}
