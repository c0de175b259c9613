//! What lesson 06 prints besides its demonstration, and what config.json may not say about its fields.

use std::path::Path;

use serde_json::{Value, json};

use super::Step;
use super::oci_config::run_bundle;
use super::snapshots::snapshot;
use super::step::{new_bundle, write_config};
use crate::kit::{Case, Lab, Need, Outcome, case};

/// What stands below `process` or `linux`, and what the error says.
type Fault = (&'static str, Value, &'static [&'static str]);

fn faults() -> Vec<Fault> {
    let rule = |rule: Value| json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule] });
    let with =
        |argument: Value| rule(json!({ "names": ["kill"], "action": "SCMP_ACT_ERRNO", "args": [argument] }));
    vec![
        ("/process/capabilities", json!(["CAP_KILL"]), &["process.capabilities", "an object"]),
        (
            "/process/capabilities",
            json!({ "bounding": ["KILL"] }),
            &["process.capabilities.bounding[0]", "\"KILL\" is no capability"],
        ),
        (
            "/process/capabilities",
            json!({ "effective": ["CAP_KILL"] }),
            &["process.capabilities.effective", "CAP_KILL, which permitted does not"],
        ),
        ("/process/noNewPrivileges", json!("yes"), &["process.noNewPrivileges", "true or false"]),
        ("/linux/maskedPaths", json!(["proc/kcore"]), &["linux.maskedPaths[0]", "must be absolute"]),
        ("/linux/readonlyPaths", json!("/proc"), &["linux.readonlyPaths", "list"]),
        ("/linux/seccomp", json!({}), &["linux.seccomp.defaultAction", "is required"]),
        (
            "/linux/seccomp",
            json!({ "defaultAction": "ALLOW" }),
            &["linux.seccomp.defaultAction", "\"ALLOW\""],
        ),
        (
            "/linux/seccomp",
            json!({ "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 5000 }),
            &["5000, which is no errno"],
        ),
        (
            "/linux/seccomp",
            rule(json!({ "names": ["fork_bomb"], "action": "SCMP_ACT_ERRNO" })),
            &["linux.seccomp.syscalls[0].names[0]", "\"fork_bomb\" is no system call"],
        ),
        (
            "/linux/seccomp",
            rule(json!({ "names": ["kill"], "action": "SCMP_ACT_NOTIFY" })),
            &["linux.seccomp.syscalls[0].action", "dive-runtime"],
        ),
        (
            "/linux/seccomp",
            rule(json!({ "action": "SCMP_ACT_ERRNO" })),
            &["linux.seccomp.syscalls[0].names", "is required"],
        ),
        (
            "/linux/seccomp",
            with(json!({ "index": 6, "value": 0, "op": "SCMP_CMP_EQ" })),
            &["args[0].index", "six arguments"],
        ),
        (
            "/linux/seccomp",
            with(json!({ "index": 0, "value": -1, "op": "SCMP_CMP_EQ" })),
            &["args[0].value", "a whole number from 0"],
        ),
        (
            "/linux/seccomp",
            with(json!({ "index": 0, "value": 0, "op": "EQ" })),
            &["args[0].op", "\"EQ\" is no comparison"],
        ),
    ]
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<_> = faults()
        .into_iter()
        .enumerate()
        .map(|(index, fault)| {
            let name = format!("step-06: config.json with a bad {} ({index})", fault.0);
            case(name, &[], move |lab| refuses(lab, &fault))
        })
        .collect();
    cases.extend([
        case("step-06: the matrix of capabilities as root", &[Need::Root], |lab| matrix(lab, "root")),
        case("step-06: the matrix of capabilities as a user", &[Need::User, Need::Namespaces], |lab| {
            matrix(lab, "user")
        }),
        case("step-06: the filter, read back from the kernel", &[Need::Root], |lab| {
            // The one file that such a kernel has and others do not.
            let shown = Path::new("/proc/sys/kernel/ns_last_pid").exists();
            filter(lab, if shown { "as the kernel holds it" } else { "as it was loaded" })
        }),
        case("step-06: the filter, as it was loaded", &[Need::User], |lab| filter(lab, "as it was loaded")),
        case("step-06: a filter that is not there is not shown", &[], |lab| {
            let dir = lab.dir().join("bundle");
            let mut config = new_bundle(lab, Step(6), &dir)?;
            config["linux"].as_object_mut().map(|linux| linux.remove("seccomp"));
            write_config(&dir, &config)?;
            let ran =
                lab.run("step-06", &["filter", "--bundle", &dir.display().to_string()])?.ended_with(125)?;
            ran.says(&["linux.seccomp", "no call is filtered"]).map(|_| ())
        }),
    ]);
    cases
}

fn refuses(lab: &Lab, (pointer, value, words): &Fault) -> Outcome {
    let dir = lab.dir().join("bundle");
    let mut config = new_bundle(lab, Step(6), &dir)?;
    let (parent, key) = pointer.rsplit_once('/').ok_or("no pointer")?;
    config.pointer_mut(parent).ok_or("no such field")?[key] = value.clone();
    write_config(&dir, &config)?;
    let ran = run_bundle(lab, Step(6), &dir.display().to_string(), &["true"])?.ended_with(125)?;
    ran.says(words).map(|_| ())
}

fn matrix(lab: &Lab, tier: &str) -> Outcome {
    let text = lab.run("step-06", &["matrix"])?.succeeded()?;
    snapshot(&format!("step-06.matrix.{tier}"), "cargo run -p step-06 -- matrix", &text);
    Ok(())
}

/// Everything but the line that says whence it is, which differs with who asks.
fn filter(lab: &Lab, whence: &str) -> Outcome {
    let text = lab.run("step-06", &["filter"])?.succeeded()?;
    assert!(text.contains(whence), "{text}");
    let program = text.split_once("\n\n").ok_or("no program")?.1;
    if cfg!(target_arch = "x86_64") {
        snapshot("step-06.filter", "cargo run -p step-06 -- filter", program);
    }
    Ok(())
}
