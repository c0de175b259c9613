//! What lies behind Docker's socket: `docker run` against daemons of its own, under each tracer.
//!
//! The daemons live in a mount and a network namespace of their own, with everything that they write below the
//! case's directory.

use std::fs;
use std::process::{Child, Stdio};

use super::strace::{self, Calls};
use super::{path, signal, status_of, traced, until};
use crate::kit::{Lab, Outcome};

const UP: &str = "
set -e
ip link set lo up
mount --make-rshared /
containerd -c $DIR/config.toml > $DIR/containerd.log 2>&1 &
echo $! > $DIR/containerd.pid
while [ ! -S $DIR/containerd.sock ]; do sleep 0.1; done
exec dockerd --config-file $DIR/daemon.json > $DIR/dockerd.log 2>&1";

/// The two daemons.
struct Daemons {
    containerd: String,
    dockerd: Child,
    host: String,
    parent: String,
}

impl Daemons {
    fn start(lab: &Lab) -> Result<Self, String> {
        let dir = path(&lab.dir());
        // The group's name is one that the lab looks for.
        let parent = format!("{}{}.docker", kit::scratch::PREFIX, lab.lab().name());
        let containerd = format!(
            "version = 2\nroot = '{dir}/root'\nstate = '{dir}/state'\n\
             disabled_plugins = ['io.containerd.grpc.v1.cri']\n[grpc]\naddress = '{dir}/containerd.sock'\n"
        );
        let dockerd = serde_json::json!({
            "data-root": format!("{dir}/data"), "exec-root": format!("{dir}/exec"), "pidfile": format!("{dir}/docker.pid"),
            "hosts": [format!("unix://{dir}/docker.sock")], "containerd": format!("{dir}/containerd.sock"),
            "bip": "172.30.78.1/24", "exec-opts": ["native.cgroupdriver=cgroupfs"], "cgroup-parent": format!("/{parent}"),
        });
        let write =
            |file: &str, text: &str| fs::write(lab.dir().join(file), text).map_err(|error| error.to_string());
        write("config.toml", &containerd)?;
        write("daemon.json", &dockerd.to_string())?;
        let mut command = lab.command("unshare");
        command.args(["-n", "-m", "--propagation", "private", "sh", "-c", UP]).env("DIR", &dir);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let host = format!("unix://{dir}/docker.sock");
        let mut daemons = Self {
            containerd: String::new(),
            dockerd: child.map_err(|error| error.to_string())?,
            host,
            parent,
        };
        until("dockerd answers", || daemons.docker(lab, &["version"]).is_ok())?;
        let pid = fs::read_to_string(lab.dir().join("containerd.pid")).map_err(|error| error.to_string())?;
        pid.trim().clone_into(&mut daemons.containerd);
        Ok(daemons)
    }

    fn docker(&self, lab: &Lab, words: &[&str]) -> Result<String, String> {
        lab.run("docker", &[&["--host", &self.host], words].concat())?.succeeded()
    }

    fn pids(&self) -> [String; 2] {
        [self.containerd.clone(), self.dockerd.id().to_string()]
    }
}

impl Drop for Daemons {
    /// In the order in which they let go of what they have mounted; the lab ends who is left.
    fn drop(&mut self) {
        let _ = signal(self.dockerd.id(), "TERM");
        let _ = self.dockerd.wait();
        if let Ok(pid) = self.containerd.parse() {
            let _ = signal(pid, "TERM");
            let _ = until("containerd is gone", || {
                status_of(&self.containerd, "State").is_none_or(|state| state.starts_with('Z'))
            });
        }
        let trees = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
        trees.for_each(|tree| drop(fs::remove_dir(tree.path().join(&self.parent))));
    }
}

pub(super) fn sees_all(lab: &Lab) -> Outcome {
    let root = path(&lab.dir().join("rootfs"));
    lab.run("step-04", &["rootfs", &root])?.succeeded()?;
    let image = path(&lab.dir().join("image.tar"));
    lab.run("tar", &["-C", &root, "-cf", &image, "."])?.succeeded()?;
    let daemons = Daemons::start(lab)?;
    daemons.docker(lab, &["import", &image, "image"])?;
    let run = [
        "docker",
        "--host",
        &daemons.host,
        "run",
        "--rm",
        "--network",
        "none",
        "image",
        "/bin/guest",
        "report",
    ];
    // The first run makes directories that the others find.
    lab.run(run[0], &run[1..])?.succeeded()?;

    let pids = daemons.pids();
    let (document, ran) = traced(lab, &["--pid", &pids[0], "--pid", &pids[1]], &run)?;
    ran.succeeded()?;
    let theirs = under_strace(lab, &pids, &run)?;
    assert!(theirs.total() > 100, "strace saw too little to compare with: {theirs:?}");
    Calls::of_trace(&document).same_as(&theirs)?;

    // The lesson of it: the client makes threads and talks to a socket, and the daemons' descendant is the container.
    let by = |process: u64| super::calls(&document).filter(move |call| call["process"] == process);
    let names: std::collections::BTreeSet<_> = by(1).filter_map(|call| call["name"].as_str()).collect();
    assert_eq!(names, ["connect", "execve"].into());
    let pivot = super::calls(&document).find(|call| call["name"] == "pivot_root").ok_or("nobody pivots")?;
    assert!(pivot["process"].as_u64() > Some(3), "neither the client nor a daemon: {pivot}");
    lab.run(run[0], &run[1..])?.succeeded().map(drop)
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
