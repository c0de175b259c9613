//! Exercise 03.03: where a command stands when it begins, and what is counted of it.

use std::fs;
use std::process::ExitCode;

use kit::demo::Capture;
use kit::{Doing, Result};
use step_00::{Program, birth};
use step_03::limits::Bytes;
use step_03::{Cgroup, Limits};

mod born_inside;

const OWN: &str = "/proc/self/cgroup";

fn main() -> ExitCode {
    kit::start();
    let place = std::env::args().nth(1).is_some_and(|word| word == "place");
    kit::finish(with_group(if place { stand } else { touch }).map(|()| 0))
}

/// The caller is a child of ours: should it go into the group, it ends there, and the group can be removed.
fn with_group(show: fn(&Cgroup) -> Result<()>) -> Result<()> {
    let cgroup = Cgroup::create(&Limits { memory: Some(Bytes(32 << 20)), ..Limits::default() })?;
    let caller = step_00::spawn(|| {
        let before = fs::read_to_string(OWN).doing("read", OWN)?;
        show(&cgroup)?;
        let after = fs::read_to_string(OWN).doing("read", OWN)?;
        println!("the caller: {}", if after == before { "is where it was" } else { "went along" });
        birth::end(0)
    });
    let ended = caller.and_then(step_00::Child::wait);
    cgroup.remove()?;
    ended.map(drop)
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
