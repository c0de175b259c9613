//! What a runtime tells about itself: features.md and features-linux.md.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Features {
    /// The oldest version of the specification that is accepted.
    pub oci_version_min: String,
    /// The newest.
    pub oci_version_max: String,
    /// Which hooks are run.
    pub hooks: Vec<String>,
    /// Which options a mount may have.
    pub mount_options: Vec<String>,
    /// What only Linux has.
    pub linux: LinuxFeatures,
    /// Further notes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Annotations that would be a danger if whoever wrote the configuration is not trusted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub potentially_unsafe_config_annotations: Vec<String>,
}

/// What only Linux has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinuxFeatures {
    /// Which namespaces.
    pub namespaces: Vec<String>,
    /// Which capabilities.
    pub capabilities: Vec<String>,
    /// Cgroups.
    pub cgroup: CgroupFeatures,
    /// seccomp.
    pub seccomp: SeccompFeatures,
    /// AppArmor.
    pub apparmor: Enabled,
    /// SELinux.
    pub selinux: Enabled,
    /// Shares of cache and bandwidth.
    pub intel_rdt: IntelRdtFeatures,
    /// Memory policies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_policy: Option<MemoryPolicyFeatures>,
    /// Further features of mounts.
    pub mount_extensions: MountExtensions,
    /// Network links that are moved in.
    pub net_devices: Enabled,
}

/// Whether something is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enabled {
    /// Whether it is.
    pub enabled: bool,
}

/// Cgroups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the specification has them so")]
pub struct CgroupFeatures {
    /// Version 1.
    pub v1: bool,
    /// Version 2.
    pub v2: bool,
    /// By systemd.
    pub systemd: bool,
    /// By the systemd of a user.
    pub systemd_user: bool,
    /// RDMA.
    pub rdma: bool,
}

/// seccomp.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeccompFeatures {
    /// Whether filters are applied.
    pub enabled: bool,
    /// The actions.
    pub actions: Vec<String>,
    /// The comparisons.
    pub operators: Vec<String>,
    /// The architectures.
    pub archs: Vec<String>,
    /// The flags that are recognised.
    pub known_flags: Vec<String>,
    /// The flags that this kernel takes.
    pub supported_flags: Vec<String>,
}

/// Shares of cache and bandwidth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IntelRdtFeatures {
    /// Whether the hardware has them.
    pub enabled: bool,
    /// Whether `schemata` is known.
    pub schemata: bool,
    /// Whether `enableMonitoring` is known.
    pub monitoring: bool,
}

/// Memory policies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryPolicyFeatures {
    /// The modes.
    pub modes: Vec<String>,
    /// The flags.
    pub flags: Vec<String>,
}

/// Further features of mounts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountExtensions {
    /// Mounts with id maps of their own.
    pub idmap: Enabled,
}
