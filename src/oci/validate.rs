//! What a configuration must hold beyond its types. Each refusal names the field.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::Spec;
use super::linux::NamespaceKind;
use super::spec::{Hook, Mount};
use crate::error::{Error, Kind, Result};

mod linux;
mod process;

pub use process::process;

/// Refuses a configuration that makes no sense. What is odd and has a meaning all the same comes back as warnings.
///
/// Errors: [`Kind::Invalid`], with the path of the field.
pub fn spec(spec: &Spec) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    version(&spec.oci_version)?;
    match &spec.root {
        None => return Err(refused("root", "it is missing")),
        Some(root) if root.path.is_empty() => return Err(refused("root.path", "it is empty")),
        Some(_) => {}
    }
    for (field, name) in [("hostname", &spec.hostname), ("domainname", &spec.domainname)] {
        if name.as_deref().is_some_and(|name| !name.is_empty()) && !has_own(spec, NamespaceKind::Uts) {
            return Err(refused(
                field,
                "a name of its own needs a uts namespace of its own (linux.namespaces)",
            ));
        }
    }
    if let Some(it) = &spec.process {
        process("process", it)?;
    }
    for (index, mount) in spec.mounts.iter().enumerate() {
        check_mount(&format!("mounts[{index}]"), mount, &mut warnings)?;
    }
    hooks(spec)?;
    if let Some(section) = &spec.linux {
        linux::section(section)?;
    }
    Ok(warnings)
}

/// A value that makes no sense.
fn refused(path: impl Display, reason: impl Display) -> Error {
    Error::refused(Kind::Invalid, "config.json", path.to_string(), reason)
}

/// Any version 1.x, with what may follow: a pre-release of it counts as well.
fn version(version: &str) -> Result<()> {
    let good = || {
        let numbers = version.split(['-', '+']).next()?;
        let numbers: Vec<u64> =
            numbers.split('.').map(|number| number.parse().ok()).collect::<Option<_>>()?;
        Some(numbers.len() == 3 && numbers[0] == 1)
    };
    match good() {
        Some(true) => Ok(()),
        _ => Err(refused("ociVersion", format!("{version:?} is no version 1.x.y of the specification"))),
    }
}

/// Whether the container has a namespace of this kind that is not its creator's: a new one, or one by path.
fn has_own(spec: &Spec, kind: NamespaceKind) -> bool {
    spec.linux.as_ref().is_some_and(|linux| linux.namespaces.iter().any(|namespace| namespace.kind == kind))
}

fn check_mount(path: &str, mount: &Mount, warnings: &mut Vec<String>) -> Result<()> {
    if mount.destination.is_empty() {
        return Err(refused(format!("{path}.destination"), "it is empty"));
    }
    if !mount.destination.starts_with('/') {
        warnings.push(format!("{path}.destination {:?} is not absolute: taken from /", mount.destination));
    }
    if mount.uid_mappings.is_empty() != mount.gid_mappings.is_empty() {
        return Err(refused(path, "uidMappings and gidMappings go together"));
    }
    linux::mappings(&format!("{path}.uidMappings"), &mount.uid_mappings)?;
    linux::mappings(&format!("{path}.gidMappings"), &mount.gid_mappings)
}

fn hooks(spec: &Spec) -> Result<()> {
    let Some(hooks) = &spec.hooks else { return Ok(()) };
    let lists: [(&str, &[Hook]); 6] = [
        ("prestart", &hooks.prestart),
        ("createRuntime", &hooks.create_runtime),
        ("createContainer", &hooks.create_container),
        ("startContainer", &hooks.start_container),
        ("poststart", &hooks.poststart),
        ("poststop", &hooks.poststop),
    ];
    for (name, list) in lists {
        for (index, hook) in list.iter().enumerate() {
            let path = format!("hooks.{name}[{index}]");
            absolute(format!("{path}.path"), &hook.path)?;
            if hook.timeout.is_some_and(|timeout| timeout <= 0) {
                return Err(refused(format!("{path}.timeout"), "it is not greater than zero"));
            }
        }
    }
    Ok(())
}

fn absolute(path: impl Display, value: &str) -> Result<()> {
    if value.starts_with('/') { Ok(()) } else { Err(refused(path, format!("{value:?} is not absolute"))) }
}

/// Refuses what stands in a list a second time.
fn once<T: Ord>(path: &str, field: &str, values: impl Iterator<Item = T>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for (index, value) in values.enumerate() {
        if !seen.insert(value) {
            return Err(refused(format!("{path}[{index}].{field}"), "it stands there before"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
