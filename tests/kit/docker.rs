//! A small machine of its own: a process 1, a network, a host name, a /run and a /var/lib, all of them new namespaces
//! and mounts, in which containerd and dockerd run as they are installed.
//!
//! So the daemons have their sockets and files where a reader's have them, and none of them is the host's. All ends
//! with its process 1: the kernel kills whoever is left in a pid namespace, and mounts, links and addresses go with the
//! last process. Control groups alone have to be removed.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Lab, Need, Outcome, Ran};

/// What a case needs that starts one.
pub(crate) const NEEDS: [Need; 9] = [
    Need::Root,
    Need::Cgroups,
    Need::Program("docker"),
    Need::Program("dockerd"),
    Need::Program("containerd"),
    Need::Program("runc"),
    Need::Program("iptables"),
    Need::Program("nsenter"),
    Need::Program("tar"),
];

/// What runs as its process 1. The daemons are its children, as they are systemd's elsewhere, and so are orphans: whenever
/// the shell waits for anybody it reaps them. It must not end with the daemons, for all others would end with it.
const BOOT: &str = "
set -e
hostname host
ip link set lo up
mount --make-rshared /
mount -t tmpfs -o mode=755 none /run
mkdir lib
mount --bind lib /var/lib
containerd -c $PWD/config.toml > containerd.log 2>&1 &
while [ ! -S /run/containerd/containerd.sock ]; do sleep 0.05; done
$LAUNCHER dockerd --config-file $PWD/daemon.json > dockerd.log 2>&1 &
wait
tail -f /dev/null
";

/// Where programs are looked for: not in whatever else the tests' own PATH leads to, which is not the distribution's.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// How its dockerd is started: the settings beside those that every machine has, and the program that starts it, if any.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    pub(crate) daemon: serde_json::Map<String, Value>,
    pub(crate) launcher: &'static str,
}

/// The machine.
pub(crate) struct Machine {
    outer: Child,
    init: String,
    group: String,
}

impl Machine {
    /// Starts it, waits for its daemons, and gives them an image by the name of busybox, which no network is needed for.
    pub(crate) fn start(lab: &Lab) -> Result<Self, String> {
        let machine = Self::boot(lab, &Setup::default())?;
        machine.is_up(lab)?;
        Ok(machine)
    }

    /// Starts it, and waits for nothing but its process 1.
    pub(crate) fn boot(lab: &Lab, setup: &Setup) -> Result<Self, String> {
        // The group's name is one that the lab looks for.
        let group = format!("{}{}.docker", kit::scratch::PREFIX, lab.lab().name());
        // A cgroup namespace of its own is the default with version 2. With it the same calls make the container
        // everywhere.
        let mut daemon = serde_json::json!({
            "containerd": "/run/containerd/containerd.sock", "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "cgroup-parent": format!("/{group}"), "default-cgroupns-mode": "private",
        });
        if let Some(object) = daemon.as_object_mut() {
            object.extend(setup.daemon.clone());
        }
        let write =
            |file: &str, text: &str| fs::write(lab.dir().join(file), text).map_err(|error| error.to_string());
        write("config.toml", "version = 2\ndisabled_plugins = ['io.containerd.grpc.v1.cri']\n")?;
        write("daemon.json", &daemon.to_string())?;
        write("boot.sh", BOOT)?;
        let mut command = lab.command("unshare");
        command.args(["-n", "-m", "-u", "-i", "-p", "--fork", "--kill-child", "--mount-proc"]);
        command.args(["--propagation", "private", "sh", "boot.sh"]);
        command.env("PATH", PATH).env("LAUNCHER", setup.launcher);
        let outer = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let outer = outer.map_err(|error| error.to_string())?;
        let mut machine = Self { init: String::new(), outer, group };
        let children = format!("/proc/{0}/task/{0}/children", machine.outer.id());
        until("process 1 of the machine is there", || {
            let found = fs::read_to_string(&children).unwrap_or_default();
            found.trim().clone_into(&mut machine.init);
            !machine.init.is_empty()
        })?;
        Ok(machine)
    }

    /// Waits until dockerd answers, and gives it the image.
    pub(crate) fn is_up(&self, lab: &Lab) -> Outcome {
        let answers = until("dockerd answers", || {
            self.run(lab, &["docker", "version"]).is_ok_and(|ran| ran.status == 0)
        });
        answers.map_err(|error| {
            error + &fs::read_to_string(lab.dir().join("dockerd.log")).unwrap_or_default()
        })?;
        self.import(lab)
    }

    fn import(&self, lab: &Lab) -> Outcome {
        let root = lab.dir().join("rootfs").display().to_string();
        lab.run("step-04", &["rootfs", &root])?.succeeded()?;
        self.run(lab, &["tar", "-C", &root, "-cf", "image.tar", "."])?.succeeded()?;
        self.run(lab, &["docker", "import", "image.tar", "busybox"])?.succeeded().map(drop)
    }

    /// The control group below which its containers are.
    pub(crate) fn group(&self) -> &str {
        &self.group
    }

    /// The words that lead into it, before a command.
    pub(crate) fn door(&self, lab: &Lab) -> Vec<String> {
        let here = format!("--wd={}", lab.dir().display());
        ["nsenter", "-t", &self.init, "-m", "-n", "-u", "-i", "-p", &here, "--"].map(str::to_owned).to_vec()
    }

    /// A command in it. The instruments are in its PATH.
    pub(crate) fn command(&self, lab: &Lab, words: &[&str]) -> Command {
        let door = self.door(lab);
        let mut command = lab.command(&door[0]);
        let path = format!("{}:{PATH}", lab.bin("").display());
        command.args(&door[1..]).args(words).env("PATH", path).env("HOME", lab.dir());
        // A client that is told of another daemon would go there.
        for name in ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "CONTAINER_HOST"]
        {
            command.env_remove(name);
        }
        command
    }

    /// Runs a command in it, to its end.
    pub(crate) fn run(&self, lab: &Lab, words: &[&str]) -> Result<Ran, String> {
        Ran::of(self.command(lab, words).stdin(Stdio::null()))
    }

    /// Runs a line of a shell in it.
    pub(crate) fn shell(&self, lab: &Lab, line: &str) -> Result<Ran, String> {
        self.run(lab, &["sh", "-c", line])
    }

    /// What a terminal would show of a line of a shell in it: both outputs, in their order, whatever became of it.
    pub(crate) fn shows(&self, lab: &Lab, line: &str) -> Result<String, String> {
        self.shell(lab, &format!("exec 2>&1; {line}")).map(|ran| ran.stdout)
    }

    /// Waits until a line of a shell succeeds in it.
    pub(crate) fn until(&self, lab: &Lab, what: &str, line: &str) -> Outcome {
        until(what, || self.shell(lab, line).is_ok_and(|ran| ran.status == 0))
    }

    /// Waits until nobody is a zombie in it: it stands in the list of processes until its parent has reaped it.
    pub(crate) fn settles(&self, lab: &Lab) -> Outcome {
        self.until(lab, "the zombies are gone", "! ps -e -o args | grep -q '[d]efunct'")
    }

    /// Process numbers of its daemons, as the host has them.
    pub(crate) fn daemons(&self) -> Result<[String; 2], String> {
        let children = format!("/proc/{0}/task/{0}/children", self.init);
        let children = fs::read_to_string(children).map_err(|error| error.to_string())?;
        let find = |name: &str| {
            let comm = |pid: &str| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            let found = children.split_whitespace().find(|pid| comm(pid).trim_end() == name);
            found.map(str::to_owned).ok_or_else(|| format!("{name} does not run"))
        };
        Ok([find("containerd")?, find("dockerd")?])
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.outer.kill();
        let _ = self.outer.wait();
        let end = Instant::now() + Duration::from_secs(5);
        let there = || fs::exists(format!("/proc/{}/ns/pid", self.init)).unwrap_or(false);
        while !self.init.is_empty() && there() && Instant::now() < end {
            sleep(Duration::from_millis(5));
        }
        let trees = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
        let tops = trees.map(|tree| tree.path()).chain([Path::new("/sys/fs/cgroup").to_owned()]);
        tops.for_each(|top| remove_groups(&top.join(&self.group)));
    }
}

/// A control group and those below it. Who was in them is dead, and may not have been reaped yet.
fn remove_groups(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_groups(&entry.path());
        }
    }
    let end = Instant::now() + Duration::from_secs(2);
    while fs::remove_dir(group).is_err_and(|error| error.raw_os_error() == Some(libc::EBUSY)) {
        if Instant::now() > end {
            return;
        }
        sleep(Duration::from_millis(5));
    }
}

/// Waits until something holds, for twenty seconds at most.
fn until(what: &str, mut holds: impl FnMut() -> bool) -> Outcome {
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        if holds() {
            return Ok(());
        }
        sleep(Duration::from_millis(20));
    }
    Err(format!("it never came that {what}: "))
}
