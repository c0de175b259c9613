//! Killed anywhere, a command leaves only what `delete --force` finds and removes.

use std::process::Child;
use std::thread::sleep;
use std::time::Duration;

use super::lifecycle::Containers;
use super::{Behaviour, Step, since};
use crate::kit::{Lab, Outcome};

pub(crate) fn behaviours() -> Vec<Behaviour> {
    vec![
        since(7, "create killed at each milestone: delete --force, and nothing is left", |lab, step| {
            let of = Containers::of(lab, step);
            of.bundle(|_| ())?;
            for milestone in ["claimed", "recorded", "limited", "born", "ready", "created"] {
                of.create("c", &["--killed-at", milestone])?.ended_with(137)?;
                assert!(lab.dir().join("state/c").is_dir(), "{milestone}: nothing tells of it");
                of.run(&["delete", "--force", "c"])?.succeeded()?;
                of.nothing_is_left().map_err(|left| format!("{milestone}: {left}"))?;
            }
            Ok(())
        }),
        since(7, "create killed at any moment: delete --force, and nothing is left", |lab, step| {
            let of = Containers::of(lab, step);
            of.bundle(|_| ())?;
            for moment in moments() {
                let create = of.quiet(&["create", "--bundle", &of.path(), "c"]).spawn();
                killed_after(create, moment)?;
                of.run(&["delete", "--force", "c"])?.succeeded()?;
                of.nothing_is_left().map_err(|left| format!("{moment:?}: {left}"))?;
            }
            Ok(())
        }),
        since(7, "start killed at any moment: delete --force, and nothing is left", |lab, step| {
            let of = Containers::of(lab, step);
            of.bundle(|_| ())?;
            for moment in moments().step_by(3) {
                of.create("c", &[])?.succeeded()?;
                killed_after(of.quiet(&["start", "c"]).spawn(), moment)?;
                let status = of.state("c")?["status"].clone();
                assert!(status == "created" || status == "running", "{status}");
                of.run(&["delete", "--force", "c"])?.succeeded()?;
                of.nothing_is_left().map_err(|left| format!("{moment:?}: {left}"))?;
            }
            Ok(())
        }),
        since(7, "delete killed at any moment: once more, and nothing is left", |lab, step| {
            let of = Containers::of(lab, step);
            of.bundle(|_| ())?;
            for moment in moments().step_by(3) {
                of.started("c")?;
                killed_after(of.quiet(&["delete", "--force", "c"]).spawn(), moment)?;
                of.run(&["delete", "--force", "c"])?.succeeded()?;
                of.nothing_is_left().map_err(|left| format!("{moment:?}: {left}"))?;
            }
            Ok(())
        }),
        since(7, "delete --force does not take a container from a creator that lives", creator_lives),
    ]
}

/// A command takes some ten milliseconds. Which call is hit is left to chance.
fn moments() -> impl Iterator<Item = Duration> {
    (0..30).map(|n| Duration::from_micros(n * 1500))
}

fn killed_after(child: std::io::Result<Child>, moment: Duration) -> Outcome {
    let mut child = child.map_err(|error| error.to_string())?;
    sleep(moment);
    child.kill().and_then(|()| child.wait()).map(drop).map_err(|error| error.to_string())
}

/// A hook keeps the creator at work until a file is there.
fn creator_lives(lab: &Lab, step: Step) -> Outcome {
    let of = Containers::of(lab, step);
    let (begun, go) = (lab.dir().join("begun"), lab.dir().join("go"));
    let script = "touch \"$0\"; while [ ! -e \"$1\" ]; do sleep 0.02; done";
    let words = [script.into(), begun.display().to_string(), go.display().to_string()];
    of.bundle(|config| {
        config["hooks"] = serde_json::json!({ "createRuntime": [{ "path": "/bin/sh",
            "args": ["sh", "-c", words[0], words[1], words[2]], "env": ["PATH=/usr/bin:/bin"] }] });
    })?;
    let mut create =
        of.quiet(&["create", "--bundle", &of.path(), "c"]).spawn().map_err(|error| error.to_string())?;
    for _ in 0..500 {
        if begun.exists() {
            break;
        }
        sleep(Duration::from_millis(10));
    }
    assert_eq!(of.state("c")?["status"], "creating");
    of.run(&["delete", "--force", "c"])?.ended_with(125)?.says(&["EBUSY"])?;
    std::fs::write(&go, "").map_err(|error| error.to_string())?;
    let status = create.wait().map_err(|error| error.to_string())?;
    assert!(status.success(), "{status}");
    assert_eq!(of.state("c")?["status"], "created");
    of.run(&["delete", "--force", "c"])?.succeeded()?;
    of.nothing_is_left()
}
