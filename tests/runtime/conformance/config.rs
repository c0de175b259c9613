//! `config.md`: the version, the root, names, and what is done about values that nobody knows.

use serde_json::json;

use super::bundle::remove;
use super::trial::Trial;
use super::{Clause, Must, clause};
use crate::kit::Outcome;

pub(super) const CLAUSES: &[Clause] = &[
    clause("config.md, Specification version", Must, "a version that is none is an error", no_version),
    clause("config.md, Root", Must, "a root that is not there is an error", no_root),
    clause("config.md, Root", Must, "a root without `readonly` can be written to", root_writable),
    clause("config.md, Root", Must, "a read-only root cannot be written to", root_read_only),
    clause("config.md, Hostname", Must, "the container has this host name", hostname),
    clause("config.md, Hostname", Must, "a host name without a uts namespace is an error", hostname_of_host),
    clause("config.md, Extensibility", Must, "an unknown property is no error", unknown_property),
    clause("config.md, Valid values", Must, "a value of the wrong type is an error", wrong_type),
    clause("config.md, Valid values", Must, "an unknown value is an error", unknown_value),
];

fn no_version(trial: &Trial<'_>) -> Outcome {
    trial.refuses(|config| config["ociVersion"] = json!("of today"))
}

fn no_root(trial: &Trial<'_>) -> Outcome {
    trial.refuses(|config| config["root"]["path"] = json!("not-there"))
}

fn root_writable(trial: &Trial<'_>) -> Outcome {
    let seen = trial.see("echo new > /written && cat /written && rm /written", |_| ())?;
    assert_eq!(seen, "new");
    Ok(())
}

fn root_read_only(trial: &Trial<'_>) -> Outcome {
    let script = "touch /written 2>/dev/null && echo written; touch /dev/shm/written && echo elsewhere; true";
    let seen = trial.see(script, |config| config["root"]["readonly"] = json!(true))?;
    assert_eq!(seen, "elsewhere");
    assert!(!trial.root().join("written").exists());
    Ok(())
}

fn hostname(trial: &Trial<'_>) -> Outcome {
    let seen = trial.see("hostname", |config| config["hostname"] = json!("a-name-of-its-own"))?;
    assert_eq!(seen, "a-name-of-its-own");
    Ok(())
}

fn hostname_of_host(trial: &Trial<'_>) -> Outcome {
    trial.refuses(|config| remove(config, "/linux/namespaces", |namespace| namespace["type"] == "uts"))
}

fn unknown_property(trial: &Trial<'_>) -> Outcome {
    let seen = trial.see("echo it ran", |config| {
        config["org.example.unknown"] = json!({"depth": [1, 2]});
        config["process"]["unknown"] = json!(true);
        config["linux"]["unknown"] = json!("text");
    })?;
    assert_eq!(seen, "it ran");
    Ok(())
}

fn wrong_type(trial: &Trial<'_>) -> Outcome {
    trial.refuses(|config| config["process"]["cwd"] = json!(7))
}

fn unknown_value(trial: &Trial<'_>) -> Outcome {
    trial.refuses(|config| super::bundle::push(config, "/linux/namespaces", json!({"type": "weather"})))
}
