//! Exercise 05.01: an error that names the field.

use kit::{Error, Result, todo};
use serde_json::Value;

/// Refuses a configuration that could not be applied, or would be applied to the wrong thing. The error's subject is
/// the field's path.
pub fn check(config: &Value) -> Result<()> {
    let root = &config["root"]["path"]; // `Null` if any part of it is absent
    if !root.is_string() {
        return Err(wrong("root.path", "must be a text"));
    }
    Err(todo("05.01"))
}

/// An error about a field: `process.args[1]`.
fn wrong(path: &str, reason: &str) -> Error {
    Error::refused("config.json", path, reason)
}
