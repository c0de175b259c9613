//! The harness proves itself: each thing that it should notice is planted, and must be noticed.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use super::need::{allowed, unmet};
use super::{Case, Lab, Need, Outcome, Ran, case};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("lab: a file that is left is a leak", &[], |lab| {
            fs::write(lab.lab().scratch().join("left"), "").map_err(|error| error.to_string())?;
            noticed(lab, "leaked: file ")?;
            fs::remove_file(lab.lab().scratch().join("left")).map_err(|error| error.to_string())
        }),
        case("lab: a process that is left is a leak, and so is an orphan", &[], |lab| {
            lab.run("sh", &["-c", "sleep 60 <&- >&- 2>&- & exit 0"])?.succeeded()?;
            noticed(lab, "sleep")
        }),
        case("lab: a mount that is left is a leak", &[Need::Root], |lab| {
            let dir = lab.dir().join("planted");
            fs::create_dir(&dir).map_err(|error| error.to_string())?;
            let dir = dir.display().to_string();
            lab.run("mount", &["-t", "tmpfs", "planted", &dir])?.succeeded()?;
            let outcome = noticed(lab, "leaked: mount ");
            lab.run("umount", &[&dir])?.succeeded()?;
            outcome
        }),
        case(
            "lab: a network link that is left is a leak",
            &[Need::Root, Need::Program("ip")],
            link_is_noticed,
        ),
        case("lab: a control group that is left is a leak", &[Need::Root, Need::Cgroups], |lab| {
            let script = "for tree in $(awk '/ - cgroup/ { print $5 }' /proc/self/mountinfo | tail -n 1); do
                mkdir $tree/docker-dive.$DOCKER_DIVE_LAB.planted; done";
            lab.run("sh", &["-c", script])?.succeeded()?;
            noticed(lab, "leaked: cgroup ")
        }),
        case(
            "lab: one that was to outlive its maker is a leak as well",
            &[Need::Root, Need::Cgroups],
            |lab| {
                let script = "mkdir $(awk '/ - cgroup/ { print $5 }' /proc/self/mountinfo | tail -n 1)/container.docker-dive.$DOCKER_DIVE_LAB.planted";
                lab.run("sh", &["-c", script])?.succeeded()?;
                noticed(lab, "leaked: cgroup ")
            },
        ),
        case("lab: nothing that is left is no leak", &[], |lab| match lab.lab().leaks() {
            Ok(leaks) if leaks.is_empty() => Ok(()),
            other => Err(format!("{other:?}")),
        }),
        case("lab: what a killed one left goes with the next", &[], killed),
        case("harness: another release than the one that is needed is a skip", &[], |_| {
            assert_eq!(unmet(&[Need::Version("tar", "tar")]), None, "there is no tar");
            let other = unmet(&[Need::Version("tar", " 0.1.")]);
            assert_eq!(other.as_deref(), Some("needs tar 0.1"));
            assert!(
                unmet(&[Need::Version("no-such-program", "")]).is_some(),
                "what is not there has no version"
            );
            Ok(())
        }),
        case("harness: a skip that is not listed fails", &[], |_| {
            let list = "# a comment\nuser: needs root\n";
            assert!(allowed(list, "user", "needs root"));
            assert!(!allowed(list, "root", "needs root") && !allowed(list, "user", "needs a shovel"));
            Ok(())
        }),
    ]
}

/// `kill -9` leaves a lab no time; the next one finds its directory unlocked. A living one's stays.
fn killed(lab: &Lab) -> Outcome {
    let dir = lab.dir().join("labs");
    fs::create_dir(&dir).map_err(|error| error.to_string())?;
    let labs = || fs::read_dir(&dir).into_iter().flatten().count();
    let run = |script: &str| {
        let mut command = lab.command("dive");
        Ran::of(command.args(["lab", "--", "sh", "-c", script]).env("TMPDIR", &dir))
    };
    run("kill -9 $PPID")?;
    assert_eq!(labs(), 1, "it had no time to clean up");
    let nested =
        format!("TMPDIR={} {} lab -- ls {}", dir.display(), lab.bin("dive").display(), dir.display());
    let next = run(&nested)?.ended_with(0)?.says(&["removed what a killed run left"])?;
    assert_eq!(next.stdout.lines().count(), 2, "two that live, one in the other: {}", next.stdout);
    assert_eq!(labs(), 0);
    Ok(())
}

fn noticed(lab: &Lab, leak: &str) -> Outcome {
    let leaks = lab.lab().leaks().map_err(|error| error.to_string())?;
    if leaks.iter().any(|line| line.contains(leak)) { Ok(()) } else { Err(format!("not noticed: {leaks:?}")) }
}

/// In a network namespace of its own, for a link on the host would be seen by every neighbour: the case goes on
/// in a process of that namespace, as `cargo dive lab` does.
fn link_is_noticed(lab: &Lab) -> Outcome {
    let dive = lab.bin("dive").display().to_string();
    let mut command = Command::new("unshare");
    command.args(["--net", &dive, "lab", "--", "ip", "link", "add", "planted", "type", "bridge"]);
    let ended = command.arg0("unshare").stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&ended.stderr).into_owned();
    if text.contains("leaked: link planted") { Ok(()) } else { Err(format!("not noticed: {text}")) }
}
