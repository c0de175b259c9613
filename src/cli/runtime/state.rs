//! `state`: a container as JSON.

use std::io::Write;

use serde::Serialize;

use crate::error::{Doing, Error, Kind, Result};
use crate::oci::state::{State, Status};
use crate::runtime::store::{Container, Store};

/// What the specification's state says, and what engines read beside it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    pub(super) oci_version: String,
    pub(super) id: String,
    pub(super) pid: i32,
    pub(super) status: Status,
    pub(super) bundle: String,
    pub(super) rootfs: String,
    pub(super) created: String,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub(super) annotations: std::collections::BTreeMap<String, String>,
    pub(super) owner: String,
}

impl Shown {
    pub(super) fn of(container: &Container) -> Result<Self> {
        let State { oci_version, id, status, pid, bundle, annotations } = container.state()?;
        let record = &container.record;
        Ok(Self {
            oci_version,
            id,
            // 0 is what engines expect of one without a process.
            pid: pid.unwrap_or(0),
            status,
            bundle,
            rootfs: record.rootfs.display().to_string(),
            created: record.created.clone(),
            annotations,
            owner: record.owner_name(),
        })
    }
}

/// Prints it.
pub(super) fn print(store: &Store, id: &str) -> Result<()> {
    print_json(&Shown::of(&store.load(id)?)?)
}

/// Prints something as JSON that people can read.
pub(super) fn print_json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::refused(Kind::System, "write", "JSON", error.to_string()))?;
    writeln!(std::io::stdout(), "{text}").doing("write", "standard output")
}
