//! Bundles and containers of the runtime's cases: under a name that the lab knows as its own, so that what is left of one is a
//! leak.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kit::Tier;
use serde_json::{Value, json};
use workbook::lab::exit_status;
use workbook::lab::state::cgroup_tops;

use super::{RUNTIME, said};
use crate::kit::{Lab, Ran};

/// A bundle in the lab, and the containers that are made of it.
pub(super) struct Bundle<'a> {
    lab: &'a Lab,
    pub(super) dir: PathBuf,
}

impl<'a> Bundle<'a> {
    /// One with the runtime's own template and a root of the host's programs; without a terminal, and with a command.
    pub(super) fn new(lab: &'a Lab, args: &[&str]) -> Result<Self, String> {
        let bundle = Self { lab, dir: lab.dir().join("bundle") };
        let path = bundle.dir.display().to_string();
        fs::create_dir(&bundle.dir).map_err(said)?;
        lab.run("step-05", &["rootfs", &format!("{path}/rootfs")])?.succeeded()?;
        let rootless = if Tier::of_self() == Tier::Root { &[][..] } else { &["--rootless"][..] };
        lab.run("dive-runtime", &[&["spec", "--bundle", &path], rootless].concat())?.succeeded()?;
        bundle.edit(|config| {
            config["process"]["terminal"] = json!(false);
            config["process"]["args"] = json!(args);
        })?;
        Ok(bundle)
    }

    /// Changes its configuration.
    pub(super) fn edit(&self, change: impl FnOnce(&mut Value)) -> Result<(), String> {
        let path = self.dir.join("config.json");
        let mut config = serde_json::from_str(&fs::read_to_string(&path).map_err(said)?).map_err(said)?;
        change(&mut config);
        fs::write(path, serde_json::to_string(&config).map_err(said)?).map_err(said)
    }

    /// A shell script in place of its command.
    pub(super) fn script(&self, script: &str) -> Result<(), String> {
        self.edit(|config| config["process"]["args"] = json!(["sh", "-c", script]))
    }

    /// The root file system.
    pub(super) fn root(&self) -> PathBuf {
        self.dir.join("rootfs")
    }

    /// A container's whole name.
    pub(super) fn id(&self, name: &str) -> String {
        format!("docker-dive.{}.{name}", self.lab.lab().name())
    }

    /// Where the runtime keeps its state.
    pub(super) fn store(&self) -> PathBuf {
        self.lab.dir().join("store")
    }

    /// The runtime, with a verb and what follows it; the container's name comes last.
    pub(super) fn command(&self, verb: &[&str], name: &str) -> Command {
        let mut command = match std::env::var(RUNTIME) {
            Ok(other) => self.lab.lab().command(other),
            Err(_) => self.lab.command("dive-runtime"),
        };
        command.current_dir(&self.dir).arg("--root").arg(self.store()).args(verb).arg(self.id(name));
        command
    }

    /// Runs it to its end.
    pub(super) fn call(&self, verb: &[&str], name: &str) -> Result<Ran, String> {
        self.ended(&mut self.command(verb, name))
    }

    /// Waits for a command's end, and not for that of a container which it leaves behind: so its output goes to files, for
    /// a pipe ends only when nobody can write to it any more. A line of the log quotes its message; here it stands as it was.
    pub(super) fn ended(&self, command: &mut Command) -> Result<Ran, String> {
        let [stdout, stderr] = ["stdout", "stderr"].map(|name| self.lab.dir().join(name));
        let file = |path| fs::File::create(path).map_err(said);
        command.stdin(Stdio::null()).stdout(file(&stdout)?).stderr(file(&stderr)?);
        let status = command.status().map_err(said)?;
        let text =
            |path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).map_err(said);
        Ok(Ran {
            status: exit_status(status).into(),
            stdout: text(&stdout)?,
            stderr: text(&stderr)?.replace("\\\"", "\""),
        })
    }

    /// What a container says.
    pub(super) fn run(&self) -> Result<String, String> {
        self.call(&["run"], "c")?.succeeded()
    }

    /// What the runtime tells of a container, and `None` if there is none.
    pub(super) fn state(&self, name: &str) -> Result<Option<Value>, String> {
        let ran = self.call(&["state"], name)?;
        match ran.status {
            0 => serde_json::from_str(&ran.stdout).map(Some).map_err(said),
            _ if ran.stderr.contains("does not exist") => Ok(None),
            _ => Err(ran.stderr),
        }
    }

    /// Waits until a container is in this state.
    pub(super) fn wait_for(&self, name: &str, status: &str) -> Result<Value, String> {
        let begin = Instant::now();
        loop {
            match self.state(name)? {
                Some(state) if state["status"] == status => return Ok(state),
                other if begin.elapsed() > Duration::from_secs(10) => {
                    return Err(format!("it is not {status} after ten seconds, but {other:?}"));
                }
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    /// Whether anything is left of a container: its state, or a cgroup.
    pub(super) fn remains(&self, name: &str) -> Result<Vec<String>, String> {
        let id = self.id(name);
        let mut found = Vec::new();
        let state = self.store().join(&id);
        if state.exists() {
            found.push(state.display().to_string());
        }
        let own = fs::read_to_string("/proc/self/cgroup").map_err(said)?;
        for top in cgroup_tops() {
            let places = own.lines().filter_map(|line| line.splitn(3, ':').nth(2));
            let dirs = places.flat_map(|own| {
                let own = PathBuf::from(own.trim_start_matches('/'));
                [top.join(&own).join(&id), top.join(own.parent().unwrap_or(&own)).join(&id)]
            });
            found.extend(dirs.filter(|dir| dir.exists()).map(|dir| dir.display().to_string()));
        }
        found.sort();
        found.dedup();
        Ok(found)
    }
}
