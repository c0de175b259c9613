//! `config.md`, "Process" and "Linux Process": who runs, where, and with which rights.

use serde_json::{Value, json};

use super::trial::Trial;
use super::{Clause, Must, Should, clause};
use crate::kit::Outcome;

pub(super) const CLAUSES: &[Clause] = &[
    clause("config.md, Process", Must, "a working directory that is not absolute is an error", relative_cwd),
    clause("config.md, Process", Must, "the program runs in the working directory", cwd),
    clause("config.md, Process", Must, "the environment is this one", environment),
    clause("config.md, Process", Must, "no arguments are an error", no_arguments),
    clause("config.md, User", Must, "the program runs as this user, group and groups", user),
    clause("config.md, User", Must, "the mask of new files is this one", umask),
    clause("config.md, POSIX process", Must, "limits are set, soft and hard", limits),
    clause("config.md, POSIX process", Must, "a limit of an unknown type is an error", unknown_limit),
    clause("config.md, POSIX process", Must, "two limits of one type are an error", two_limits),
    clause("config.md, Linux Process", Must, "each set of capabilities is this one", capabilities),
    clause(
        "config.md, Linux Process",
        Should,
        "a capability that nobody knows is no error",
        unknown_capability,
    ),
    clause("config.md, Linux Process", Must, "no_new_privs is set if it is asked for", no_new_privileges),
    clause("config.md, Linux Process", Must, "the score of the OOM killer is this one", oom_score),
    clause(
        "config.md, Linux Process",
        Must,
        "the score of the OOM killer stays if none is given",
        oom_score_stays,
    ),
    clause("config.md, Linux Process", Must, "the I/O priority is this one", io_priority),
    clause("config.md, Linux Process", Must, "the scheduler is this one", scheduler),
];

/// A field of the process's own /proc/self/status.
fn status(trial: &Trial<'_>, field: &str, edit: impl FnOnce(&mut Value)) -> Result<String, String> {
    let seen = trial.see("cat /proc/self/status", edit)?;
    let value =
        seen.lines().find_map(|line| line.strip_prefix(field)).ok_or(format!("no {field} in {seen}"))?;
    Ok(value.trim_start_matches(':').split_whitespace().collect::<Vec<_>>().join(" "))
}

fn relative_cwd(trial: &Trial<'_>) -> Outcome {
    trial.refuses(|config| config["process"]["cwd"] = json!("tmp"))
}

fn cwd(trial: &Trial<'_>) -> Outcome {
    let seen = trial.see("readlink /proc/self/cwd", |config| config["process"]["cwd"] = json!("/dev/shm"))?;
    assert_eq!(seen, "/dev/shm");
    Ok(())
}

fn environment(trial: &Trial<'_>) -> Outcome {
    let seen = trial.see("echo \"$ONE|$TWO|$HIDDEN\"", |config| {
        config["process"]["env"] = json!(["PATH=/bin:/usr/bin", "ONE=1=1", "TWO="]);
    })?;
    assert_eq!(seen, "1=1||");
    Ok(())
}

fn no_arguments(trial: &Trial<'_>) -> Outcome {
    trial.refuses(|config| config["process"]["args"] = json!([]))
}

fn user(trial: &Trial<'_>) -> Outcome {
    let seen = trial.see("cat /proc/self/status", |config| {
        config["process"]["user"] = json!({"uid": 1234, "gid": 2345, "additionalGids": [7, 3456]});
    })?;
    let field = |name: &str| {
        let line = seen.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        (field("Uid:"), field("Gid:"), field("Groups:")),
        ("1234 1234 1234 1234".into(), "2345 2345 2345 2345".into(), "7 3456".into())
    );
    Ok(())
}

fn umask(trial: &Trial<'_>) -> Outcome {
    let seen = status(trial, "Umask", |config| config["process"]["user"]["umask"] = json!(0o027))?;
    assert_eq!(seen, "0027");
    Ok(())
}

fn limits(trial: &Trial<'_>) -> Outcome {
    let seen = trial.see("grep -e 'open files' -e 'core file' /proc/self/limits", |config| {
        config["process"]["rlimits"] = json!([
            {"type": "RLIMIT_NOFILE", "soft": 123, "hard": 234},
            {"type": "RLIMIT_CORE", "soft": 0, "hard": 4096},
        ]);
    })?;
    let words: Vec<_> = seen.split_whitespace().collect();
    for limit in [["0", "4096"], ["123", "234"]] {
        assert!(words.windows(2).any(|pair| pair == limit), "{seen}");
    }
    Ok(())
}

fn unknown_limit(trial: &Trial<'_>) -> Outcome {
    trial.refuses(|config| {
        config["process"]["rlimits"] = json!([{"type": "RLIMIT_WEATHER", "soft": 1, "hard": 1}]);
    })
}

fn two_limits(trial: &Trial<'_>) -> Outcome {
    let limit = json!({"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200});
    trial.refuses(|config| config["process"]["rlimits"] = json!([limit, limit]))
}

fn capabilities(trial: &Trial<'_>) -> Outcome {
    // CHOWN 0, KILL 5, NET_BIND_SERVICE 10, SYS_CHROOT 18.
    let seen = trial.see("grep Cap /proc/self/status", |config| {
        config["process"]["user"] = json!({"uid": 1000, "gid": 1000});
        config["process"]["capabilities"] = json!({
            "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT"],
            "permitted": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
            "inheritable": ["CAP_KILL", "CAP_NET_BIND_SERVICE"],
            "effective": ["CAP_CHOWN", "CAP_KILL"],
            "ambient": ["CAP_NET_BIND_SERVICE"],
        });
    })?;
    let set = |name: &str| {
        let value = seen.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        value.and_then(|value| u64::from_str_radix(value, 16).ok())
    };
    // execve(2) of who is not root leaves the ambient set permitted and effective (capabilities(7)).
    let expected = [
        ("CapBnd:", 1 << 0 | 1 << 5 | 1 << 10 | 1 << 18),
        ("CapInh:", 1 << 5 | 1 << 10),
        ("CapAmb:", 1 << 10),
        ("CapPrm:", 1 << 10),
        ("CapEff:", 1 << 10),
    ];
    for (name, expected) in expected {
        assert_eq!(set(name), Some(expected), "{name} {seen}");
    }
    Ok(())
}

fn unknown_capability(trial: &Trial<'_>) -> Outcome {
    let seen = trial.see("echo it ran", |config| {
        super::bundle::push(config, "/process/capabilities/bounding", json!("CAP_WEATHER"));
    })?;
    assert_eq!(seen, "it ran");
    Ok(())
}

fn no_new_privileges(trial: &Trial<'_>) -> Outcome {
    let asked =
        |on: bool| status(trial, "NoNewPrivs", |config| config["process"]["noNewPrivileges"] = json!(on));
    assert_eq!((asked(true)?, asked(false)?), ("1".into(), "0".into()));
    Ok(())
}

fn oom_score(trial: &Trial<'_>) -> Outcome {
    let seen =
        trial.see("cat /proc/self/oom_score_adj", |config| config["process"]["oomScoreAdj"] = json!(777))?;
    assert_eq!(seen, "777");
    Ok(())
}

fn oom_score_stays(trial: &Trial<'_>) -> Outcome {
    let own = std::fs::read_to_string("/proc/self/oom_score_adj").map_err(|error| error.to_string())?;
    assert_eq!(trial.see("cat /proc/self/oom_score_adj", |_| ())?, own.trim());
    Ok(())
}

/// What a program of the host says of a container's process: there is none inside that would tell.
fn told(trial: &Trial<'_>, program: &str, edit: impl FnOnce(&mut Value)) -> Result<String, String> {
    let container = trial.start(trial.script("echo ready; sleep 60", edit)?)?;
    container.says("ready")?;
    trial.lab.run(program, &["-p", &container.pid()?.to_string()])?.succeeded()
}

fn io_priority(trial: &Trial<'_>) -> Outcome {
    let seen = told(trial, "ionice", |config| {
        config["process"]["ioPriority"] = json!({"class": "IOPRIO_CLASS_BE", "priority": 6});
    })?;
    assert_eq!(seen.trim(), "best-effort: prio 6");
    Ok(())
}

fn scheduler(trial: &Trial<'_>) -> Outcome {
    let seen = told(trial, "chrt", |config| {
        config["process"]["scheduler"] = json!({"policy": "SCHED_BATCH", "nice": 5});
    })?;
    assert!(seen.contains("SCHED_BATCH"), "{seen}");
    Ok(())
}
