//! A bundle to begin with: little enough that every runtime runs it, and each case changes what it is about.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// A directory with a config.json.
pub(super) struct Bundle {
    pub(super) dir: PathBuf,
    pub(super) config: Value,
}

impl Bundle {
    /// Writes it. The root is named by its path and may be common to several.
    pub(super) fn write(dir: PathBuf, config: Value) -> Result<Self, String> {
        fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let bundle = Self { dir, config };
        bundle.rewrite(&bundle.config).map(|()| bundle)
    }

    /// Puts another configuration into its place.
    pub(super) fn rewrite(&self, config: &Value) -> Result<(), String> {
        fs::write(self.dir.join("config.json"), config.to_string()).map_err(|error| error.to_string())
    }
}

/// What `true` needs, and a group of its own.
pub(super) fn config(root: &Path, group: &str) -> Value {
    let capabilities = json!(["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]);
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": { "uid": 0, "gid": 0 },
            "args": ["true"],
            "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            "cwd": "/",
            "capabilities": { "bounding": capabilities, "effective": capabilities, "permitted": capabilities },
            "noNewPrivileges": true,
        },
        "root": { "path": root, "readonly": false },
        "hostname": "conformance",
        "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc" },
            { "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
              "options": ["nosuid", "strictatime", "mode=755", "size=65536k"] },
            { "destination": "/dev/pts", "type": "devpts", "source": "devpts",
              "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] },
            { "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
              "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"] },
            { "destination": "/sys", "type": "sysfs", "source": "sysfs",
              "options": ["nosuid", "noexec", "nodev", "ro"] },
        ],
        "linux": {
            "cgroupsPath": group,
            "resources": { "devices": [{ "allow": false, "access": "rwm" }] },
            "namespaces": [
                { "type": "pid" }, { "type": "network" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" },
            ],
        },
    })
}

/// Adds to the list at a JSON pointer, which is made if it is not there.
pub(super) fn push(config: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap_or_default();
    if let Some(list) = config.pointer_mut(pointer).and_then(Value::as_array_mut) {
        list.push(value);
    } else if let Some(parent) = config.pointer_mut(parent).and_then(Value::as_object_mut) {
        parent.insert(key.to_owned(), json!([value]));
    }
}

/// Takes what fits out of the list at a JSON pointer.
pub(super) fn remove(config: &mut Value, pointer: &str, fits: impl Fn(&Value) -> bool) {
    if let Some(list) = config.pointer_mut(pointer).and_then(Value::as_array_mut) {
        list.retain(|value| !fits(value));
    }
}
