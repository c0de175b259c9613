//! The binaries that are tested. None crosses packages by itself (`CARGO_BIN_EXE_*` knows the own package's only), so
//! they are built once, before the first case.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The environment variable that names the directory of binaries that are built already: on a machine without
/// a compiler, and for the process of a case.
pub(crate) const DIR: &str = "DIVE_BIN_DIR";

/// That directory, in the process of a case.
pub(crate) fn dir() -> PathBuf {
    std::env::var_os(DIR).unwrap_or_default().into()
}

/// Builds the default members, and says where their binaries are.
pub(crate) fn built() -> Result<PathBuf, String> {
    if let Some(dir) = std::env::var_os(DIR) {
        return Ok(dir.into());
    }
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--bins", "--message-format=json", "--manifest-path"]);
    build.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).stderr(Stdio::inherit());
    let output = build.output().map_err(|error| format!("{build:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{build:?}: {}", output.status));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let mut messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let step =
        messages.find(|message| message["target"]["name"] == "step-05" && !message["executable"].is_null());
    let path = step.and_then(|message| message["executable"].as_str().map(PathBuf::from));
    path.and_then(|path| path.parent().map(PathBuf::from)).ok_or_else(|| "cargo named no step-05".into())
}
