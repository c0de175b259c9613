//! What a runtime tells about a container: runtime.md, `state`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::or_empty;

/// A container, as hooks learn of it on their standard input, and engines by asking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The version of the specification that this is written to.
    pub oci_version: String,
    /// Its name, unique among the containers of one runtime.
    pub id: String,
    /// Where in its life it is.
    pub status: Status,
    /// Its first process, as the host numbers it. Not where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    /// The bundle, an absolute path.
    pub bundle: String,
    /// The notes of its configuration.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Where in its life a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is being made.
    Creating,
    /// It is made, and its process waits to be started.
    Created,
    /// Its process runs.
    Running,
    /// Its processes are frozen.
    Paused,
    /// Its process has ended.
    Stopped,
}

impl Status {
    /// The specification's name. `paused` is no name of its own, but of the runtimes that engines know.
    pub fn name(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }
}

/// What the listener of a seccomp filter is sent along with the descriptors: config-linux.md,
/// `containerProcessState`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerProcessState {
    /// The version of the specification that this is written to.
    pub oci_version: String,
    /// The names of the descriptors, in their order.
    pub fds: Vec<String>,
    /// The process that has the filter, as the host numbers it.
    pub pid: i32,
    /// What the profile says is to be sent along.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub metadata: String,
    /// The container.
    pub state: State,
}
