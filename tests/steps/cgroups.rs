//! Lesson 03: control groups.

use std::fs;

use guest::Report;
use guest::load::Loaded;

use super::{Behaviour, Options, Step, since};
use crate::kit::{Lab, Need, Outcome};

const MIB: u64 = 1 << 20;

pub(crate) fn behaviours() -> Vec<Behaviour> {
    vec![
        since(3, "a group of its own, which is the top of what it sees", |lab, step| {
            let (host, guest) = (Report::of_self(), step.report(lab)?);
            assert_ne!(host.namespaces["cgroup"], guest.namespaces["cgroup"]);
            assert_eq!(guest.cgroup.path("pids"), Some("/"));
            Ok(())
        })
        .needs(Need::Cgroups),
        since(3, "more memory than allowed ends in an OOM kill", |lab, step| {
            let options = Options { memory: Some(32 * MIB), ..Options::default() };
            let ran = step.run_with(lab, &options, &["/bin/guest", "attack", "A5", "64"])?.ended_with(0)?;
            assert_eq!(ran.stdout, "BLOCKED(SIGKILL)\n");
            Ok(())
        })
        .needs(Need::Cgroups),
        since(3, "an OOM kill is named as such", |lab, step| {
            let options = Options { memory: Some(32 * MIB), ..Options::default() };
            let ran =
                step.run_with(lab, &options, &["/bin/guest", "load", "memory", "64"])?.ended_with(137)?;
            ran.says(&["killed by the kernel for memory (memory.max)"]).map(drop)
        })
        .until(4)
        .needs(Need::Cgroups),
        since(3, "less memory than allowed is granted", |lab, step| {
            let options = Options { memory: Some(64 * MIB), ..Options::default() };
            let text = step.run_with(lab, &options, &["/bin/guest", "load", "memory", "16"])?.succeeded()?;
            assert_eq!(loaded(&text)?, Loaded { reached: 16, stopped_by: None });
            Ok(())
        })
        .needs(Need::Cgroups),
        since(3, "more processes than allowed end in EAGAIN", |lab, step| {
            let options = Options { pids: Some(16), ..Options::default() };
            let text =
                step.run_with(lab, &options, &["/bin/guest", "load", "processes", "64"])?.succeeded()?;
            let loaded = loaded(&text)?;
            assert_eq!(loaded.stopped_by.as_deref(), Some("EAGAIN"));
            assert!((1..16).contains(&loaded.reached), "{loaded:?}");
            Ok(())
        })
        .needs(Need::Cgroups),
        since(3, "more CPU time than allowed is withheld", |lab, step| {
            let options = Options { cpu_percent: Some(20), ..Options::default() };
            let text = step.run_with(lab, &options, &["/bin/guest", "load", "cpu", "600"])?.succeeded()?;
            // A fifth is 120 ms; a neighbour on the same CPU can only make it less.
            assert!(loaded(&text)?.reached < 400, "{text}");
            Ok(())
        })
        .needs(Need::Cgroups),
        since(3, "the group is gone when the container is", |lab, step| {
            let options = Options { memory: Some(64 * MIB), pids: Some(32), ..Options::default() };
            step.run_with(lab, &options, &["true"])?.ended_with(0)?;
            step.run_with(lab, &options, &["false"])?.ended_with(1)?;
            let leaks = lab.lab().leaks().map_err(|error| error.to_string())?;
            if leaks.is_empty() { Ok(()) } else { Err(leaks.join("; ")) }
        })
        .needs(Need::Cgroups),
        since(3, "refuses a limit that is none", |lab, step| {
            for (flag, value) in [
                ("--memory", "12x"),
                ("--cpus", "0"),
                ("--pids", "0"),
                ("--io", "8:0"),
                ("--cpu-weight", "0"),
            ] {
                lab.run(&step.name(), &["run", flag, value, "true"])?.ended_with(2)?.says(&[flag, value])?;
            }
            Ok(())
        })
        .until(4),
        since(3, "a device of its own may be slowed down", limits_io).until(3).needs(Need::Root),
        since(3, "what the limits ask of the kernel can be read back inside", |lab, step| {
            let options = Options { memory: Some(64 * MIB), pids: Some(32), ..Options::default() };
            let limits = step.report_with(lab, &options)?.cgroup.limits;
            assert_eq!((limits.memory.as_deref(), limits.pids.as_deref()), (Some("67108864"), Some("32")));
            Ok(())
        })
        .needs(Need::Cgroups)
        .not_before(4),
    ]
}

fn loaded(text: &str) -> Result<Loaded, String> {
    serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))
}

/// The limit is written for a loop device of the lab's; that it throttles is the kernel's own test.
fn limits_io(lab: &Lab, step: Step) -> Outcome {
    let disk = lab.lab().disk().map_err(|error| error.to_string())?;
    let number = disk.number().map_err(|error| error.to_string())?;
    let limit = format!("{number} wbps=1048576");
    let ran = lab.run(&step.name(), &["run", "--io", &limit, "true"])?;
    // A hybrid host may have no io controller in any tree: that is said by name.
    let trees = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let unified = fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").unwrap_or_default();
    if trees.contains("blkio") || unified.contains("io") {
        ran.ended_with(0).map(drop)
    } else {
        ran.ended_with(125)?.says(&["find the controller \"io\""]).map(drop)
    }
}
