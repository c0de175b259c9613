//! One cargo build, whose complaints reach the learner as the compiler words them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
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
    let kept = kept(course, package);
    for line in child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines) {
        let line = line.doing("read", "what cargo says")?;
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        built.take(&message, told, &mut said, &kept)?;
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

/// Where the binaries of this package are kept. In cargo's own place each of them is called `container`, whoever it
/// belongs to: another terminal's build would put its own there while we run ours.
fn kept(course: &Course, package: &Package<'_>) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    match package {
        Package::Member => course.root.join("work").hash(&mut hasher),
        Package::At(dir) => dir.hash(&mut hasher),
    }
    Path::new(&target_dir(course)).join("dive/built").join(format!("{:016x}", hasher.finish()))
}

/// The same file under another name, which stays when cargo replaces its own.
fn keep(built: &Path, kept: &Path) -> Result<PathBuf> {
    let path = kept.join(built.file_name().unwrap_or_default());
    fs::create_dir_all(kept).doing("mkdir(2)", kept)?;
    let beside = kept.join(format!(".{}", std::process::id()));
    fs::hard_link(built, &beside).doing("link(2)", built)?;
    fs::rename(&beside, &path).doing("rename(2)", &path)?;
    // Of two names for one file rename(2) removes neither.
    let _ = fs::remove_file(&beside);
    Ok(path)
}

impl Built {
    fn take(&mut self, message: &Value, told: bool, said: &mut BTreeSet<String>, kept: &Path) -> Result<()> {
        let target = message["target"]["name"].as_str().unwrap_or_default().to_owned();
        match message["reason"].as_str() {
            Some("compiler-artifact") => {
                if let Some(path) = message["executable"].as_str() {
                    self.executables.insert(target, keep(Path::new(path), kept)?);
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
        Ok(())
    }
}
