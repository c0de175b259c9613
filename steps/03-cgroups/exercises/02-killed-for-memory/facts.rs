//! Exercise 03.02: endings that are told, and one that happens.

use std::fs;
use std::process::ExitCode;

use kit::{Doing, Result};
use nix::sched::CloneFlags;
use step_00::Program;
use step_01::exec;
use step_02::{Clone3, spawn};
use step_03::limits::Bytes;
use step_03::{Cgroup, Limits};

mod ending;

/// What it is, the exit status, the counters.
const TOLD: [(&str, u8, &str); 8] = [
    ("well", 0, "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n"),
    ("killed by a person", 137, "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n"),
    (
        "at the limit, then killed by a person",
        137,
        "low 0\nhigh 0\nmax 12\noom 4\noom_kill 0\noom_group_kill 0\n",
    ),
    ("killed by the kernel", 137, "low 0\nhigh 0\nmax 31\noom 1\noom_kill 1\noom_group_kill 0\n"),
    ("a child was killed", 3, "low 0\nhigh 0\nmax 60\noom 2\noom_kill 2\noom_group_kill 0\n"),
    ("terminated", 143, "low 0\nhigh 0\nmax 60\noom 1\noom_kill 1\noom_group_kill 0\n"),
    ("version 1, killed by the kernel", 137, "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"),
    ("version 1, killed by a person", 137, "oom_kill_disable 1\nunder_oom 0\noom_kill 0\n"),
];

fn main() -> ExitCode {
    kit::start();
    let told = std::env::args().nth(1).is_some_and(|word| word == "told");
    kit::finish(if told { tell() } else { happen() }.map(|()| 0))
}

fn tell() -> Result<()> {
    TOLD.iter().try_for_each(|(what, status, counters)| {
        println!("{what}: {}", ending::ending(*status, counters)?);
        Ok(())
    })
}

/// The group is gone before anything is said.
fn happen() -> Result<()> {
    let cgroup = Cgroup::create(&Limits { memory: Some(Bytes(32 << 20)), ..Limits::default() })?;
    let outcome = killed(&cgroup);
    cgroup.remove()?;
    let (status, counters) = outcome?;
    println!("the exit status: {status}");
    println!("in a group of 32 MiB: {}", ending::ending(status, &counters)?);
    println!(
        "had it been a person: {}",
        ending::ending(status, &counters.replace("oom_kill 1", "oom_kill 0"))?
    );
    Ok(())
}

fn killed(cgroup: &Cgroup) -> Result<(u8, String)> {
    let guest = Program::new(&["guest", "load", "memory", "64"])?.executed_from("/proc/self/exe")?;
    let clone = Clone3 { namespaces: CloneFlags::empty(), cgroup: cgroup.birthplace() };
    let child = spawn(clone, |_| {
        cgroup.enter()?;
        exec(&guest)
    })?;
    let status = child.release_and_wait()?;
    let events = cgroup.file("memory", "memory.events")?;
    let file = if events.exists() { events } else { cgroup.file("memory", "memory.oom_control")? };
    Ok((status, fs::read_to_string(&file).doing("read the cgroup file", &file)?))
}
