//! Exercise 03.03: where a command stands when it begins, and what is counted of it.

use std::fs;
use std::process::ExitCode;

use kit::demo::Capture;
use kit::{Doing, Result};
use step_00::Program;
use step_03::limits::Bytes;
use step_03::{Cgroup, Limits};

mod born_inside;

const OWN: &str = "/proc/self/cgroup";

fn main() -> ExitCode {
    kit::start();
    let place = std::env::args().nth(1).is_some_and(|word| word == "place");
    kit::finish(with_group(if place { stand } else { touch }).map(|()| 0))
}

/// A caller that went into the group would be ended with it, and so is put back first.
fn with_group(show: fn(&Cgroup) -> Result<()>) -> Result<()> {
    let before = fs::read_to_string(OWN).doing("read", OWN)?;
    let cgroup = Cgroup::create(&Limits { memory: Some(Bytes(32 << 20)), ..Limits::default() })?;
    let created = fs::read_to_string(OWN).doing("read", OWN)?;
    let shown = show(&cgroup);
    let after = fs::read_to_string(OWN).doing("read", OWN)?;
    if after != created {
        for group in cgroup.groups() {
            let _ = fs::write(group.hierarchy().own.join("cgroup.procs"), "0");
        }
    }
    cgroup.remove()?;
    shown?;
    // Where a tree is delegated, making the group moves us into a leaf, and removing it moves us back.
    let stayed = after == created && fs::read_to_string(OWN).doing("read", OWN)? == before;
    println!("the caller: {}", if stayed { "is where it was" } else { "went along" });
    Ok(())
}

fn stand(cgroup: &Cgroup) -> Result<()> {
    let mut capture = Capture::new()?;
    let program = Program::new(&["cat", OWN])?.stdout(capture.writer()?);
    let status = born_inside::start_in(cgroup, &program)?;
    let text = capture.text()?;
    let name =
        |group: &step_03::Group| group.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let within = cgroup
        .groups()
        .iter()
        .filter(|group| {
            let end = format!(":{}:", group.hierarchy().options);
            text.lines().any(|line| line.contains(&end) && line.ends_with(&name(group)))
        })
        .count();
    let place = match within {
        0 => "in no tree",
        n if n == cgroup.groups().len() => "in every tree",
        _ => "in some trees, and not in others",
    };
    println!("the command is in the group: {place}");
    println!("its exit status: {status}");
    Ok(())
}

fn touch(cgroup: &Cgroup) -> Result<()> {
    let guest = Program::new(&["guest", "load", "memory", "64"])?.executed_from("/proc/self/exe")?;
    let status = born_inside::start_in(cgroup, &guest)?;
    println!("64 MiB in a group of 32: status {status}, OOM kills {}", cgroup.events().oom_kills);
    Ok(())
}
