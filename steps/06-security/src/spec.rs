//! A configuration to begin with.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use kit::{Doing, Result, Tier};
use serde_json::{Value, json};
use step_05::Bundle;

use crate::Confinement;

/// What Docker leaves to root in a container: fourteen of the 41.
pub const DOCKER: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SYS_CHROOT",
    "CAP_MKNOD",
    "CAP_AUDIT_WRITE",
    "CAP_SETFCAP",
];

/// Three of the fourteen that hardly any program needs. Podman leaves them out as well.
const SPARED: [&str; 3] = ["CAP_NET_RAW", "CAP_MKNOD", "CAP_AUDIT_WRITE"];

/// Lesson 05's configuration, with what this lesson applies.
pub fn default(rootless: bool) -> Value {
    let ids = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
    let mut document = step_05::spec::default(rootless.then_some(ids));
    let capabilities: Vec<_> = DOCKER.iter().filter(|name| !SPARED.contains(name)).collect();
    document["hostname"] = json!("step-06");
    document["process"]["capabilities"] =
        json!({ "bounding": capabilities, "effective": capabilities, "permitted": capabilities });
    document
}

/// The bundle for a root that is there already.
pub fn bundle_for(root: &Path) -> Result<(Bundle, Confinement)> {
    let mut document = default(Tier::of_self() == Tier::User);
    document["root"]["path"] = root.to_string_lossy().into();
    crate::from_document(Path::new("/"), &document)
}

/// Writes `config.json` into a directory. Like `runc spec` it does not overwrite: EEXIST.
pub fn write(bundle: &Path, rootless: bool) -> Result<()> {
    let path = bundle.join("config.json");
    let text = format!("{:#}\n", default(rootless));
    let file = OpenOptions::new().write(true).create_new(true).open(&path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).doing("write", &path)
}
