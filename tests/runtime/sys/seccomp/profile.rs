//! A profile in the specification's JSON, as both runtimes get it, and the names of the calls.

use std::fs;

use docker_dive::oci::seccomp::Seccomp;
use docker_dive::sys::seccomp::{Architecture, Policy};
use serde_json::{Value, json};

/// What the containers of Podman get by default, and Docker's but for the calls' answers. From Debian's package
/// golang-github-containers-common.
pub(super) const INSTALLED: &str = "/usr/share/containers/seccomp.json";

/// The installed profile for a container without further capabilities on x86-64, as an engine writes it into config.json.
pub(super) fn installed() -> Result<Value, String> {
    let text = fs::read_to_string(INSTALLED).map_err(|error| format!("{INSTALLED}: {error}"))?;
    let whole: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let here = |list: &Value| list.as_array().is_some_and(|list| list.iter().any(|name| name == "amd64"));
    let mut calls = Vec::new();
    for entry in whole["syscalls"].as_array().ok_or("no syscalls")? {
        let includes = &entry["includes"];
        let excluded = here(&entry["excludes"]["arches"]);
        if includes["caps"].is_array()
            || excluded
            || (includes["arches"].is_array() && !here(&includes["arches"]))
        {
            continue;
        }
        let mut call = entry.clone();
        let fields = call.as_object_mut().ok_or("no object")?;
        fields.retain(|name, value| {
            matches!(name.as_str(), "names" | "action" | "args" | "errnoRet") && !value.is_null()
        });
        calls.push(call);
    }
    let mut profile = json!({
        "defaultAction": whole["defaultAction"],
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "syscalls": calls,
    });
    if !whole["defaultErrnoRet"].is_null() {
        profile["defaultErrnoRet"] = whole["defaultErrnoRet"].clone();
    }
    Ok(profile)
}

/// The same in the runtime's words.
pub(super) fn policy(profile: &Value) -> Result<Policy, String> {
    let profile: Seccomp = serde_json::from_value(profile.clone()).map_err(super::said)?;
    docker_dive::runtime::seccomp::policy(&profile).map_err(super::said)
}

pub(super) fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

const TABLE: &str = include_str!("../../../../src/sys/seccomp/syscalls.txt");

/// Every name of the table.
pub(super) fn names() -> Vec<&'static str> {
    TABLE.lines().skip(1).filter_map(|line| line.split(' ').next()).collect()
}

/// As a filter sees it.
pub(super) fn number(name: &str, architecture: Architecture) -> Option<u32> {
    let line = TABLE.lines().find(|line| line.split(' ').next() == Some(name))?;
    let column = match architecture {
        Architecture::X86_64 => 1,
        Architecture::X86 => 2,
        Architecture::X32 => 3,
        _ => return None,
    };
    let number: u32 = line.split(' ').nth(column)?.parse().ok()?;
    Some(if architecture == Architecture::X32 { number | 0x4000_0000 } else { number })
}
