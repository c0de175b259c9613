//! What config.json may not say, and how lesson 05 says so: each error names its field.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::snapshots::snapshot;
use super::step::{new_bundle, write_config};
use crate::kit::{Case, Lab, Outcome, case};

/// A change of a valid configuration: the pointer (RFC 6901), the value (`Null` removes the field), and what the
/// error must hold.
type Fault = (&'static str, Value, &'static [&'static str]);

fn faults() -> Vec<Fault> {
    vec![
        ("/ociVersion", json!(null), &["\"ociVersion\"", "is required"]),
        ("/ociVersion", json!("2.0.0"), &["\"ociVersion\"", "is not 1.x"]),
        ("/ociVersion", json!("one"), &["\"ociVersion\"", "is no version"]),
        ("/root", json!(null), &["\"root\"", "is required"]),
        ("/root/path", json!("nowhere"), &["(root.path)", "ENOENT"]),
        ("/root/path", json!(7), &["\"root.path\"", "must be a text, and is 7"]),
        ("/root/readonly", json!("yes"), &["\"root.readonly\"", "must be true or false"]),
        ("/process", json!(null), &["\"process\"", "is required"]),
        ("/process/args", json!([]), &["\"process.args\"", "at least the program"]),
        ("/process/args", json!(["a", 1]), &["\"process.args[1]\"", "must be a text"]),
        ("/process/args", json!(["a\u{0}b"]), &["\"process.args[0]\"", "NUL byte"]),
        ("/process/cwd", json!("tmp"), &["\"process.cwd\"", "must be absolute, and is \"tmp\""]),
        ("/process/env", json!(["PATH=/bin", "NOVALUE"]), &["\"process.env[1]\"", "NAME=value"]),
        ("/process/user/uid", json!(-1), &["\"process.user.uid\"", "whole number from 0"]),
        ("/process/user/uid", json!(4_294_967_296_u64), &["\"process.user.uid\"", "too large"]),
        ("/process/rlimits/0/type", json!("RLIMIT_FUN"), &["\"process.rlimits[0].type\"", "RLIMIT_FUN"]),
        ("/process/rlimits/0/soft", json!(5000), &["\"process.rlimits[0].soft\"", "above the hard limit"]),
        (
            "/linux/namespaces/0/type",
            json!("mars"),
            &["\"linux.namespaces[0].type\"", "no kind of namespace"],
        ),
        ("/linux/namespaces/1/type", json!("pid"), &["\"linux.namespaces[1].type\"", "stands twice"]),
        ("/linux/namespaces", json!([{ "type": "uts" }]), &["\"linux.namespaces\"", "mount namespace"]),
        ("/linux/uidMappings", json!([{ "containerID": 0, "hostID": 0 }]), &["linux.uidMappings"]),
        ("/mounts/0/destination", json!(null), &["\"mounts[0].destination\"", "is required"]),
        ("/mounts/0/options", json!(["bind", "idmap"]), &["\"mounts[0].options[1]\"", "idmap"]),
        ("/mounts/0/type", json!(""), &["\"mounts[0]\"", "needs a type, or bind"]),
        (
            "/linux/resources/memory",
            json!({ "limit": "64M" }),
            &["\"linux.resources.memory.limit\"", "whole number"],
        ),
        (
            "/linux/resources/memory",
            json!({ "limit": 4096, "swap": 1 }),
            &["\"linux.resources.memory.swap\"", "less than"],
        ),
        ("/linux/seccomp", json!([]), &["\"linux.seccomp\"", "must be an object"]),
        ("/hooks", json!("run me"), &["\"hooks\"", "must be an object"]),
        ("/hostname", json!({}), &["\"hostname\"", "must be a text"]),
    ]
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<_> = faults()
        .into_iter()
        .enumerate()
        .map(|(index, fault)| {
            let name = format!("step-05: config.json with a bad {} ({index})", fault.0);
            case(name, &[], move |lab| refuses(lab, &fault))
        })
        .collect();
    cases.push(case("step-05: the screen of errors that name the field", &[], errors));
    cases.push(case("step-05: config.json that is no JSON", &[], |lab| {
        broken(lab, |path| fs::write(path, "{ \"ociVersion\": "))?.says_all(&[
            "config.json",
            "EOF while parsing",
            "line 1",
        ])
    }));
    cases.push(case("step-05: config.json with a key that stands twice", &[], |lab| {
        let twice = "{ \"ociVersion\": \"1.2.0\", \"ociVersion\": \"1.0.0\" }";
        broken(lab, |path| fs::write(path, twice))?.says_all(&["\"ociVersion\" stands twice"])
    }));
    cases.push(case("step-05: config.json that is a FIFO is refused, not waited for", &[], |lab| {
        let fifo = |path: &std::path::Path| {
            nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).map_err(Into::into)
        };
        broken(lab, fifo)?.says_all(&["not a regular file"])
    }));
    cases.push(case("step-05: config.json that nests without end", &[], |lab| {
        broken(lab, |path| fs::write(path, "[".repeat(100_000)))?.says_all(&["recursion limit"])
    }));
    cases.push(case("step-05: a bundle without config.json", &[], |lab| {
        broken(lab, |_| Ok(()))?.says_all(&["config.json\": ENOENT", "runc spec writes one"])
    }));
    cases.push(case("step-05: a bundle that is not there", &[], |lab| {
        Told(lab.run("step-05", &["run", "--bundle", "/no/such/bundle"])?.ended_with(125)?.stderr)
            .says_all(&["find the bundle \"/no/such/bundle\": ENOENT"])
    }));
    cases
}

/// Standard error of a run that was refused.
struct Told(String);

impl Told {
    fn says_all(&self, words: &[&str]) -> Outcome {
        match words.iter().find(|word| !self.0.contains(**word)) {
            None => Ok(()),
            Some(word) => Err(format!("it does not say {word:?}: {}", self.0)),
        }
    }
}

fn refuses(lab: &Lab, fault: &Fault) -> Outcome {
    refused(lab, fault)?.says_all(fault.2)
}

fn refused(lab: &Lab, (pointer, value, _): &Fault) -> Result<Told, String> {
    let dir = lab.dir().join("bundle");
    let mut config = new_bundle(lab, super::Step(5), &dir)?;
    let (parent, key) = pointer.rsplit_once('/').ok_or("no pointer")?;
    let parent = config.pointer_mut(parent).ok_or("no such field")?;
    match parent {
        Value::Object(object) if value.is_null() => drop(object.remove(key)),
        Value::Object(object) => drop(object.insert(key.into(), value.clone())),
        other => other[key.parse::<usize>().map_err(|error| error.to_string())?] = value.clone(),
    }
    write_config(&dir, &config)?;
    let ran = lab.run("step-05", &["run", "--bundle", &dir.display().to_string()])?.ended_with(125)?;
    Ok(Told(ran.stderr))
}

/// Some of the errors, as the book shows them: what was changed, and what the step says.
fn errors(lab: &Lab) -> Outcome {
    let shown =
        ["/process/cwd", "/process/env", "/linux/namespaces/1/type", "/mounts/0/options", "/linux/seccomp"];
    let mut lines = Vec::new();
    for fault in faults().iter().filter(|fault| shown.contains(&fault.0)) {
        lines.push(format!("with {} = {}", fault.0, fault.1));
        lines.push(format!("  {}", refused(lab, fault)?.0.trim_end()));
        // The next change is of a valid configuration again.
        fs::remove_dir_all(lab.dir().join("bundle")).map_err(|error| error.to_string())?;
    }
    snapshot("step-05.refused", "cargo run -p step-05 -- run --bundle bundle", &lines.join("\n"));
    Ok(())
}

/// A bundle whose config.json is made by `make`.
fn broken(lab: &Lab, make: impl FnOnce(&std::path::Path) -> std::io::Result<()>) -> Result<Told, String> {
    make(&lab.dir().join("config.json")).map_err(|error| error.to_string())?;
    let mut command: Command = lab.command("step-05");
    command.args(["run", "--bundle", "."]);
    Ok(Told(crate::kit::Ran::of(&mut command)?.ended_with(125)?.stderr))
}
