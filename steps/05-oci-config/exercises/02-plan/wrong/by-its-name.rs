// hint: by-its-name
//! The flag by the name of the kind.

use std::path::PathBuf;

use kit::{Error, Result};
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
    let mut plan = Plan { clone: CloneFlags::empty(), join: vec![], unshare: CloneFlags::empty() };
    for (index, namespace) in list.iter().enumerate() {
        let field = |key: &str| format!("linux.namespaces[{index}].{key}");
        let refused = |key: &str, reason: &str| Error::refused("config.json", field(key), reason);
        let name = format!("CLONE_NEW{}", namespace["type"].as_str().unwrap_or_default().to_uppercase());
        let flag = CloneFlags::from_name(&name).ok_or_else(|| refused("type", "is no kind of namespace"))?;
        match namespace.get("path") {
            Some(path) => {
                let path = path.as_str().ok_or_else(|| refused("path", "must be a text"))?;
                plan.join.push((flag, path.into()));
            }
            None if flag == CloneFlags::CLONE_NEWCGROUP => plan.unshare |= flag,
            None => plan.clone |= flag,
        }
    }
    Ok(plan)
}
