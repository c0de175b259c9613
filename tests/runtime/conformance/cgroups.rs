//! `config-linux.md`, "Control groups": where the container is, and what it may use.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use workbook::lab::state::cgroup_tops;

use super::trial::{Container, Trial};
use super::{Clause, Must, clause};
use crate::kit::Outcome;

pub(super) const CLAUSES: &[Clause] = &[
    clause(
        "config-linux.md, Cgroups Path",
        Must,
        "an absolute path begins at the top of each hierarchy",
        absolute,
    ),
    clause("config-linux.md, Cgroups Path", Must, "one path is one group, each time", one_path),
    clause("config-linux.md, Memory", Must, "the limit of memory is this one", memory),
    clause("config-linux.md, PIDs", Must, "the limit of processes is this one", pids),
    clause("config-linux.md, CPU", Must, "quota, period and shares are these", cpu),
    clause("config-linux.md, Control groups", Must, "a value that the kernel refuses is an error", refused),
];

/// The directories of all mounted hierarchies that are there at this path.
pub(super) fn groups_named(path: Option<&str>) -> Vec<PathBuf> {
    let Some(path) = path else { return vec![] };
    let below = cgroup_tops().into_iter().map(|top| top.join(path.trim_start_matches('/')));
    let mut groups: Vec<_> = below.filter(|group| group.is_dir()).collect();
    groups.sort();
    groups.dedup();
    groups
}

/// What the first of these files of the container's groups holds.
fn value(container: &Container<'_>, files: &[&str]) -> Result<String, String> {
    let path = container.bundle.config["linux"]["cgroupsPath"].as_str();
    let found = groups_named(path)
        .into_iter()
        .find_map(|group| files.iter().find_map(|file| fs::read_to_string(group.join(file)).ok()));
    found.map(|text| text.trim().to_owned()).ok_or_else(|| format!("none of {files:?} is there"))
}

fn limited<'a>(trial: &'a Trial<'_>, resources: &Value) -> Result<Container<'a>, String> {
    let bundle = trial.script("sleep 60", |config| {
        for (name, value) in resources.as_object().into_iter().flatten() {
            config["linux"]["resources"][name] = value.clone();
        }
    })?;
    trial.create(bundle)
}

fn absolute(trial: &Trial<'_>) -> Outcome {
    let container = limited(trial, &json!({}))?;
    let path = container.bundle.config["linux"]["cgroupsPath"].as_str().map(str::to_owned);
    let own = fs::read_to_string(format!("/proc/{}/cgroup", container.pid()?))
        .map_err(|error| error.to_string())?;
    let path = path.unwrap_or_default();
    assert!(own.lines().any(|line| line.ends_with(&format!(":{path}"))), "{own}");
    let elsewhere: Vec<_> = own
        .lines()
        .filter(|line| {
            ["memory", "pids", "devices"]
                .iter()
                .any(|name| line.split(':').nth(1).is_some_and(|c| c == *name))
        })
        .filter(|line| !line.ends_with(&path))
        .collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    Ok(())
}

fn one_path(trial: &Trial<'_>) -> Outcome {
    let of = |container: &Container<'_>| {
        let pid = container.pid()?;
        fs::read_to_string(format!("/proc/{pid}/cgroup")).map_err(|error| error.to_string())
    };
    let first = limited(trial, &json!({}))?;
    let (path, of_first) = (first.bundle.config["linux"]["cgroupsPath"].clone(), of(&first)?);
    drop(first);
    let again = trial.script("sleep 60", |config| config["linux"]["cgroupsPath"] = path)?;
    assert_eq!(of(&trial.create(again)?)?, of_first);
    Ok(())
}

fn memory(trial: &Trial<'_>) -> Outcome {
    let container = limited(trial, &json!({"memory": {"limit": 64 << 20}}))?;
    assert_eq!(value(&container, &["memory.max", "memory.limit_in_bytes"])?, (64 << 20).to_string());
    Ok(())
}

fn pids(trial: &Trial<'_>) -> Outcome {
    let container = limited(trial, &json!({"pids": {"limit": 77}}))?;
    assert_eq!(value(&container, &["pids.max"])?, "77");
    Ok(())
}

fn cpu(trial: &Trial<'_>) -> Outcome {
    let container = limited(trial, &json!({"cpu": {"quota": 20000, "period": 50000, "shares": 512}}))?;
    if let Ok(both) = value(&container, &["cpu.max"]) {
        assert_eq!(both, "20000 50000");
    } else {
        let seen =
            ["cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.shares"].map(|file| value(&container, &[file]));
        assert_eq!(seen, ["20000", "50000", "512"].map(|value| Ok(value.to_owned())));
    }
    Ok(())
}

fn refused(trial: &Trial<'_>) -> Outcome {
    trial.refuses(|config| config["linux"]["resources"]["cpu"] = json!({"cpus": "4000-5000"}))
}
