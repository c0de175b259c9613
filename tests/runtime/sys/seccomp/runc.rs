//! The filter that runc installs, read back out of the kernel and asked the same questions as ours.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::thread::sleep;
use std::time::Duration;

use docker_dive::sys::seccomp::{Action, Architecture, Instruction};
use kit::rootfs;
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::{answer, compiled, edges, profile, said};
use crate::kit::bpf::Call;
use crate::kit::{Lab, Outcome};

/// Every number of three architectures, with arguments at the edges of what the profile compares: first under the
/// installed profile, then with Docker's answer for what is not listed (EPERM), which brings ENOSYS for what is new.
pub(super) fn agrees(lab: &Lab) -> Outcome {
    let installed = profile::installed()?;
    let mut dockers = installed.clone();
    dockers["defaultErrnoRet"] = json!(1);
    compare_everything(&mut dockers);
    let mut killing = installed.clone();
    killing["defaultAction"] = json!("SCMP_ACT_KILL_PROCESS");
    if let Some(fields) = killing.as_object_mut() {
        fields.remove("defaultErrnoRet");
    }
    let bundle = lab.dir().join("bundle");
    fs::create_dir(&bundle).map_err(said)?;
    rootfs::assemble(&bundle.join("rootfs")).map_err(said)?;
    for (which, profile) in [("installed", installed), ("docker's default", dockers), ("ending", killing)] {
        let theirs = theirs(lab, &bundle, &profile)?;
        let ours = compiled(&profile::policy(&profile)?)?;
        let calls = calls(&profile);
        assert!(calls.len() > 20_000, "{} questions are not all that there are", calls.len());
        for call in calls {
            let (ours, theirs) = (answer(&ours, &call), answer(&theirs, &call));
            // libseccomp ends the thread of a stranger, we end the process.
            let ended = |value| value == Action::KillThread.value() || value == Action::KillProcess.value();
            assert!(
                ours == theirs || (ended(ours) && ended(theirs)),
                "{which}: {call:x?}: {ours:#x}, by runc's filter {theirs:#x}"
            );
        }
    }
    Ok(())
}

/// Puts a call under each comparison, as Docker puts clone(2) under one of its flags: there the installed profile only asks
/// whether arguments are equal.
fn compare_everything(profile: &mut Value) {
    let kinds = [
        ("clone", "SCMP_CMP_MASKED_EQ", 0x7E02_0000_u64, 0),
        ("fadvise64", "SCMP_CMP_MASKED_EQ", 0xFF_0000_00F0, 0x50),
        ("fallocate", "SCMP_CMP_LT", 0x1_0000_0005, 0),
        ("fsync", "SCMP_CMP_LE", 0x1_0000_0005, 0),
        ("ftruncate", "SCMP_CMP_EQ", 0x1_0000_0005, 0),
        ("mincore", "SCMP_CMP_GE", 0x1_0000_0005, 0),
        ("mlock", "SCMP_CMP_GT", 0x1_0000_0005, 0),
        ("listen", "SCMP_CMP_NE", 0x1_0000_0005, 0),
    ];
    let Some(calls) = profile["syscalls"].as_array_mut() else { return };
    for call in calls.iter_mut() {
        if let Some(names) = call["names"].as_array_mut() {
            names.retain(|name| kinds.iter().all(|(compared, ..)| name != compared));
        }
    }
    for (name, compare, value, second) in kinds {
        let condition = json!({"index": 0, "op": compare, "value": value, "valueTwo": second});
        calls.push(json!({"names": [name], "action": "SCMP_ACT_ALLOW", "args": [condition]}));
    }
}

/// Every number below 600, and some far above. Those which the profile compares come with all edges of all values that it
/// compares with, and the others with a few.
fn calls(profile: &Value) -> Vec<Call> {
    let entries = || profile["syscalls"].as_array().into_iter().flatten();
    let conditions = |call: &Value| call["args"].as_array().cloned().unwrap_or_default();
    let mut values: Vec<u64> =
        entries().flat_map(conditions).filter_map(|c| c["value"].as_u64()).flat_map(edges).collect();
    values.sort_unstable();
    values.dedup();
    let compared =
        entries().filter(|call| !conditions(call).is_empty()).flat_map(|call| profile::texts(&call["names"]));
    let compared: Vec<String> = compared.chain(["socketcall".into(), "ipc".into()]).collect();

    let mut calls = Vec::new();
    for architecture in [Architecture::X86_64, Architecture::X86, Architecture::X32] {
        let numbers: Vec<_> =
            compared.iter().filter_map(|name| profile::number(name, architecture)).collect();
        let base = if architecture == Architecture::X32 { 0x4000_0000 } else { 0 };
        for number in (0..600).chain([4095, 0x0FFF_FFFF]).map(|number: u32| base | number) {
            let values = if numbers.contains(&number) { values.clone() } else { vec![0, 9, u64::MAX] };
            for first in &values {
                let some = [0, 8, 9, 10].map(|third| [*first, 0, third, 0, 0, 0]);
                calls.extend(some.map(|arguments| Call { number, audit: architecture.audit(), arguments }));
            }
        }
    }
    calls
}

/// Runs a sleeping container under runc, and takes the filter from its process.
fn theirs(lab: &Lab, bundle: &std::path::Path, profile: &Value) -> Result<Vec<Instruction>, String> {
    let config = bundle.join("config.json");
    let _ = fs::remove_file(&config);
    let spec = lab.command("runc").args(["spec", "--bundle"]).arg(bundle).status().map_err(said)?;
    assert!(spec.success(), "runc spec: {spec}");
    let text = fs::read_to_string(&config).map_err(said)?;
    let mut spec: Value = serde_json::from_str(&text).map_err(said)?;
    spec["linux"]["seccomp"] = profile.clone();
    spec["process"]["terminal"] = json!(false);
    spec["process"]["args"] = json!(["sleep", "60"]);
    spec["linux"]["cgroupsPath"] = json!(format!("/dive-seccomp-{}", std::process::id()));
    fs::write(&config, spec.to_string()).map_err(said)?;

    let (root, pid_file, id) = (lab.dir().join("runc"), lab.dir().join("pid"), "filtered");
    let runc = || {
        let mut command = lab.command("runc");
        command.arg("--root").arg(&root);
        command
    };
    let ran = runc()
        .args(["run", "--detach", "--pid-file"])
        .arg(&pid_file)
        .arg("--bundle")
        .arg(bundle)
        .arg(id)
        .stdin(std::process::Stdio::null())
        .status()
        .map_err(said)?;
    assert!(ran.success(), "runc run: {:?} {:?}", ran.code(), ran.signal());
    let pid = fs::read_to_string(&pid_file).map_err(said)?.trim().parse().map_err(said)?;
    let filter = filter_of(Pid::from_raw(pid));
    let deleted = runc().args(["delete", "--force", id]).status().map_err(said)?;
    assert!(deleted.success(), "runc delete: {deleted}");
    // The container's process is the lab's, which adopts orphans.
    for _ in 0..200 {
        if waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG)).is_err() {
            break;
        }
        sleep(Duration::from_millis(10));
    }
    filter
}

/// The filter installed last, in the words of the runtime's.
fn filter_of(pid: Pid) -> Result<Vec<Instruction>, String> {
    ptrace::attach(pid).map_err(|errno| format!("ptrace(2) PTRACE_ATTACH {pid}: {errno}"))?;
    waitpid(pid, Some(WaitPidFlag::__WALL)).map_err(said)?;
    let filter = step_06::seccomp::filter_of(pid);
    ptrace::detach(pid, None).map_err(said)?;
    let ours = |i: &step_06::bpf::Instruction| Instruction { code: i.code, jt: i.yes, jf: i.no, k: i.value };
    filter.map(|filter| filter.iter().map(ours).collect()).map_err(said)
}
