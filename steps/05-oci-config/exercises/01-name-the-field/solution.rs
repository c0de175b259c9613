//! Exercise 05.01: an error that names the field.

use std::collections::BTreeSet;

use kit::{Error, Result};
use serde_json::Value;

/// Refuses a configuration that could not be applied, or would be applied to the wrong thing. The error's subject is
/// the field's path.
pub fn check(config: &Value) -> Result<()> {
    text(&config["root"]["path"], "root.path")?;
    let args = list(&config["process"]["args"], "process.args")?;
    if args.is_empty() {
        return Err(wrong("process.args", "must hold at least the program"));
    }
    for (index, argument) in args.iter().enumerate() {
        let path = format!("process.args[{index}]");
        if text(argument, &path)?.contains('\0') {
            return Err(wrong(&path, "holds a NUL byte"));
        }
    }
    if !text(&config["process"]["cwd"], "process.cwd")?.starts_with('/') {
        return Err(wrong("process.cwd", "must be absolute"));
    }
    let mut kinds = BTreeSet::new();
    for (index, namespace) in list(&config["linux"]["namespaces"], "linux.namespaces")?.iter().enumerate() {
        let path = format!("linux.namespaces[{index}].type");
        if !kinds.insert(text(&namespace["type"], &path)?) {
            return Err(wrong(&path, "stands twice"));
        }
    }
    if let Some(hostname) = config.get("hostname") {
        text(hostname, "hostname")?;
        if !kinds.contains("uts") {
            return Err(wrong("hostname", "would rename the host"));
        }
    }
    Ok(())
}

fn text<'a>(value: &'a Value, path: &str) -> Result<&'a str> {
    value.as_str().ok_or_else(|| wrong(path, "must be a text"))
}

fn list<'a>(value: &'a Value, path: &str) -> Result<&'a Vec<Value>> {
    value.as_array().ok_or_else(|| wrong(path, "must be a list"))
}

/// An error about a field: `process.args[1]`.
fn wrong(path: &str, reason: &str) -> Error {
    Error::refused("config.json", path, reason)
}
