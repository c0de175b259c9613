//! Lesson 02: clone3 and the namespaces.

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use guest::Report;
use guest::load::Loaded;
use kit::Tier;

use super::{Behaviour, Options, Step, since};
use crate::kit::{Lab, Need, Outcome, Ran};

pub(crate) fn behaviours() -> Vec<Behaviour> {
    vec![
        since(2, "pid 1", |lab, step| {
            let report = step.report(lab)?;
            assert_eq!((report.pid, report.parent, report.processes), (1, 0, 1));
            Ok(())
        }),
        since(2, "namespaces of its own", |lab, step| {
            let (host, guest) = (Report::of_self(), step.report(lab)?);
            for kind in ["mnt", "uts", "ipc", "pid", "net"] {
                assert_ne!(host.namespaces.get(kind), guest.namespaces.get(kind), "{kind}");
            }
            let own_user = host.namespaces.get("user") != guest.namespaces.get("user");
            assert_eq!(
                own_user,
                Tier::of_self() == Tier::User,
                "a user namespace without privilege, and only then"
            );
            Ok(())
        }),
        since(2, "a hostname of its own, and the host keeps its name", |lab, step| {
            let before = Report::of_self().hostname;
            assert_eq!(step.report(lab)?.hostname, step.name());
            assert_eq!(Report::of_self().hostname, before);
            Ok(())
        }),
        since(2, "a network with nothing but a loopback link that is down", |lab, step| {
            assert_eq!(step.report(lab)?.links, ["lo"]);
            Ok(())
        }),
        since(2, "is root inside, and nobody else outside", |lab, step| {
            let user = step.report(lab)?.user;
            assert_eq!((user.uid, user.gid), (0, 0));
            if Tier::of_self() == Tier::User {
                let own = Report::of_self().user.uid;
                assert_eq!(
                    (user.uid_map[0].inside, user.uid_map[0].outside, user.uid_map[0].count),
                    (0, own, 1)
                );
                assert_eq!(user.setgroups.as_deref(), Some("deny"));
            }
            Ok(())
        }),
        since(2, "a mount inside does not reach the host", |lab, step| {
            let script = "mkdir -p /tmp/m && mount -t tmpfs inside /tmp/m && grep -c ' /tmp/m ' /proc/mounts";
            // Step 05's root is read-only; its /dev is a tmpfs, so the directory goes there.
            let script = if step.0 == 5 { script.replace("/tmp/m", "/dev/m") } else { script.to_owned() };
            assert_eq!(step.run(lab, &["sh", "-c", &script])?.succeeded()?, "1\n");
            let host = fs::read_to_string("/proc/self/mounts").map_err(|error| error.to_string())?;
            assert!(!host.contains("inside"), "{host}");
            Ok(())
        })
        // From then on nothing is mounted inside.
        .until(5),
    ]
    .into_iter()
    .chain(of_step_02())
    .collect()
}

/// What only this step offers; later ones have made up their minds.
fn of_step_02() -> Vec<Behaviour> {
    vec![
        since(2, "orphans stay zombies without an init, and are reaped with --init", |lab, step| {
            for (words, zombies) in [(&[][..], 3), (&["--init"][..], 0)] {
                let words = [&["run"], words, &["/bin/guest", "orphans", "3"]].concat();
                let text = lab.run(&step.name(), &words)?.succeeded()?;
                let left: Loaded = serde_json::from_str(&text).map_err(|error| error.to_string())?;
                assert_eq!(left, Loaded { reached: zombies, stopped_by: None });
            }
            Ok(())
        })
        .until(2),
        since(2, "--init exits as the command did, and passes its error on", |lab, step| {
            lab.run(&step.name(), &["run", "--init", "sh", "-c", "exit 9"])?.ended_with(9)?;
            lab.run(&step.name(), &["run", "--init", "no-such"])?
                .ended_with(127)?
                .says(&["execve(2) \"no-such\": ENOENT"])?;
            Ok(())
        })
        .until(2),
        since(2, "--init outlives an orphan that a real-time signal ends", |lab, step| {
            let script = "(sh -c 'kill -34 $$' &); sleep 0.3; echo alive";
            let ran = lab.run(&step.name(), &["run", "--init", "sh", "-c", script])?.ended_with(0)?;
            assert_eq!(ran.stdout, "alive\n");
            let lost = lab.run(&step.name(), &["run", "--init", "sh", "-c", "kill -34 $$"])?;
            lost.ended_with(255).map(drop)
        })
        .until(2),
        since(2, "only the namespaces that were asked for are new", |lab, step| {
            let words = ["run", "--namespaces", "uts,mnt", "/bin/guest", "report", "--json"];
            let text = lab.run(&step.name(), &words)?.succeeded()?;
            let (host, guest): (_, Report) =
                (Report::of_self(), serde_json::from_str(&text).map_err(|e| e.to_string())?);
            assert_ne!(host.namespaces["uts"], guest.namespaces["uts"]);
            assert_eq!(host.namespaces["net"], guest.namespaces["net"]);
            assert_eq!(host.namespaces["pid"], guest.namespaces["pid"]);
            Ok(())
        })
        .until(2),
        since(2, "refuses a kind of namespace that there is not", |lab, step| {
            let ran = lab.run(&step.name(), &["run", "--namespaces", "pid,mars", "true"])?.ended_with(125)?;
            ran.says(&["\"mars\"", "no such kind"]).map(drop)
        })
        .until(2),
        since(2, "--boottime shifts the clock inside only", shifts_the_clock).until(2),
        since(2, "a cgroup namespace shows the own group as the top", |lab, step| {
            let words =
                ["run", "--namespaces", "pid,mnt,uts,ipc,net,cgroup", "/bin/guest", "report", "--json"];
            let text = lab.run(&step.name(), &words)?.succeeded()?;
            let guest: Report = serde_json::from_str(&text).map_err(|error| error.to_string())?;
            assert_ne!(Report::of_self().namespaces["cgroup"], guest.namespaces["cgroup"]);
            assert!(guest.cgroup.paths.values().all(|path| path == "/"), "{:?}", guest.cgroup.paths);
            Ok(())
        })
        .until(2),
        since(2, "maps a range of ids for root", |lab, step| {
            let maps = ["--uid-map", "0:100000:65536", "--gid-map", "0:200000:65536"];
            let words = [&["run"], &maps[..], &["/bin/guest", "report", "--json"]].concat();
            let text = lab.run(&step.name(), &words)?.succeeded()?;
            let guest: Report = serde_json::from_str(&text).map_err(|error| error.to_string())?;
            let map =
                |ranges: &[guest::report::IdRange]| (ranges[0].inside, ranges[0].outside, ranges[0].count);
            assert_eq!(map(&guest.user.uid_map), (0, 100_000, 65536));
            assert_eq!(map(&guest.user.gid_map), (0, 200_000, 65536));
            assert_eq!(guest.user.setgroups.as_deref(), Some("allow"));
            Ok(())
        })
        .until(2)
        .needs(Need::Root),
        since(2, "refuses a map that is none", |lab, step| {
            let ran = lab.run(&step.name(), &["run", "--uid-map", "0:1", "true"])?.ended_with(2)?;
            ran.says(&["INSIDE:OUTSIDE:COUNT"]).map(drop)
        })
        .until(2),
        since(2, "enter joins the namespaces and the root of a container", joins).until(2),
        since(2, "enter refuses a process that there is not", |lab, step| {
            // The largest pid there can be is one below 2^22 (proc_sys_kernel(5)).
            lab.run(&step.name(), &["enter", "4194304", "true"])?.ended_with(125)?.says(&["ESRCH"]).map(drop)
        })
        .until(2),
    ]
}

fn shifts_the_clock(lab: &Lab, step: Step) -> Outcome {
    let before = Report::of_self().uptime;
    let words = ["run", "--boottime", "86400", "/bin/guest", "report", "--json"];
    let ran = lab.run(&step.name(), &words)?;
    if ran.status == 125 && ran.stderr.contains("CLONE_NEWTIME: EINVAL") {
        // A kernel without time namespaces says so; the lesson passes it on.
        return Ok(());
    }
    let guest: Report = serde_json::from_str(&ran.succeeded()?).map_err(|error| error.to_string())?;
    let ahead = guest.uptime - before;
    assert!((86_400..86_400 + 60).contains(&ahead), "ahead by {ahead} s");
    assert!(Report::of_self().uptime < before + 60);
    Ok(())
}

/// A container that holds still, and the pid of its init as the host knows it.
pub(crate) fn holding(lab: &Lab, step: Step, options: &Options) -> Result<(Child, i32), String> {
    let mut command = step.command(lab, options, &["/bin/guest", "load", "hold"])?;
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().map_err(|error| error.to_string())?;
    let begun = Instant::now();
    let path = format!("/proc/{0}/task/{0}/children", child.id());
    while begun.elapsed() < Duration::from_secs(10) {
        let children = fs::read_to_string(&path).unwrap_or_default();
        let init = children.split_whitespace().next().and_then(|pid| pid.parse().ok());
        // It is the guest, and no longer the step, when its name has changed.
        let name = init.map(|pid: i32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default());
        if let (Some(init), Some("guest")) = (init, name.as_deref().map(str::trim)) {
            return Ok((child, init));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
    Err("the container did not begin within 10 s".into())
}

fn joins(lab: &Lab, step: Step) -> Outcome {
    let (mut child, init) = holding(lab, step, &Options::default())?;
    let joined = lab.run(&step.name(), &["enter", &init.to_string(), "/bin/guest", "report", "--json"]);
    let namespaces =
        |kind: &str| fs::read_link(format!("/proc/{init}/ns/{kind}")).map(|link| link.display().to_string());
    let inside: Result<Vec<_>, _> = ["mnt", "uts", "ipc", "pid", "net"].map(namespaces).into_iter().collect();
    drop(child.stdin.take());
    child.wait().map_err(|error| error.to_string())?;
    let report: Report =
        serde_json::from_str(&joined.and_then(Ran::succeeded)?).map_err(|error| error.to_string())?;
    assert_eq!(report.hostname, step.name());
    assert!(report.root.entries.contains(&"bin".to_owned()) && report.processes == 2, "{report:?}");
    for (kind, link) in
        ["mnt", "uts", "ipc", "pid", "net"].iter().zip(inside.map_err(|error| error.to_string())?)
    {
        assert_eq!(link, format!("{kind}:[{}]", report.namespaces[*kind]));
    }
    Ok(())
}
