//! The same bundle, the same commands, given to step 07 and to runc: what an engine sees must be the same.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::Step;
use super::hooks::{telling, told};
use super::step::{new_bundle, write_config};
use crate::kit::{Case, Lab, Need, Outcome, Ran, case};

pub(crate) fn cases() -> Vec<Case> {
    let needs = [Need::Root, Need::Cgroups, Need::Program("runc")];
    vec![
        case("step-07: states and their words are those of runc", &needs, |lab| {
            let (ours, theirs) = (states(lab, "step-07")?, states(lab, "runc")?);
            for ((moment, ours), (_, theirs)) in ours.iter().zip(&theirs) {
                for (key, value) in ours.as_object().ok_or("no object")? {
                    // Which minor version of the specification each speaks is its own affair.
                    if key == "ociVersion" {
                        assert!(theirs[key].is_string(), "{moment}: {theirs}");
                    } else {
                        assert_eq!(*value, theirs[key], "{moment}: {key}");
                    }
                }
            }
            assert_eq!(ours.len(), 3);
            Ok(())
        }),
        case("step-07: hooks run in the order, the namespaces and the states that runc has", &needs, |lab| {
            let (ours, mut theirs) = (hooks(lab, "step-07")?, hooks(lab, "runc")?);
            assert_eq!(ours.len(), 6, "{ours:?}");
            // To poststart runc 1.1 still says "created"; but the program has begun by then, which is "running".
            theirs.iter_mut().filter(|hook| hook.0 == "poststart").for_each(|hook| hook.2 = "running".into());
            assert_eq!(ours, theirs);
            Ok(())
        }),
        case("step-07: exit statuses are those of runc", &needs, |lab| {
            let (ours, theirs) = (statuses(lab, "step-07")?, statuses(lab, "runc")?);
            assert_eq!(ours, theirs);
            Ok(())
        }),
    ]
}

/// One of the two, with a state directory and a bundle of its own.
struct Runtime<'a> {
    lab: &'a Lab,
    program: &'static str,
    bundle: PathBuf,
}

impl<'a> Runtime<'a> {
    fn of(lab: &'a Lab, program: &'static str, change: impl FnOnce(&mut Value)) -> Result<Self, String> {
        let bundle = lab.dir().join("bundle");
        let mut config = new_bundle(lab, Step(7), &bundle)?;
        config["process"]["args"] = json!(["sleep", "100"]);
        // By this name the lab sees what is left.
        config["linux"]["cgroupsPath"] = json!(format!("/docker-dive.{}.compared", lab.lab().name()));
        change(&mut config);
        write_config(&bundle, &config)?;
        Ok(Self { lab, program, bundle })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.lab.command(self.program);
        command.arg("--root").arg(self.lab.dir().join(self.program).with_extension("state"));
        command.args(words).stdin(Stdio::null());
        command
    }

    fn run(&self, words: &[&str]) -> Result<Ran, String> {
        Ran::of(&mut self.command(words))
    }

    /// Not by a pipe, which the container would keep open.
    fn create(&self) -> Outcome {
        let path = self.lab.dir().join("said");
        let file = File::create(&path).map_err(|error| error.to_string())?;
        let both = file.try_clone().map_err(|error| error.to_string())?;
        let bundle = self.bundle.display().to_string();
        let mut command = self.command(&["create", "--bundle", &bundle, "compared"]);
        let status = command.stdout(file).stderr(both).status().map_err(|error| error.to_string())?;
        let said = fs::read_to_string(path).unwrap_or_default();
        if status.success() { Ok(()) } else { Err(format!("{}: create: {status}: {said}", self.program)) }
    }

    fn state(&self) -> Result<Value, String> {
        let text = self.run(&["state", "compared"])?.succeeded()?;
        serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
    }

    fn pid(&self) -> Result<Pid, String> {
        let pid = self.state()?["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok());
        pid.map(Pid::from_raw).ok_or_else(|| "no pid".into())
    }
}

/// The state after each command; a pid is told by whether it is one.
fn states(lab: &Lab, program: &'static str) -> Result<Vec<(&'static str, Value)>, String> {
    let runtime = Runtime::of(lab, program, |config| config["annotations"] = json!({ "a.b": "c" }))?;
    let mut seen = Vec::new();
    let mut look = |moment| -> Outcome {
        let mut state = runtime.state()?;
        state["pid"] = json!(state["pid"].as_i64().is_some_and(|pid| pid > 1));
        seen.push((moment, state));
        Ok(())
    };
    runtime.create()?;
    look("created")?;
    runtime.run(&["start", "compared"])?.succeeded()?;
    look("started")?;
    let pid = runtime.pid()?;
    runtime.run(&["kill", "compared", "KILL"])?.succeeded()?;
    waitpid(pid, None).map_err(|errno| errno.to_string())?;
    look("killed")?;
    runtime.run(&["delete", "compared"])?.succeeded()?;
    Ok(seen)
}

/// Each hook: its moment, whether it ran among the runtime's mounts, the status that it was told, and whose pid.
fn hooks(lab: &Lab, program: &'static str) -> Result<Vec<(String, bool, String, String)>, String> {
    let file = lab.dir().join(format!("told-{program}"));
    let runtime = Runtime::of(lab, program, |config| config["hooks"] = telling(&file.display().to_string()))?;
    runtime.create()?;
    let pid = runtime.pid()?;
    runtime.run(&["start", "compared"])?.succeeded()?;
    let inside = runtime.run(&["exec", "compared", "cat", "/dev/shm/told"])?.succeeded()?;
    runtime.run(&["kill", "compared", "KILL"])?.succeeded()?;
    waitpid(pid, None).map_err(|errno| errno.to_string())?;
    runtime.run(&["delete", "compared"])?.succeeded()?;
    let own = fs::read_link("/proc/self/ns/mnt").map_err(|error| error.to_string())?.display().to_string();
    let outside = fs::read_to_string(&file).map_err(|error| error.to_string())?;
    let mut all = told(&outside)?;
    // startContainer has written inside; it comes between the creation's and the start's.
    all.splice(3..3, told(&inside)?);
    let seen = all.into_iter().map(|(moment, namespace, state)| {
        let whose = match state["pid"].as_i64() {
            Some(1) => "inside",
            Some(number) if number == i64::from(pid.as_raw()) => "outside",
            _ => "none",
        };
        let status = state["status"].as_str().unwrap_or_default().to_owned();
        (moment, namespace == own, status, whose.to_owned())
    });
    Ok(seen.collect())
}

/// Exit statuses: the program's own where there is one, else whether it went well.
fn statuses(lab: &Lab, program: &'static str) -> Result<Vec<(&'static str, i32)>, String> {
    let program_of = json!(["sh", "-c", "exit 7"]);
    let runtime = Runtime::of(lab, program, |config| config["process"]["args"] = program_of)?;
    let bundle = runtime.bundle.display().to_string();
    let mut seen = Vec::new();
    // What runs in one command has no name with us.
    let id: &[&str] = if program == "runc" { &["compared"] } else { &[] };
    seen.push(("run", runtime.run(&[&["run", "--bundle", &bundle], id].concat())?.status));
    let runtime = Runtime::of(lab, program, |_| ())?;
    let went = |words: &[&str]| runtime.run(words).map(|ran| i32::from(ran.status != 0));
    for (what, words) in [
        ("state of nothing", &["state", "compared"][..]),
        ("start of nothing", &["start", "compared"]),
        ("kill of nothing", &["kill", "compared", "KILL"]),
        ("delete of nothing", &["delete", "compared"]),
        ("delete of nothing by force", &["delete", "--force", "compared"]),
    ] {
        seen.push((what, went(words)?));
    }
    runtime.create()?;
    seen.push(("create again", i32::from(runtime.create().is_err())));
    seen.push(("start", went(&["start", "compared"])?));
    seen.push(("start again", went(&["start", "compared"])?));
    seen.push(("delete while it runs", went(&["delete", "compared"])?));
    seen.push(("exec", runtime.run(&["exec", "compared", "sh", "-c", "exit 9"])?.status));
    seen.push((
        "exec that a signal ends",
        runtime.run(&["exec", "compared", "sh", "-c", "kill -9 $$"])?.status,
    ));
    seen.push(("exec of nothing", i32::from(runtime.run(&["exec", "compared", "nothing"])?.status != 0)));
    let pid = runtime.pid()?;
    seen.push(("kill", went(&["kill", "compared", "KILL"])?));
    waitpid(pid, None).map_err(|errno| errno.to_string())?;
    seen.push(("exec in what has ended", i32::from(runtime.run(&["exec", "compared", "true"])?.status != 0)));
    seen.push(("start of what has ended", went(&["start", "compared"])?));
    seen.push(("delete", went(&["delete", "compared"])?));
    Ok(seen)
}
