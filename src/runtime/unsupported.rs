//! What a configuration may ask for and cannot have yet. It is refused by its name: a container that lacks it would be
//! another one, and a weaker one, than was asked for.

use crate::error::{Error, Kind, Result};
use crate::oci::Spec;
use crate::oci::linux::{Linux, NamespaceKind};
use crate::oci::process::Process;

/// Refuses what cannot be had yet. Errors: [`Kind::Unsupported`], with the path of the first such field.
pub(super) fn refuse(spec: &Spec) -> Result<()> {
    if let Some(process) = &spec.process {
        refuse_process("process", process)?;
    }
    for (index, mount) in spec.mounts.iter().enumerate() {
        if !mount.uid_mappings.is_empty() {
            return Err(not_yet(&format!("mounts[{index}].uidMappings")));
        }
    }
    let default = Linux::default();
    let linux = spec.linux.as_ref().unwrap_or(&default);
    let fields = [
        ("linux.netDevices", !linux.net_devices.is_empty()),
        ("linux.mountLabel", is_set(linux.mount_label.as_ref())),
        ("linux.intelRdt", linux.intel_rdt.is_some()),
        ("linux.memoryPolicy", linux.memory_policy.is_some()),
    ];
    first(fields)?;
    namespaces(linux)
}

/// The same for a process alone; `path` is where it stands.
pub(super) fn refuse_process(path: &str, process: &Process) -> Result<()> {
    let fields = [
        ("apparmorProfile", is_set(process.apparmor_profile.as_ref())),
        ("selinuxLabel", is_set(process.selinux_label.as_ref())),
        ("execCPUAffinity", process.exec_cpu_affinity.is_some()),
    ];
    match fields.iter().find(|(_, is_set)| *is_set) {
        None => Ok(()),
        Some((field, _)) => Err(not_yet(&format!("{path}.{field}"))),
    }
}

fn namespaces(linux: &Linux) -> Result<()> {
    for (index, namespace) in linux.namespaces.iter().enumerate() {
        let by_path = namespace.path.as_deref().is_some_and(|path| !path.is_empty());
        if by_path
            && matches!(namespace.kind, NamespaceKind::User | NamespaceKind::Mount | NamespaceKind::Time)
        {
            return Err(not_yet(&format!("linux.namespaces[{index}].path")));
        }
    }
    if linux.namespaces.iter().any(|namespace| namespace.kind == NamespaceKind::Mount) {
        return Ok(());
    }
    let reason =
        "a container without a mount namespace of its own cannot be had: its mounts would be the host's";
    Err(Error::refused(Kind::Unsupported, "config.json", "linux.namespaces", reason))
}

fn first<const N: usize>(fields: [(&str, bool); N]) -> Result<()> {
    fields.iter().find(|(_, is_set)| *is_set).map_or(Ok(()), |(field, _)| Err(not_yet(field)))
}

fn is_set(text: Option<&String>) -> bool {
    text.is_some_and(|text| !text.is_empty())
}

fn not_yet(field: &str) -> Error {
    Error::refused(Kind::Unsupported, "config.json", field, "it cannot be had yet")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_refused_by_its_name() {
        let mount = r#""namespaces": [{"type": "mount"}]"#;
        let table = [
            (r#""process": {"cwd": "/", "args": ["a"], "apparmorProfile": "b"}"#.to_owned(), "process.apparmorProfile"),
            (
                r#""mounts": [{"destination": "/a", "uidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]}]"#.to_owned(),
                "mounts[0].uidMappings",
            ),
            (format!(r#""linux": {{{mount}, "netDevices": {{"eth0": {{}}}}}}"#), "linux.netDevices"),
            (r#""linux": {"namespaces": [{"type": "mount", "path": "/a"}]}"#.to_owned(), "linux.namespaces[0].path"),
            (r#""linux": {}"#.to_owned(), "linux.namespaces"),
            (r#""hostname": """#.to_owned(), "linux.namespaces"),
        ];
        for (piece, field) in table {
            let spec: Spec =
                serde_json::from_str(&format!("{{\"ociVersion\": \"1.0.0\", {piece}}}")).expect(&piece);
            let error = refuse(&spec).expect_err(&piece);
            assert_eq!(error.kind(), Kind::Unsupported);
            assert!(error.to_string().starts_with(&format!("config.json {field:?}: ")), "{piece}: {error}");
        }
        refuse(&crate::oci::template::spec()).expect("the template asks for nothing more");
    }
}
