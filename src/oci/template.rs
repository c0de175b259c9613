//! A configuration to begin with: what `spec` writes.

use super::linux::{IdMapping, Linux, Namespace, NamespaceKind};
use super::process::{Capabilities, Process, Rlimit};
use super::resources::{DeviceRule, Resources};
use super::spec::{Mount, Root};
use super::{Spec, VERSION};

/// What tells about the host, or would let it be changed, although procfs and sysfs have to be there.
const MASKED: [&str; 11] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/firmware",
];
const READONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// A shell in namespaces of its own, with a terminal.
pub fn spec() -> Spec {
    let namespaces = [
        NamespaceKind::Pid,
        NamespaceKind::Network,
        NamespaceKind::Ipc,
        NamespaceKind::Uts,
        NamespaceKind::Mount,
        NamespaceKind::Cgroup,
    ];
    Spec {
        oci_version: VERSION.into(),
        process: Some(process()),
        root: Some(Root { path: "rootfs".into(), readonly: true }),
        hostname: Some("dive".into()),
        mounts: mounts(),
        linux: Some(Linux {
            resources: Some(Resources {
                devices: vec![DeviceRule {
                    allow: false,
                    access: Some("rwm".into()),
                    ..DeviceRule::default()
                }],
                ..Resources::default()
            }),
            namespaces: namespaces.map(|kind| Namespace { kind, path: None }).into(),
            masked_paths: MASKED.map(Into::into).into(),
            readonly_paths: READONLY.map(Into::into).into(),
            ..Linux::default()
        }),
        ..Spec::default()
    }
}

/// The same for somebody who is not root: the host's network, one user, and the host's sysfs, for a new one belongs to
/// whoever has a network namespace.
pub fn rootless(uid: u32, gid: u32) -> Spec {
    let mut spec = spec();
    for mount in &mut spec.mounts {
        match mount.destination.as_str() {
            "/sys" => *mount = bind("/sys", &["rbind", "nosuid", "noexec", "nodev", "ro"]),
            // The group 5 has no map.
            "/dev/pts" => mount.options.retain(|option| !option.starts_with("gid=")),
            _ => {}
        }
    }
    if let Some(linux) = &mut spec.linux {
        linux.resources = None;
        linux.namespaces.retain(|namespace| namespace.kind != NamespaceKind::Network);
        linux.namespaces.push(Namespace { kind: NamespaceKind::User, path: None });
        linux.uid_mappings = vec![IdMapping { container_id: 0, host_id: uid, size: 1 }];
        linux.gid_mappings = vec![IdMapping { container_id: 0, host_id: gid, size: 1 }];
    }
    spec
}

fn process() -> Process {
    let capabilities: Vec<String> =
        ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"].map(Into::into).into();
    let env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"];
    Process {
        terminal: true,
        args: vec!["sh".into()],
        env: env.map(Into::into).into(),
        cwd: "/".into(),
        capabilities: Some(Capabilities {
            bounding: capabilities.clone(),
            effective: capabilities.clone(),
            permitted: capabilities,
            ..Capabilities::default()
        }),
        rlimits: vec![Rlimit { kind: "RLIMIT_NOFILE".into(), hard: 1024, soft: 1024 }],
        no_new_privileges: true,
        ..Process::default()
    }
}

fn mounts() -> Vec<Mount> {
    let pts = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"];
    vec![
        mount("/proc", "proc", "proc", &[]),
        mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount("/dev/pts", "devpts", "devpts", &pts),
        mount("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        mount("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", &["nosuid", "noexec", "nodev", "relatime", "ro"]),
    ]
}

fn mount(destination: &str, kind: &str, source: &str, options: &[&str]) -> Mount {
    Mount {
        destination: destination.into(),
        kind: Some(kind.into()),
        source: Some(source.into()),
        options: options.iter().map(|option| (*option).into()).collect(),
        ..Mount::default()
    }
}

fn bind(path: &str, options: &[&str]) -> Mount {
    mount(path, "none", path, options)
}
