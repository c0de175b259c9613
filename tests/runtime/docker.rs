//! The real daemon, with this runtime as one of its own. The same commands under runc tell a fault of the runtime's from one of
//! the test's.

use std::fs;

use serde_json::json;

use super::said;
use crate::kit::docker::{Machine, NEEDS, Setup};
use crate::kit::{Case, Lab, Outcome, Ran, case};

pub(crate) fn cases() -> Vec<Case> {
    vec![case("runtime docker: the daemon runs containers with it as it does with runc", &NEEDS, daemon)]
}

/// The daemon, and the lab that it is in.
struct Daemon<'a> {
    machine: Machine,
    lab: &'a Lab,
}

impl Daemon<'_> {
    fn docker(&self, words: &[&str]) -> Result<Ran, String> {
        self.machine.run(self.lab, &[&["docker"][..], words].concat())
    }
}

fn daemon(lab: &Lab) -> Outcome {
    // The daemon executes it by its path, and from a mount namespace of its own.
    let runtime = lab.lab().bin().join("dive-runtime");
    fs::copy(lab.bin("dive-runtime"), &runtime).map_err(said)?;
    let settings = json!({"bip": "10.199.0.1/24", "runtimes": {"dive": {"path": runtime}}});
    let setup = Setup { daemon: settings.as_object().cloned().unwrap_or_default(), ..Setup::default() };
    let machine = Machine::boot(lab, &setup)?;
    machine.is_up(lab)?;
    let daemon = Daemon { machine, lab };
    for runtime in ["runc", "dive"] {
        containers(&daemon, runtime).map_err(|error| format!("under {runtime}: {error}"))?;
    }
    Ok(())
}

fn containers(daemon: &Daemon<'_>, runtime: &str) -> Outcome {
    let run = |options: &[&str], words: &[&str]| {
        let begin = ["run", "--rm", "--runtime", runtime];
        daemon.docker(&[&begin[..], options, &["busybox"], words].concat())
    };
    run(&[], &["true"])?.succeeded()?;
    run(&[], &["sh", "-c", "exit 7"])?.ended_with(7)?;
    run(&[], &["no-such-program"])?.ended_with(127)?.says(&["executable file not found in $PATH"])?;
    run(&[], &["/etc/passwd"])?.ended_with(126)?.says(&["permission denied"])?;
    // The network comes by the prestart hook; the filter is the daemon's own.
    let seen =
        run(&[], &["sh", "-c", "ip addr show eth0 | grep -c 10.199; grep Seccomp: /proc/self/status"])?;
    assert_eq!(seen.succeeded()?, "1\nSeccomp:\t2\n");
    let options = [
        "--user",
        "1000:1000",
        "--workdir",
        "/made",
        "--read-only",
        "--tmpfs",
        "/scratch",
        "--cap-drop",
        "ALL",
    ];
    let script = "id -u; pwd; touch /x 2>/dev/null || echo read-only; touch /scratch/x && echo scratch; grep CapBnd /proc/self/status";
    let seen = run(&options, &["sh", "-c", script])?.succeeded()?;
    assert_eq!(seen, "1000\n/made\nread-only\nscratch\nCapBnd:\t0000000000000000\n");
    let options =
        ["--memory", "32m", "--pids-limit", "20", "--hostname", "name", "--ulimit", "nofile=99:100"];
    let script = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids/pids.max \
        /sys/fs/cgroup/pids.max 2>/dev/null; hostname; ulimit -n";
    assert_eq!(run(&options, &["sh", "-c", script])?.succeeded()?, "33554432\n20\nname\n99\n");
    let volume = daemon.lab.dir().join("volume");
    fs::create_dir_all(&volume).map_err(said)?;
    let bind = format!("{}:/volume", volume.display());
    run(&["--volume", &bind], &["sh", "-c", "echo inside > /volume/file"])?.succeeded()?;
    assert_eq!(fs::read_to_string(volume.join("file")).map_err(said)?, "inside\n");
    goes_on(daemon, runtime)
}

/// One that is left to itself: exec, logs, stop.
fn goes_on(daemon: &Daemon<'_>, runtime: &str) -> Outcome {
    let script = "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done";
    let words = ["run", "--detach", "--name", "one", "--runtime", runtime, "busybox", "sh", "-c", script];
    daemon.docker(&words)?.succeeded()?;
    let seen = daemon.docker(&[
        "exec",
        "--user",
        "5:6",
        "--env",
        "A=b",
        "one",
        "sh",
        "-c",
        "id -u; echo $A; exit 0",
    ])?;
    assert_eq!(seen.succeeded()?, "5\nb\n");
    daemon.docker(&["exec", "one", "sh", "-c", "exit 9"])?.ended_with(9)?;
    assert_eq!(daemon.docker(&["logs", "one"])?.succeeded()?, "up\n");
    daemon.docker(&["stop", "--time", "10", "one"])?.succeeded()?;
    let code = daemon.docker(&["inspect", "--format", "{{.State.ExitCode}}", "one"])?.succeeded()?;
    assert_eq!(code, "5\n");
    daemon.docker(&["rm", "one"])?.succeeded().map(drop)
}
