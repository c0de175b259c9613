//! Exercise 05.02: from linux.namespaces to system calls.

use std::path::PathBuf;

use kit::{Error, Result, todo};
use nix::sched::CloneFlags;
use serde_json::Value;

/// Which call gives init which namespace.
pub struct Plan {
    /// New ones, for clone3(2).
    pub clone: CloneFlags,
    /// Those that are there already, for setns(2), in the order of the list.
    pub join: Vec<(CloneFlags, PathBuf)>,
    /// New ones that init makes later, for unshare(2).
    pub unshare: CloneFlags,
}

/// Turns the list into calls. The error's subject is the field's path.
pub fn plan(list: &[Value]) -> Result<Plan> {
    for (index, namespace) in list.iter().enumerate() {
        let kind = namespace["type"].as_str().unwrap_or_default();
        if kind.is_empty() {
            let field = format!("linux.namespaces[{index}].type");
            return Err(Error::refused("config.json", field, "must be a kind of namespace"));
        }
    }
    Err(todo("05.02"))
}
