//! Configurations, one change each, and the field that is blamed.

use std::process::ExitCode;

use serde_json::{Value, json};

mod checked;

fn main() -> ExitCode {
    kit::start();
    let meaning = std::env::args().nth(1).is_some_and(|word| word == "meaning");
    let outcome = if meaning { told(&meanings()) } else { told(&shapes()) };
    kit::finish(outcome.map(|()| 0))
}

/// What is changed: a pointer, and the value that comes there; `Null` takes the field away.
type Change = (&'static str, &'static str, Value);

fn shapes() -> Vec<Change> {
    vec![
        ("no change", "", Value::Null),
        ("no root", "/root", Value::Null),
        ("root.path is 7", "/root/path", json!(7)),
        ("no cwd", "/process/cwd", Value::Null),
        ("args is a text", "/process/args", json!("sh -c true")),
        ("args holds a number", "/process/args", json!(["sleep", 1])),
        ("a namespace without type", "/linux/namespaces/1", json!({ "path": "/proc/1/ns/uts" })),
        ("hostname is a list", "/hostname", json!(["a"])),
    ]
}

fn meanings() -> Vec<Change> {
    let kinds = |kinds: &[&str]| kinds.iter().map(|kind| json!({ "type": kind })).collect::<Value>();
    vec![
        ("args is empty", "/process/args", json!([])),
        ("args holds a NUL byte", "/process/args", json!(["cat", "-n", "/etc/host\0s"])),
        ("cwd is relative", "/process/cwd", json!("tmp")),
        ("cwd is empty", "/process/cwd", json!("")),
        ("pid stands twice", "/linux/namespaces", kinds(&["pid", "uts", "mount", "pid"])),
        ("a hostname without uts", "/linux/namespaces", kinds(&["pid", "mount"])),
        ("neither hostname nor uts", "neither", Value::Null),
    ]
}

/// An error of the module's is what we look for; only a stub's ends the program.
fn told(changes: &[Change]) -> kit::Result<()> {
    for (what, pointer, value) in changes {
        let mut config = valid();
        match *pointer {
            "" => {}
            "neither" => {
                config["linux"]["namespaces"] = json!([{ "type": "mount" }]);
                put(&mut config, "/hostname", &Value::Null);
            }
            pointer => put(&mut config, pointer, value),
        }
        match checked::check(&config) {
            Ok(()) => println!("{what}: accepted"),
            Err(error) if error.doing() == "config.json" => println!("{what}: {}", error.subject()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn valid() -> Value {
    json!({
        "root": { "path": "rootfs" },
        "process": { "args": ["sh", "-c", "true"], "cwd": "/" },
        "hostname": "box",
        "linux": { "namespaces": [{ "type": "pid" }, { "type": "uts" }, { "type": "mount" }] },
    })
}

fn put(config: &mut Value, pointer: &str, value: &Value) {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return };
    match config.pointer_mut(parent) {
        Some(Value::Object(object)) if value.is_null() => drop(object.remove(key)),
        Some(Value::Object(object)) => drop(object.insert(key.to_owned(), value.clone())),
        Some(Value::Array(list)) => {
            if let Some(place) = key.parse().ok().and_then(|index: usize| list.get_mut(index)) {
                *place = value.clone();
            }
        }
        _ => {}
    }
}
