//! Lists of namespaces, and the calls that they become.

use std::process::ExitCode;

use serde_json::{Value, json};

mod plan;

fn main() -> ExitCode {
    kit::start();
    let mixed = std::env::args().nth(1).is_some_and(|word| word == "mixed");
    let lists = if mixed { mixed_lists() } else { new_lists() };
    kit::finish(lists.iter().try_for_each(|(what, list)| told(what, list)).map(|()| 0))
}

fn new_lists() -> Vec<(&'static str, Value)> {
    let kinds = |kinds: &[&str]| kinds.iter().map(|kind| json!({ "type": kind })).collect::<Value>();
    vec![
        ("pid ipc uts user", kinds(&["pid", "ipc", "uts", "user"])),
        ("network mount", kinds(&["network", "mount"])),
        ("mount cgroup", kinds(&["mount", "cgroup"])),
        ("nothing", json!([])),
        ("the sixth is net", kinds(&["pid", "ipc", "uts", "user", "mount", "net"])),
    ]
}

fn mixed_lists() -> Vec<(&'static str, Value)> {
    let pod = json!([
        { "type": "network", "path": "/proc/7/ns/net" },
        { "type": "mount" },
        { "type": "ipc", "path": "/proc/7/ns/ipc" },
        { "type": "pid" },
    ]);
    vec![
        ("a pod's second container", pod),
        ("all of it joined", json!([{ "type": "uts", "path": "/run/netns/blue" }])),
        ("the path is 7", json!([{ "type": "mount" }, { "type": "uts", "path": 7 }])),
    ]
}

fn told(what: &str, list: &Value) -> kit::Result<()> {
    let list = list.as_array().map_or(&[][..], Vec::as_slice);
    match plan::plan(list) {
        Ok(plan) => {
            println!("{what}, clone: {}", step_02::names(plan.clone));
            for (kind, path) in &plan.join {
                println!("{what}, join: {} {}", step_02::names(*kind), path.display());
            }
            println!("{what}, unshare: {}", step_02::names(plan.unshare));
        }
        Err(error) if error.doing() == "config.json" => println!("{what}, refused: {}", error.subject()),
        Err(error) => return Err(error),
    }
    Ok(())
}
