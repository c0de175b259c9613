//! The real daemon, with this runtime as one of its own.
//!
//! It runs in a network and a mount namespace of its own, with all its directories in the lab: nothing of the host's daemon, if
//! there is one, is touched. The same commands under runc tell a fault of the runtime's from one of the test's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use super::said;
use crate::kit::{Case, Lab, Need, Outcome, Ran, case};

pub(crate) fn cases() -> Vec<Case> {
    let needs = [
        Need::Root,
        Need::Cgroups,
        Need::Program("dockerd"),
        Need::Program("containerd"),
        Need::Program("docker"),
    ];
    vec![case("runtime docker: the daemon runs containers with it as it does with runc", &needs, daemon)]
}

/// A daemon, which ends with this value.
struct Daemon {
    process: Child,
    dir: PathBuf,
}

impl Daemon {
    fn start(lab: &Lab, runtime: &Path) -> Result<Self, String> {
        let dir = lab.dir().join("docker");
        fs::create_dir(&dir).map_err(said)?;
        let at = |name: &str| dir.join(name);
        let config = json!({
            "data-root": at("data"), "exec-root": at("exec"), "pidfile": at("docker.pid"),
            "hosts": [format!("unix://{}", at("docker.sock").display())], "containerd": at("containerd.sock"),
            "storage-driver": "vfs", "bip": "10.199.0.1/24", "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "runtimes": { "dive": { "path": runtime } },
        });
        fs::write(at("daemon.json"), config.to_string()).map_err(said)?;
        let there = dir.display();
        let containerd = format!(
            "version = 2\nroot = \"{there}/containerd-root\"\nstate = \"{there}/containerd-state\"\n\
            disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\n  address = \"{there}/containerd.sock\"\n"
        );
        fs::write(at("containerd.toml"), containerd).map_err(said)?;
        // Both end with the shell: whatever the test does, nobody is left.
        let script = "ip link set lo up; mount --make-rshared /
            containerd -c containerd.toml > containerd.log 2>&1 & containerd=$!
            dockerd --config-file daemon.json > dockerd.log 2>&1 & dockerd=$!
            trap 'kill $dockerd; wait $dockerd; kill $containerd; wait $containerd; exit 0' TERM
            wait $dockerd; kill $containerd; wait $containerd";
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "--propagation", "private", "sh", "-c", script]).current_dir(&dir);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let daemon = Self { process: command.spawn().map_err(said)?, dir };
        let begin = Instant::now();
        while daemon.docker(&["version"])?.status != 0 {
            if begin.elapsed() > Duration::from_secs(60) {
                return Err(fs::read_to_string(daemon.dir.join("dockerd.log")).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(daemon)
    }

    fn docker(&self, words: &[&str]) -> Result<Ran, String> {
        let mut command = Command::new("docker");
        command.env("DOCKER_HOST", format!("unix://{}", self.dir.join("docker.sock").display()));
        // No configuration of whoever runs the tests.
        command.env("DOCKER_CONFIG", &self.dir).args(words);
        Ran::of(&mut command)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.process.id().cast_signed()), Signal::SIGTERM);
        let _ = self.process.wait();
    }
}

fn daemon(lab: &Lab) -> Outcome {
    let root = lab.dir().join("image");
    let path = root.display().to_string();
    lab.run("step-05", &["rootfs", &path])?.succeeded()?;
    // The daemon executes it by its path, and from a mount namespace of its own.
    let runtime = lab.lab().bin().join("dive-runtime");
    fs::copy(lab.bin("dive-runtime"), &runtime).map_err(said)?;
    let daemon = Daemon::start(lab, &runtime)?;
    let archive = lab.dir().join("image.tar");
    let archive = archive.to_str().ok_or("a path")?;
    lab.run("tar", &["-C", &path, "-cf", archive, "."])?.succeeded()?;
    daemon.docker(&["import", archive, "image"])?.succeeded()?;
    for runtime in ["runc", "dive"] {
        containers(&daemon, runtime).map_err(|error| format!("under {runtime}: {error}"))?;
    }
    drop(daemon);
    lab.lab().settle();
    Ok(())
}

fn containers(daemon: &Daemon, runtime: &str) -> Outcome {
    let run = |options: &[&str], words: &[&str]| {
        let begin = ["run", "--rm", "--runtime", runtime];
        daemon.docker(&[&begin[..], options, &["image"], words].concat())
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
    let volume = daemon.dir.join("volume");
    fs::create_dir_all(&volume).map_err(said)?;
    let bind = format!("{}:/volume", volume.display());
    run(&["--volume", &bind], &["sh", "-c", "echo inside > /volume/file"])?.succeeded()?;
    assert_eq!(fs::read_to_string(volume.join("file")).map_err(said)?, "inside\n");
    goes_on(daemon, runtime)
}

/// One that is left to itself: exec, logs, stop.
fn goes_on(daemon: &Daemon, runtime: &str) -> Outcome {
    let script = "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done";
    let words = ["run", "--detach", "--name", "one", "--runtime", runtime, "image", "sh", "-c", script];
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
