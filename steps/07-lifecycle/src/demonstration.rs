//! The demonstration of step 07: a container's life, command by command, and what is left where `create` is killed.

use anstream::eprintln;
use clap::ValueEnum;
use guest::Report;
use kit::demo::{self, Capture, Story};
use kit::{Doing, Result};
use nix::sys::prctl;
use serde_json::json;
use step_07::hooks::MOMENTS;

use crate::create::Milestone;
use crate::stage::{Stage, executed_from};

type Pairs = Vec<(String, String)>;

pub(crate) fn demonstrate() -> Result<u8> {
    // Whose parent is gone falls to us, and its status with it.
    prctl::set_child_subreaper(true).doing("prctl(2) PR_SET_CHILD_SUBREAPER", "")?;
    let mut stage = Stage::build()?;
    let mut seen = Capture::new()?;
    let bundle = stage.bundle("report", |config| config["process"]["args"] = json!(demo::REPORT))?;
    let status = stage.command(&["run", "--bundle", &bundle], Some(seen.writer()?))?;
    if status == kit::error::FAILED {
        // This kernel forbids it: the command has said so, with the call and the remedy.
        eprintln!("{}", stage.heard.all()?);
        return Ok(status);
    }
    let report: Report = seen.parsed()?;

    let mut shown = life(&mut stage)?;
    shown.extend(killed(&mut stage)?);
    shown.push(("executed from".into(), executed_from()?.into()));
    demo::tell(&Story {
        title: ("07", "a life of its own, in small commands"),
        done: &[
            ("create", "writes down what it will make; then makes it, all but the program, and ends"),
            ("start", "opens a FIFO for reading, and init wakes, which opens it for writing; then execve(2)"),
            ("state", "asks the kernel: does the process live, does it hold the lock that execve(2) takes?"),
            ("exec", "goes in by a pidfd, and into the container's group, with one more program"),
            ("kill", "signals by a pidfd, if the pid still belongs to who began at the time written down"),
            ("delete", "undoes what was written down, however far it came, and looks whether it is gone"),
        ],
        lent: &[],
        guest: &report,
        shown: &shown,
        hole: &[
            ("A7", "write to this program from inside: cargo dive attack 07 tries it, on a copy".into()),
            ("next", "lesson 08 pulls images: this root was put together from the host".into()),
        ],
        status,
    });
    Ok(status)
}

/// From nothing to nothing, with a look at the directory and the kernel after each command.
fn life(stage: &mut Stage) -> Result<Pairs> {
    let hook = |moment: &str| {
        let script = "echo \"hook $0 $(readlink /proc/self/ns/mnt)\"";
        json!([{ "path": "/bin/sh", "args": ["sh", "-c", script, moment], "env": ["PATH=/usr/bin:/bin"] }])
    };
    let bundle = stage.bundle("life", |config| {
        config["process"]["args"] = json!(["sh", "-c", "readlink /proc/self/fd/0; exec sleep 60"]);
        config["process"]["terminal"] = json!(true);
        config["hooks"] =
            MOMENTS.iter().map(|moment| (moment.to_string(), hook(&moment.to_string()))).collect();
    })?;
    let mut shown = Pairs::new();
    let console = stage.console()?;
    stage.succeed(&["create", "--bundle", &bundle, "--console-socket", &stage.socket(), "life"])?;
    shown.push(("create".into(), stage.look("life")?));
    shown.push(("  its hooks".into(), stage.heard.hooks(&[])?));
    stage.succeed(&["start", "life"])?;
    shown.push(("start".into(), stage.look("life")?));
    let said = stage.terminal(&console, 2)?;
    shown.push(("  its hooks".into(), stage.heard.hooks(&said)?));
    let terminal = said.last().map_or("none", |line| line.trim_end());
    shown.push(("  its terminal".into(), format!("{terminal} inside; the other end was sent to this step")));
    let status = stage.command(&["exec", "life", "sh", "-c", "exit 7"], None)?;
    shown.push(("exec".into(), format!("{}; its own exit status is {status}", stage.look("life")?)));
    stage.succeed(&["kill", "life", "KILL"])?;
    let status = stage.orphan("life")?;
    shown.push((
        "kill KILL".into(),
        format!("{}; exit status {status} came to this step", stage.look("life")?),
    ));
    stage.succeed(&["delete", "life"])?;
    shown.push(("delete".into(), stage.look("life")?));
    shown.push(("  its hooks".into(), stage.heard.hooks(&[])?));
    Ok(shown)
}

/// What a `create` leaves that is killed, and what becomes of it.
fn killed(stage: &mut Stage) -> Result<Pairs> {
    let bundle = stage.bundle("killed", |config| config["process"]["args"] = json!(["sleep", "60"]))?;
    let mut shown = Pairs::new();
    for milestone in Milestone::value_variants() {
        let name = milestone.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        stage.command(&["create", "--bundle", &bundle, "--killed-at", &name, "killed"], None)?;
        stage.settle("killed")?;
        let left = stage.look("killed")?;
        stage.succeed(&["delete", "--force", "killed"])?;
        shown.push((
            format!("killed when {name}"),
            format!("{left}; delete --force: {}", stage.look("killed")?),
        ));
    }
    Ok(shown)
}
