//! What lies behind Docker's socket: `docker run` against daemons of its own, under each tracer.

use std::fs;
use std::process::Stdio;

use super::strace::{self, Calls};
use super::{signal, status_of, traced_behind, until};
use crate::kit::docker::Machine;
use crate::kit::{Lab, Outcome};

/// In the host's cgroup namespace: in one of its own runc makes directories in the container's trees as well, which have
/// other paths than those by which a cgroup is told in strace's text.
const RUN: [&str; 10] =
    ["docker", "run", "--rm", "--network", "none", "--cgroupns", "host", "busybox", "/bin/guest", "report"];

pub(super) fn sees_all(lab: &Lab) -> Outcome {
    let machine = Machine::start(lab)?;
    // The first run makes directories that the others find.
    machine.run(lab, &RUN)?.succeeded()?;

    // The daemons are seized by the numbers that the host has for them: the tracer stays outside.
    let pids = machine.daemons()?;
    let door = machine.door(lab);
    let run = [&door.iter().map(String::as_str).collect::<Vec<_>>()[..], &RUN].concat();
    let (document, ran) = traced_behind(lab, &[], &["--pid", &pids[0], "--pid", &pids[1]], &run)?;
    ran.succeeded()?;
    let theirs = under_strace(lab, &pids, &run)?;
    assert!(theirs.total() > 100, "strace saw too little to compare with: {theirs:?}");
    Calls::of_trace(&document).same_as(&theirs)?;

    // The lesson of it: the client makes threads and talks to a socket, and the daemons' descendant is the container.
    let processes = document["processes"].as_array().ok_or("no processes")?;
    let client = processes.iter().find(|process| process["name"] == "docker").ok_or("no client")?;
    let by = super::calls(&document).filter(|call| call["process"] == client["number"]);
    let names: std::collections::BTreeSet<_> = by.filter_map(|call| call["name"].as_str()).collect();
    assert_eq!(names, ["connect", "execve"].into());
    let pivot = super::calls(&document).find(|call| call["name"] == "pivot_root").ok_or("nobody pivots")?;
    let maker = processes.iter().find(|process| process["number"] == pivot["process"]).ok_or("nobody")?;
    assert_eq!(maker["pid_inside"], 1, "neither the client nor a daemon: {maker}");
    machine.run(lab, &RUN)?.succeeded().map(drop)
}

/// strace on the daemons, and a second one on the client.
fn under_strace(lab: &Lab, pids: &[String; 2], run: &[&str]) -> Result<Calls, String> {
    let file = lab.dir().join("daemons.txt");
    let mut command = lab.command("strace");
    command.args(["-f", "-y", "-s", "64", "-e", "signal=none", "-e", &strace::set(), "-o"]).arg(&file);
    command.args(["-p", &pids[0], "-p", &pids[1]]).stdin(Stdio::null()).stderr(Stdio::null());
    let mut daemons = command.spawn().map_err(|error| error.to_string())?;
    for pid in pids {
        until("strace has the daemons", || status_of(pid, "TracerPid").is_some_and(|tracer| tracer != "0"))?;
    }
    let client = strace::run(lab, &[], run);
    signal(daemons.id(), "INT")?;
    daemons.wait().map_err(|error| error.to_string())?;
    let text = fs::read_to_string(&file).map_err(|error| error.to_string())?;
    Ok(client?.and(&Calls::of_strace(&text)))
}
