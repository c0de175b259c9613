//! What the `linux` section must hold.

use super::{absolute, once, refused};
use crate::error::Result;
use crate::oci::linux::{Device, DeviceKind, IdMapping, Linux, NamespaceKind};
use crate::oci::resources::{DeviceRule, Resources};

/// The most parts of an id map that the kernel takes (`user_namespaces(7)`).
const PARTS: usize = 340;
/// The highest numbers that a device can have.
const MAJOR: i64 = (1 << 12) - 1;
const MINOR: i64 = (1 << 20) - 1;

/// Refuses a section that makes no sense.
pub(super) fn section(linux: &Linux) -> Result<()> {
    namespaces(linux)?;
    for name in linux.sysctl.keys() {
        sysctl(linux, name)?;
    }
    if let Some(path) = &linux.cgroups_path
        && path.split('/').any(|name| name == "..")
    {
        return Err(refused("linux.cgroupsPath", format!("{path:?} leads upwards")));
    }
    for (index, device) in linux.devices.iter().enumerate() {
        check_device(&format!("linux.devices[{index}]"), device)?;
    }
    let paths = [("maskedPaths", &linux.masked_paths), ("readonlyPaths", &linux.readonly_paths)];
    for (field, list) in paths {
        for (index, path) in list.iter().enumerate() {
            absolute(format!("linux.{field}[{index}]"), path)?;
        }
    }
    if let Some(propagation) = &linux.rootfs_propagation
        && !["", "shared", "slave", "private", "unbindable"].contains(&propagation.trim_start_matches('r'))
    {
        return Err(refused("linux.rootfsPropagation", format!("{propagation:?} is no propagation")));
    }
    if let Some(resources) = &linux.resources {
        check_resources(resources)?;
    }
    let rules = linux.seccomp.iter().flat_map(|seccomp| &seccomp.syscalls).enumerate();
    for (index, rule) in rules {
        if let Some(at) = rule.args.iter().position(|argument| argument.index > 5) {
            let path = format!("linux.seccomp.syscalls[{index}].args[{at}].index");
            return Err(refused(path, "a call has arguments 0 to 5"));
        }
    }
    Ok(())
}

fn is_listed(linux: &Linux, kind: NamespaceKind) -> bool {
    linux.namespaces.iter().any(|namespace| namespace.kind == kind)
}

fn is_new(linux: &Linux, kind: NamespaceKind) -> bool {
    linux
        .namespaces
        .iter()
        .any(|namespace| namespace.kind == kind && namespace.path.as_deref().is_none_or(str::is_empty))
}

fn namespaces(linux: &Linux) -> Result<()> {
    once("linux.namespaces", "type", linux.namespaces.iter().map(|namespace| namespace.kind))?;
    for (index, namespace) in linux.namespaces.iter().enumerate() {
        if let Some(path) = namespace.path.as_deref().filter(|path| !path.is_empty()) {
            absolute(format!("linux.namespaces[{index}].path"), path)?;
        }
    }
    mappings("linux.uidMappings", &linux.uid_mappings)?;
    mappings("linux.gidMappings", &linux.gid_mappings)?;
    for (field, list) in [("uidMappings", &linux.uid_mappings), ("gidMappings", &linux.gid_mappings)] {
        match (is_listed(linux, NamespaceKind::User), list.is_empty()) {
            (false, false) => {
                return Err(refused(
                    format!("linux.{field}"),
                    "a map needs a user namespace (linux.namespaces)",
                ));
            }
            (true, true) if is_new(linux, NamespaceKind::User) => {
                return Err(refused(format!("linux.{field}"), "a new user namespace needs a map"));
            }
            _ => {}
        }
    }
    if !linux.time_offsets.is_empty() && !is_new(linux, NamespaceKind::Time) {
        return Err(refused("linux.timeOffsets", "offsets need a new time namespace (linux.namespaces)"));
    }
    for (clock, offset) in &linux.time_offsets {
        if offset.nanosecs >= 1_000_000_000 {
            let clock = format!("{clock:?}").to_lowercase();
            return Err(refused(format!("linux.timeOffsets.{clock}.nanosecs"), "it is a second or more"));
        }
    }
    Ok(())
}

/// Refuses a map that the kernel would refuse without saying why.
pub(super) fn mappings(path: &str, list: &[IdMapping]) -> Result<()> {
    if list.len() > PARTS {
        return Err(refused(path, format!("{} parts, and at most {PARTS} are possible", list.len())));
    }
    for (index, part) in list.iter().enumerate() {
        let here = format!("{path}[{index}]");
        if part.size == 0 {
            return Err(refused(format!("{here}.size"), "it is zero"));
        }
        // The highest id is none: a part may end before it and not behind.
        if part.container_id.checked_add(part.size).is_none() || part.host_id.checked_add(part.size).is_none()
        {
            return Err(refused(here, "it goes beyond the highest id"));
        }
        let meets = |a: u32, b: u32, size: u32| a < b + size && b < a + part.size;
        let overlaps = list[..index].iter().any(|other| {
            meets(part.container_id, other.container_id, other.size)
                || meets(part.host_id, other.host_id, other.size)
        });
        if overlaps {
            return Err(refused(here, "it overlaps one before it"));
        }
    }
    Ok(())
}

/// What is no namespace's own would be changed for the whole host.
fn sysctl(linux: &Linux, name: &str) -> Result<()> {
    const IPC: [&str; 7] = [
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
    ];
    let path = format!("linux.sysctl.{name}");
    // A slash stands for a dot where the name of a link may hold one (sysctl(8)).
    let dotted = name.replace('/', ".");
    if dotted.split('.').any(str::is_empty) {
        return Err(refused(path, "a part of the name is empty"));
    }
    let kind = match dotted.as_str() {
        name if IPC.contains(&name) || name == "kernel.shm_rmid_forced" || name.starts_with("fs.mqueue.") => {
            NamespaceKind::Ipc
        }
        name if name.starts_with("net.") => NamespaceKind::Network,
        "kernel.domainname" | "kernel.hostname" => NamespaceKind::Uts,
        name if name.starts_with("user.") => NamespaceKind::User,
        _ => return Err(refused(path, "no namespace has it of its own: it would change the host")),
    };
    if !is_listed(linux, kind) {
        let reason =
            format!("it needs a {} namespace (linux.namespaces), or it would change the host", kind.name());
        return Err(refused(path, reason));
    }
    Ok(())
}

fn check_device(path: &str, device: &Device) -> Result<()> {
    absolute(format!("{path}.path"), &device.path)?;
    if device.kind != DeviceKind::Fifo {
        for (field, number, most) in [("major", device.major, MAJOR), ("minor", device.minor, MINOR)] {
            if !(0..=most).contains(&number) {
                return Err(refused(
                    format!("{path}.{field}"),
                    format!("{number} is not between 0 and {most}"),
                ));
            }
        }
    }
    match device.file_mode {
        // Engines write the whole of st_mode here.
        Some(mode) if mode & !0o177_777 != 0 => {
            Err(refused(format!("{path}.fileMode"), format!("{mode:#o} has bits that no mode has")))
        }
        _ => Ok(()),
    }
}

fn check_resources(resources: &Resources) -> Result<()> {
    for (index, rule) in resources.devices.iter().enumerate() {
        check_rule(&format!("linux.resources.devices[{index}]"), rule)?;
    }
    for name in resources.unified.keys() {
        if name.is_empty() || name.contains('/') || !name.contains('.') || name.starts_with('.') {
            return Err(refused(
                format!("linux.resources.unified.{name}"),
                "it is no name of a cgroup's file",
            ));
        }
    }
    Ok(())
}

fn check_rule(path: &str, rule: &DeviceRule) -> Result<()> {
    for (field, number, most) in [("major", rule.major, MAJOR), ("minor", rule.minor, MINOR)] {
        if number.is_some_and(|number| !(-1..=most).contains(&number)) {
            return Err(refused(
                format!("{path}.{field}"),
                format!("it is neither -1 nor between 0 and {most}"),
            ));
        }
    }
    match &rule.access {
        Some(access) if access.chars().any(|letter| !"rwm".contains(letter)) => {
            Err(refused(format!("{path}.access"), format!("{access:?} has letters other than r, w and m")))
        }
        _ => Ok(()),
    }
}
