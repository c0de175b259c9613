// hint: ignores-unknown
//! What is not known does no harm.

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
        let flag = match namespace["type"].as_str() {
            Some("pid") => CloneFlags::CLONE_NEWPID,
            Some("network") => CloneFlags::CLONE_NEWNET,
            Some("mount") => CloneFlags::CLONE_NEWNS,
            Some("ipc") => CloneFlags::CLONE_NEWIPC,
            Some("uts") => CloneFlags::CLONE_NEWUTS,
            Some("user") => CloneFlags::CLONE_NEWUSER,
            Some("cgroup") => CloneFlags::CLONE_NEWCGROUP,
            _ => continue,
        };
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
