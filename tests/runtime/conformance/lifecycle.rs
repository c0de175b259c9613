//! `runtime.md`: the state, the operations, and what they do to each other.

use serde_json::json;

use super::trial::Trial;
use super::{Clause, Must, clause};
use crate::kit::{Outcome, Ran};

pub(super) const CLAUSES: &[Clause] = &[
    clause("runtime.md, State", Must, "the state has version, id, status, pid and an absolute bundle", state),
    clause("runtime.md, State", Must, "the status is created, running, stopped in turn", statuses),
    clause("runtime.md, State", Must, "the state shows the annotations", annotations),
    clause("runtime.md, Query State", Must, "the state of no container is an error", no_state),
    clause("runtime.md, Create", Must, "an id that is taken is an error, and changes nothing", unique),
    clause("runtime.md, Create", Must, "without a bundle there is an error", no_bundle),
    clause("runtime.md, Create", Must, "the program does not run yet", not_yet),
    clause("runtime.md, Create", Must, "later changes of config.json change nothing", config_is_read_once),
    clause("runtime.md, Start", Must, "what is not created cannot be started", start_twice),
    clause("runtime.md, Start", Must, "no process in the configuration is an error", no_process),
    clause("runtime.md, Start", Must, "the program of the configuration runs", runs),
    clause("runtime.md, Kill", Must, "the signal is sent to the process", kill),
    clause("runtime.md, Kill", Must, "what neither is created nor runs cannot be signalled", kill_stopped),
    clause("runtime.md, Delete", Must, "what is not stopped cannot be deleted, and stays", delete_running),
    clause("runtime.md, Delete", Must, "what was created for it goes", delete),
    clause("runtime.md, Delete", Must, "its id can be used again", again),
];

/// An error, with words, and no other effect that is seen here.
fn is_error(what: &str, ran: &Ran) -> Outcome {
    match ran.status {
        0 => Err(format!("{what} was no error")),
        _ if ran.stderr.trim().is_empty() => Err(format!("{what} failed without a word")),
        _ => Ok(()),
    }
}

fn state(trial: &Trial<'_>) -> Outcome {
    let container = trial.create(trial.script("sleep 60", |_| ())?)?;
    let state = container.state()?;
    let version = state["ociVersion"].as_str().unwrap_or_default();
    assert!(version.starts_with("1."), "{state}");
    assert_eq!((&state["id"], &state["status"]), (&json!(container.id), &json!("created")));
    assert_eq!(state["bundle"], json!(container.bundle.dir.canonicalize().map_err(|e| e.to_string())?));
    let pid = container.pid()?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).map_err(|error| error.to_string())?;
    let inside = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
    assert_eq!(
        inside.split_whitespace().nth(1),
        Some("1"),
        "the pid is not that of the container's process 1"
    );
    Ok(())
}

fn statuses(trial: &Trial<'_>) -> Outcome {
    let container = trial.create(trial.script("sleep 60", |_| ())?)?;
    container.until("created")?;
    container.verb("start")?.succeeded()?;
    container.until("running")?;
    container.verb_with("kill", "KILL")?.succeeded()?;
    container.until("stopped")
}

fn annotations(trial: &Trial<'_>) -> Outcome {
    let container = trial.create(trial.bundle(|config| {
        config["annotations"] = json!({"org.example.key": "value", "org.example.empty": ""});
    })?)?;
    let seen = &container.state()?["annotations"];
    assert_eq!((&seen["org.example.key"], &seen["org.example.empty"]), (&json!("value"), &json!("")));
    Ok(())
}

fn no_state(trial: &Trial<'_>) -> Outcome {
    let container = trial.create(trial.bundle(|_| ())?)?;
    container.state()?;
    is_error("state", &Ran::of(&mut trial.runtime(&["state", "dive-spec-none"]))?)
}

fn unique(trial: &Trial<'_>) -> Outcome {
    let container = trial.create(trial.script("sleep 60", |_| ())?)?;
    let before = container.state()?;
    let ran = Ran::of(trial.runtime(&["create", "--bundle"]).arg(&container.bundle.dir).arg(&container.id))?;
    is_error("a second create", &ran)?;
    assert_eq!(container.state()?, before);
    Ok(())
}

fn no_bundle(trial: &Trial<'_>) -> Outcome {
    let container = trial.create(trial.bundle(|_| ())?)?;
    container.state()?;
    let id = trial.name();
    let ran = Ran::of(trial.runtime(&["create", "--bundle"]).arg(trial.dir.join("none")).arg(&id))?;
    is_error("create", &ran)?;
    is_error("state", &Ran::of(&mut trial.runtime(&["state", &id]))?)
}

fn not_yet(trial: &Trial<'_>) -> Outcome {
    let container = trial.create(trial.script("echo it runs", |_| ())?)?;
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert_eq!(container.output(), "");
    container.verb("start")?.succeeded()?;
    container.says("it runs")
}

fn config_is_read_once(trial: &Trial<'_>) -> Outcome {
    let container = trial.create(trial.script("echo first; hostname", |_| ())?)?;
    let mut config = container.bundle.config.clone();
    config["process"]["args"] = json!(["sh", "-c", "echo second"]);
    config["hostname"] = json!("second");
    container.bundle.rewrite(&config)?;
    container.verb("start")?.succeeded()?;
    container.says("first\nconformance")
}

fn start_twice(trial: &Trial<'_>) -> Outcome {
    let container = trial.start(trial.script("sleep 60", |_| ())?)?;
    is_error("a second start", &container.verb("start")?)?;
    container.until("running")?;
    container.verb_with("kill", "KILL")?.succeeded()?;
    container.until("stopped")?;
    is_error("a start after the end", &container.verb("start")?)?;
    container.until("stopped")
}

/// By the specification create may go well; either that or start has to fail.
fn no_process(trial: &Trial<'_>) -> Outcome {
    trial.refuses(|config| {
        config.as_object_mut().map(|config| config.remove("process"));
    })
}

fn runs(trial: &Trial<'_>) -> Outcome {
    let container = trial.start(trial.script("echo $0 $1; exit 3", |config| {
        config["process"]["args"] = json!(["sh", "-c", "echo it is $0 $1", "one", "two words"]);
    })?)?;
    container.says("it is one two words")
}

fn kill(trial: &Trial<'_>) -> Outcome {
    let script = "trap 'echo got TERM; exit 0' TERM; echo ready; while true; do sleep 0.05; done";
    let container = trial.start(trial.script(script, |_| ())?)?;
    container.says("ready")?;
    container.verb_with("kill", "TERM")?.succeeded()?;
    container.says("got TERM")?;
    container.until("stopped")
}

fn kill_stopped(trial: &Trial<'_>) -> Outcome {
    let container = trial.start(trial.bundle(|_| ())?)?;
    container.until("stopped")?;
    is_error("kill", &container.verb_with("kill", "TERM")?)?;
    container.until("stopped")
}

fn delete_running(trial: &Trial<'_>) -> Outcome {
    let container = trial.start(trial.script("echo ready; sleep 60", |_| ())?)?;
    container.says("ready")?;
    is_error("delete", &container.verb("delete")?)?;
    container.until("running")
}

fn delete(trial: &Trial<'_>) -> Outcome {
    let container = trial.start(trial.bundle(|_| ())?)?;
    let groups = || super::cgroups::groups_named(container.bundle.config["linux"]["cgroupsPath"].as_str());
    container.until("stopped")?;
    assert!(!groups().is_empty(), "there was no control group");
    container.verb("delete")?.succeeded()?;
    assert_eq!(groups(), Vec::<std::path::PathBuf>::new());
    is_error("state", &container.verb("state")?)
}

fn again(trial: &Trial<'_>) -> Outcome {
    let container = trial.start(trial.bundle(|_| ())?)?;
    container.until("stopped")?;
    container.verb("delete")?.succeeded()?;
    let ran = Ran::of(trial.runtime(&["run", "--bundle"]).arg(&container.bundle.dir).arg(&container.id))?;
    ran.succeeded().map(drop)
}
