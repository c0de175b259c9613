//! `config.md`, "Mounts": in their order, at their places, with their options.

use std::fs;

use serde_json::json;

use super::bundle::push;
use super::trial::Trial;
use super::{Clause, Must, Should, clause};
use crate::kit::Outcome;

pub(super) const CLAUSES: &[Clause] = &[
    clause("config.md, Mounts", Must, "mounts are made in the order of the list", order),
    clause("config.md, Mounts", Must, "options are applied", options),
    clause("config.md, Mounts", Must, "a bind mount shows its source, read-only if so asked", bind),
    clause("config.md, Mounts", Must, "a bind mount of a file is a file", bind_file),
    clause("config.md, Mounts", Must, "a source that is relative begins at the bundle", relative_source),
    clause("config.md, Mounts", Must, "a recursive bind mount brings the mounts below", recursive),
    clause("config.md, Mounts", Must, "a source that is not there is an error", no_source),
    clause("config.md, Mounts", Must, "the data of a file system are applied", data),
    clause("config.md, Mounts", Should, "a destination that leads out by a link stays inside", symlinked),
    clause(
        "config-linux.md, Default Filesystems",
        Should,
        "proc, sys, pts and shm are what they should be",
        defaults,
    ),
];

fn order(trial: &Trial<'_>) -> Outcome {
    let seen = trial.see("ls /place; grep -c ' /place ' /proc/self/mountinfo", |config| {
        let first = trial.dir.join("first");
        let second = trial.dir.join("second");
        for (dir, name) in [(&first, "below"), (&second, "above")] {
            let _ = fs::create_dir(dir).and_then(|()| fs::write(dir.join(name), ""));
            push(config, "/mounts", json!({"destination": "/place", "source": dir, "options": ["rbind"]}));
        }
    })?;
    assert_eq!(seen, "above\n2");
    Ok(())
}

fn options(trial: &Trial<'_>) -> Outcome {
    let seen = trial.see("grep ' /place ' /proc/self/mountinfo", |config| {
        let options = json!(["nosuid", "nodev", "noexec", "ro", "noatime"]);
        push(
            config,
            "/mounts",
            json!({"destination": "/place", "type": "tmpfs", "source": "it", "options": options}),
        );
    })?;
    let flags = seen.split(' ').nth(5).unwrap_or_default();
    for flag in ["ro", "nosuid", "nodev", "noexec", "noatime"] {
        assert!(flags.split(',').any(|set| set == flag), "{flag} is not set: {seen}");
    }
    Ok(())
}

fn bind(trial: &Trial<'_>) -> Outcome {
    let source = trial.dir.join("shared");
    fs::create_dir_all(&source)
        .and_then(|()| fs::write(source.join("file"), "of the host"))
        .map_err(|e| e.to_string())?;
    let script = "cat /shared/file; touch /shared/new 2>/dev/null && echo written; true";
    let see = |options| {
        trial.see(script, |config| {
            push(config, "/mounts", json!({"destination": "/shared", "source": source, "options": options}));
        })
    };
    assert_eq!(see(json!(["bind", "ro"]))?, "of the host");
    assert!(!source.join("new").exists());
    assert_eq!(see(json!(["bind", "rw"]))?, "of the hostwritten");
    assert!(source.join("new").exists());
    Ok(())
}

fn bind_file(trial: &Trial<'_>) -> Outcome {
    let source = trial.dir.join("single");
    fs::write(&source, "one file").map_err(|error| error.to_string())?;
    let seen = trial.see("cat /deep/er/single", |config| {
        push(
            config,
            "/mounts",
            json!({"destination": "/deep/er/single", "source": source, "options": ["bind"]}),
        );
    })?;
    assert_eq!(seen, "one file");
    Ok(())
}

fn relative_source(trial: &Trial<'_>) -> Outcome {
    let bundle = trial.script("cat /shared/file", |config| {
        push(config, "/mounts", json!({"destination": "/shared", "source": "beside", "options": ["bind"]}));
    })?;
    let beside = bundle.dir.join("beside");
    fs::create_dir(&beside)
        .and_then(|()| fs::write(beside.join("file"), "of the bundle"))
        .map_err(|e| e.to_string())?;
    assert_eq!(trial.run(&bundle)?.succeeded()?, "of the bundle");
    Ok(())
}

fn recursive(trial: &Trial<'_>) -> Outcome {
    let source = trial.dir.join("tree");
    fs::create_dir_all(source.join("inner")).map_err(|error| error.to_string())?;
    let inner = source.join("inner");
    trial.lab.run("mount", &["-t", "tmpfs", "inner", &inner.to_string_lossy()])?.succeeded()?;
    let outcome = fs::write(inner.join("file"), "").map_err(|error| error.to_string()).and_then(|()| {
        let see = |option| {
            trial.see("ls /tree/inner", |config| {
                push(
                    config,
                    "/mounts",
                    json!({"destination": "/tree", "source": source, "options": [option]}),
                );
            })
        };
        assert_eq!((see("rbind")?.as_str(), see("bind")?.as_str()), ("file", ""));
        Ok(())
    });
    trial.lab.run("umount", &[&inner.to_string_lossy()])?.succeeded()?;
    outcome
}

fn no_source(trial: &Trial<'_>) -> Outcome {
    trial.refuses(|config| {
        push(config, "/mounts", json!({"destination": "/none", "source": "/not/there", "options": ["bind"]}));
    })
}

fn data(trial: &Trial<'_>) -> Outcome {
    let seen = trial.see("stat -c %a /place; grep ' /place ' /proc/self/mountinfo", |config| {
        let options = json!(["mode=1711", "size=128k"]);
        push(
            config,
            "/mounts",
            json!({"destination": "/place", "type": "tmpfs", "source": "it", "options": options}),
        );
    })?;
    assert!(seen.starts_with("1711\n") && seen.contains("size=128k"), "{seen}");
    Ok(())
}

/// The place is a link to a directory of the host's, by a path that exists on both sides: what is mounted must appear inside.
fn symlinked(trial: &Trial<'_>) -> Outcome {
    let outside = trial.dir.join("outside");
    fs::create_dir_all(&outside).map_err(|error| error.to_string())?;
    let link = trial.root().join("leads-out");
    let _ = std::os::unix::fs::symlink(&outside, &link);
    let before = fs::read_to_string("/proc/self/mountinfo").map_err(|error| error.to_string())?;
    let seen = trial.see("touch /leads-out/file && grep -c it-is-here /proc/self/mountinfo", |config| {
        push(
            config,
            "/mounts",
            json!({"destination": "/leads-out", "type": "tmpfs", "source": "it-is-here"}),
        );
    });
    fs::remove_file(&link).map_err(|error| error.to_string())?;
    let after = fs::read_to_string("/proc/self/mountinfo").map_err(|error| error.to_string())?;
    assert_eq!(seen?, "1");
    assert_eq!(before, after);
    assert!(!outside.join("file").exists(), "it was made outside");
    Ok(())
}

fn defaults(trial: &Trial<'_>) -> Outcome {
    let seen = trial.see("cat /proc/self/mountinfo", |_| ())?;
    for (place, kind) in [("/proc", "proc"), ("/sys", "sysfs"), ("/dev/pts", "devpts"), ("/dev/shm", "tmpfs")]
    {
        let line = seen.lines().find(|line| line.split(' ').nth(4) == Some(place));
        let line = line.ok_or_else(|| format!("{place} is no mount: {seen}"))?;
        assert!(line.contains(&format!(" - {kind} ")), "{line}");
    }
    Ok(())
}
