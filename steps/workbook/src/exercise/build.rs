//! One cargo build, whose complaints reach the learner as the compiler words them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anstream::eprint;
use kit::{Doing, Error, Result};
use serde_json::Value;

use super::course::Course;

/// What is built.
#[derive(Debug)]
pub(crate) enum Package<'a> {
    /// `work`, a member of the workspace.
    Member,
    /// A package of its own in this directory.
    At(&'a Path),
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Built {
    /// Names of binaries to their paths.
    pub(crate) executables: BTreeMap<String, PathBuf>,
    /// What the compiler says about each binary that it refused.
    pub(crate) refused: BTreeMap<String, String>,
    /// Whether cargo is content.
    pub(crate) whole: bool,
}

/// Builds binaries of a package. With `told`, cargo's progress and the compiler's words
/// appear as they come; without, what compiles is built whatever does not. Errors are cargo's own, not those of what is built.
pub(crate) fn build(course: &Course, package: &Package<'_>, bins: &[String], told: bool) -> Result<Built> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The configuration of the workspace is found from here, wherever the package lies.
    cargo.current_dir(&course.root).arg("build").arg("--message-format=json-diagnostic-rendered-ansi");
    match package {
        Package::Member => cargo.args(["--package", "work"]),
        Package::At(dir) => cargo
            .arg("--manifest-path")
            .arg(dir.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(target_dir(course)),
    };
    cargo.args(bins.iter().flat_map(|bin| ["--bin", bin]));
    if !told {
        // Nobody edits what is built here: a second copy of each binary would be for nothing.
        cargo.args(["--quiet", "--keep-going"]).env("CARGO_INCREMENTAL", "0");
    }
    cargo.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = cargo.spawn().doing("execute", "cargo")?;
    let mut built = Built::default();
    let mut said = BTreeSet::new();
    for line in child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines) {
        let line = line.doing("read", "what cargo says")?;
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        built.take(&message, told, &mut said);
    }
    built.whole = child.wait().doing("waitpid(2)", "cargo")?.success();
    if !built.whole && built.refused.is_empty() {
        return Err(Error::refused("build", "the package", "cargo said why, above"));
    }
    Ok(built)
}

/// Where the workspace's binaries go, and all others.
pub(crate) fn target_dir(course: &Course) -> OsString {
    std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| course.root.join("target").into())
}

impl Built {
    fn take(&mut self, message: &Value, told: bool, said: &mut BTreeSet<String>) {
        let target = message["target"]["name"].as_str().unwrap_or_default().to_owned();
        match message["reason"].as_str() {
            Some("compiler-artifact") => {
                if let Some(path) = message["executable"].as_str() {
                    self.executables.insert(target, path.into());
                }
            }
            Some("compiler-message") => {
                let rendered = message["message"]["rendered"].as_str().unwrap_or_default();
                if message["message"]["level"] == "error" {
                    self.refused.entry(target).or_default().push_str(rendered);
                }
                // Two binaries of one module say the same of it.
                if told && said.insert(rendered.to_owned()) {
                    eprint!("{rendered}");
                }
            }
            _ => {}
        }
    }
}
