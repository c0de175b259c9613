//! `config.md`, "POSIX-platform Hooks", and the lifecycle of `runtime.md`: when, where, with what, and what failing does.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::trial::Trial;
use super::{Clause, Must, clause};
use crate::kit::Outcome;

pub(super) const CLAUSES: &[Clause] = &[
    clause("runtime.md, Lifecycle", Must, "the hooks run in their order, around the program", order),
    clause("config.md, Hooks", Must, "each hook gets the state, with the status of its moment", states),
    clause("config.md, Hooks", Must, "a hook has its arguments and its environment", arguments),
    clause("config.md, Hooks", Must, "hooks run in the namespaces that they are for", namespaces),
    clause("config.md, Hooks", Must, "a path that is not absolute is an error", relative_path),
    clause("runtime.md, Lifecycle", Must, "a createRuntime hook that fails stops the creation", create_fails),
    clause("runtime.md, Lifecycle", Must, "a startContainer hook that fails stops the program", start_fails),
    clause("runtime.md, Lifecycle", Must, "a poststop hook that fails changes nothing", stop_fails),
    clause("config.md, Hooks", Must, "a hook that takes longer than its timeout is an error", timeout),
];

/// All six, in the order of the lifecycle.
const HOOKS: [&str; 6] =
    ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

/// A log that host and container both write to, and the program of the hooks, which is in both at one path.
struct Log {
    dir: PathBuf,
}

impl Log {
    fn of(trial: &Trial<'_>) -> Result<Self, String> {
        let dir = trial.dir.join(trial.name());
        fs::create_dir(&dir).map_err(|error| error.to_string())?;
        let program = dir.join("hook");
        // The last hook before the program takes its time, so that who does not wait for it is always the first.
        let script = format!(
            "#!/bin/sh\nname=$1\nstate=$(cat)\n[ $name != startContainer ] || sleep 0.3\necho \"$name\" >> {0}/order\necho \"$state\" > {0}/$name.state\n\
             readlink /proc/self/ns/mnt > {0}/$name.mnt\nreadlink /proc/self/ns/uts > {0}/$name.uts\n\
             echo \"$WORD|$HOME\" > {0}/$name.env\n",
            dir.display()
        );
        fs::write(&program, script)
            .and_then(|()| fs::set_permissions(&program, fs::Permissions::from_mode(0o755)))
            .map_err(|error| error.to_string())?;
        Ok(Self { dir })
    }

    /// The hooks, and the mount that shows the log inside at the path that it has outside.
    fn install(&self, config: &mut Value) {
        for name in HOOKS {
            let hook = json!({"path": self.dir.join("hook"), "args": ["hook", name], "env": ["WORD=it", "PATH=/usr/bin:/bin"]});
            config["hooks"][name] = json!([hook]);
        }
        let mount = json!({"destination": self.dir, "source": self.dir, "options": ["bind", "rw"]});
        super::bundle::push(config, "/mounts", mount);
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.dir.join(file)).unwrap_or_default().trim_end().to_owned()
    }
}

fn order(trial: &Trial<'_>) -> Outcome {
    let log = Log::of(trial)?;
    let program = format!("echo program >> {}/order", log.dir.display());
    let container = trial.create(trial.script(&program, |config| log.install(config))?)?;
    assert_eq!(log.read("order"), "prestart\ncreateRuntime\ncreateContainer");
    container.verb("start")?.succeeded()?;
    container.until("stopped")?;
    // Of the program and poststart either may be first: the one is started before, and not ended.
    let after = log.read("order");
    let mut rest: Vec<_> = after.lines().skip(3).collect();
    assert_eq!(rest.first(), Some(&"startContainer"), "{after}");
    rest.sort_unstable();
    assert_eq!(rest, ["poststart", "program", "startContainer"], "{after}");
    container.verb("delete")?.succeeded()?;
    assert_eq!(log.read("order").lines().last(), Some("poststop"));
    Ok(())
}

/// Runs a container to its end with all hooks.
fn ran(trial: &Trial<'_>) -> Result<(Log, String), String> {
    let log = Log::of(trial)?;
    let container = trial.start(trial.bundle(|config| log.install(config))?)?;
    container.until("stopped")?;
    container.verb("delete")?.succeeded()?;
    Ok((log, container.id.clone()))
}

fn states(trial: &Trial<'_>) -> Outcome {
    let (log, id) = ran(trial)?;
    let expected = ["creating", "creating", "creating", "created", "running", "stopped"];
    for (name, status) in HOOKS.iter().zip(expected) {
        let text = log.read(&format!("{name}.state"));
        let state: Value = serde_json::from_str(&text).map_err(|error| format!("{name}: {error}: {text}"))?;
        assert_eq!((&state["id"], &state["status"]), (&json!(id), &json!(status)), "{name}");
        // poststart runs when the program may have ended already, and stopped has no process.
        let pid = state["pid"].as_i64().unwrap_or_default();
        assert!(pid > 0 || *name == "poststop", "{name} has no pid: {text}");
    }
    Ok(())
}

fn arguments(trial: &Trial<'_>) -> Outcome {
    let (log, _) = ran(trial)?;
    for name in HOOKS {
        assert_eq!(log.read(&format!("{name}.env")), "it|", "{name}: WORD, and nothing inherited");
    }
    Ok(())
}

fn namespaces(trial: &Trial<'_>) -> Outcome {
    let (log, _) = ran(trial)?;
    let own = |kind: &str| {
        let link = fs::read_link(format!("/proc/self/ns/{kind}")).map_err(|error| error.to_string())?;
        Ok::<_, String>(link.to_string_lossy().into_owned())
    };
    let (mnt, uts) = (own("mnt")?, own("uts")?);
    for name in ["prestart", "createRuntime", "poststart", "poststop"] {
        assert_eq!(
            (log.read(&format!("{name}.mnt")), log.read(&format!("{name}.uts"))),
            (mnt.clone(), uts.clone()),
            "{name}"
        );
    }
    for name in ["createContainer", "startContainer"] {
        let seen = log.read(&format!("{name}.mnt"));
        assert!(seen.starts_with("mnt:[") && seen != mnt, "{name} ran in the runtime's mounts: {seen:?}");
    }
    Ok(())
}

fn relative_path(trial: &Trial<'_>) -> Outcome {
    trial.refuses(|config| config["hooks"]["prestart"] = json!([{"path": "true"}]))
}

fn create_fails(trial: &Trial<'_>) -> Outcome {
    trial.refuses(|config| config["hooks"]["createRuntime"] = json!([{"path": "/bin/false"}]))
}

fn start_fails(trial: &Trial<'_>) -> Outcome {
    trial.refuses(|config| config["hooks"]["startContainer"] = json!([{"path": "/bin/false"}]))
}

fn stop_fails(trial: &Trial<'_>) -> Outcome {
    let container = trial.start(trial.bundle(|config| {
        config["hooks"]["poststop"] = json!([{"path": "/bin/false"}]);
    })?)?;
    container.until("stopped")?;
    container.verb("delete")?.succeeded()?;
    assert_ne!(container.verb("state")?.status, 0, "it is still there");
    Ok(())
}

fn timeout(trial: &Trial<'_>) -> Outcome {
    trial.refuses(|config| {
        config["hooks"]["createRuntime"] =
            json!([{"path": "/bin/sleep", "args": ["sleep", "60"], "timeout": 1}]);
    })
}
