//! Hooks: their order, where they run, what they are told, and what becomes of a container when one fails.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::lifecycle::Containers;
use super::{Behaviour, Step, since};
use crate::kit::{Lab, Outcome};

const MOMENTS: [&str; 6] =
    ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

pub(crate) fn behaviours() -> Vec<Behaviour> {
    vec![
        since(7, "hooks run in their order, each where the specification has it", in_order),
        since(7, "a hook that fails ends the creation, poststop has its turn, and nothing is left", fails),
        since(7, "a hook that takes too long is ended", |lab, step| {
            let of = Containers::of(lab, step);
            of.bundle(|config| {
                config["hooks"] =
                    json!({ "createRuntime": [{ "path": "/bin/sh", "args": ["sh", "-c", "exec sleep 60"],
                        "env": ["PATH=/usr/bin:/bin"], "timeout": 1 }] });
            })?;
            let begun = Instant::now();
            of.create("c", &[])?.ended_with(125)?.says(&["hooks.createRuntime[0]", "not ended within 1s"])?;
            assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
            of.nothing_is_left()
        }),
        since(
            7,
            "a startContainer hook that fails comes to start; a poststart hook is only warned of",
            |lab, step| {
                let of = Containers::of(lab, step);
                of.bundle(|config| config["hooks"] = json!({ "startContainer": [failing(3)] }))?;
                of.create("c", &[])?.succeeded()?;
                of.run(&["start", "c"])?
                    .ended_with(125)?
                    .says(&["hooks.startContainer[0]", "exit status 3"])?;
                of.run(&["delete", "--force", "c"])?.succeeded()?;
                of.bundle(|config| config["hooks"] = json!({ "poststart": [failing(4)] }))?;
                of.create("c", &[])?.succeeded()?;
                of.run(&["start", "c"])?.ended_with(0)?.says(&["hooks.poststart[0]", "exit status 4"])?;
                assert_eq!(of.state("c")?["status"], "running");
                of.run(&["delete", "--force", "c"])?.succeeded().map(drop)
            },
        ),
        since(7, "hooks that are wrong are refused by their field", |lab, step| {
            let of = Containers::of(lab, step);
            let faults = [
                (json!({ "prestart": [{}] }), "hooks.prestart[0].path"),
                (json!({ "prestart": [{ "path": "sh" }] }), "hooks.prestart[0].path"),
                (json!({ "poststop": [{ "path": "/x", "timeout": 0 }] }), "hooks.poststop[0].timeout"),
                (json!({ "poststart": {} }), "hooks.poststart"),
                (json!({ "createRuntime": [{ "path": "/x", "env": "A" }] }), "hooks.createRuntime[0].env"),
            ];
            for (hooks, field) in faults {
                of.bundle(|config| config["hooks"] = hooks)?;
                of.create("c", &[])?.ended_with(125)?.says(&[field])?;
            }
            of.nothing_is_left()
        }),
    ]
}

fn failing(status: u8) -> Value {
    json!({ "path": "/bin/sh", "args": ["sh", "-c", format!("exit {status}")] })
}

/// Each hook appends a line to a file of the host's; that of startContainer sees the container's files, in which
/// there is one of its own.
pub(super) fn telling(file: &str) -> Value {
    let hook = |moment: &str, file: &str| {
        let script = "echo \"$0 $(readlink /proc/self/ns/mnt) $(cat)\" >> \"$1\"";
        json!([{ "path": "/bin/sh", "args": ["sh", "-c", script, moment, file], "env": ["PATH=/usr/bin:/bin"] }])
    };
    let all = MOMENTS.map(|moment| {
        let file = if moment == "startContainer" { "/dev/shm/told" } else { file };
        (moment.to_owned(), hook(moment, file))
    });
    all.into_iter().collect()
}

/// A line of such a file: moment, mount namespace, state.
pub(super) fn told(text: &str) -> Result<Vec<(String, String, Value)>, String> {
    let parsed = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let (moment, namespace, state) = (words.next()?, words.next()?, words.next()?);
        Some((moment.to_owned(), namespace.to_owned(), serde_json::from_str(state).ok()?))
    };
    text.lines().map(|line| parsed(line).ok_or_else(|| format!("a hook said {line:?}"))).collect()
}

fn in_order(lab: &Lab, step: Step) -> Outcome {
    let of = Containers::of(lab, step);
    let file = lab.dir().join("told");
    of.bundle(|config| config["hooks"] = telling(&file.display().to_string()))?;
    let init = of.started("c")?;
    let inside = of.run(&["exec", "c", "cat", "/dev/shm/told"])?.succeeded()?;
    of.run(&["delete", "--force", "c"])?.succeeded()?;

    let outside = fs::read_to_string(&file).map_err(|error| error.to_string())?;
    let (outside, inside) = (told(&outside)?, told(&inside)?);
    let order: Vec<_> = outside.iter().map(|(moment, ..)| moment.as_str()).collect();
    assert_eq!(order, ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]);
    assert_eq!(inside.len(), 1);
    let own = fs::read_link("/proc/self/ns/mnt").map_err(|error| error.to_string())?.display().to_string();
    let container = &inside[0].1;
    assert_ne!(*container, own);
    for (moment, namespace, state) in outside.iter().chain(&inside) {
        let within = ["createContainer", "startContainer"].contains(&moment.as_str());
        assert_eq!(namespace, if within { container } else { &own }, "{moment}");
        let (status, pid) = match moment.as_str() {
            "prestart" | "createRuntime" => ("creating", init.as_raw()),
            "createContainer" => ("creating", 1),
            "startContainer" => ("created", 1),
            "poststart" => ("running", init.as_raw()),
            _ => ("stopped", 0),
        };
        assert_eq!(
            (&state["status"], &state["pid"], &state["id"]),
            (&json!(status), &json!(pid), &json!("c"))
        );
    }
    of.nothing_is_left()
}

fn fails(lab: &Lab, step: Step) -> Outcome {
    let of = Containers::of(lab, step);
    for moment in &MOMENTS[..3] {
        let file = lab.dir().join(format!("told-{moment}"));
        let mut hooks = json!({ "poststop": telling(&file.display().to_string())["poststop"] });
        hooks[moment] = json!([failing(5)]);
        of.bundle(|config| config["hooks"] = hooks)?;
        let field = format!("hooks.{moment}[0]");
        of.create("c", &[])?.ended_with(125)?.says(&[&field, "exit status 5"])?;
        let after =
            fs::read_to_string(&file).map_err(|error| format!("no poststop after {moment}: {error}"))?;
        assert_eq!(told(&after)?.len(), 1);
    }
    of.nothing_is_left()
}
