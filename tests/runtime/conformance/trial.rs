//! One runtime, tried: bundles for it, and containers that it makes.

use std::cell::{Cell, OnceCell};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use kit::rootfs;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::bundle::{self, Bundle};
use crate::kit::{Lab, Outcome, Ran, no_input};

/// As long as anything of a container may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A runtime in a lab.
pub(super) struct Trial<'a> {
    pub(super) lab: &'a Lab,
    program: PathBuf,
    /// Where things of this trial lie.
    pub(super) dir: PathBuf,
    count: Cell<u32>,
    runs_what_it_should: OnceCell<Outcome>,
}

impl<'a> Trial<'a> {
    /// The runtime's own state lies in a directory of the trial's.
    pub(super) fn of(lab: &'a Lab, program: &Path) -> Result<Self, String> {
        let name = program.file_name().unwrap_or_default();
        let dir = lab.dir().join(name);
        let root = lab.dir().join("rootfs");
        if !root.exists() {
            rootfs::assemble(&root).map_err(|error| error.to_string())?;
        }
        fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
        Ok(Self {
            lab,
            program: program.to_owned(),
            dir,
            count: Cell::new(0),
            runs_what_it_should: OnceCell::new(),
        })
    }

    /// The root that the bundles share.
    pub(super) fn root(&self) -> PathBuf {
        self.lab.dir().join("rootfs")
    }

    /// A name that no other container of this trial has, and by which the lab knows what is left of one as its own.
    pub(super) fn name(&self) -> String {
        self.count.set(self.count.get() + 1);
        format!("{}{}.{}", kit::scratch::PREFIX, self.lab.lab().name(), self.count.get())
    }

    /// A bundle, with what the case changes in it.
    pub(super) fn bundle(&self, edit: impl FnOnce(&mut Value)) -> Result<Bundle, String> {
        let name = self.name();
        let mut config = bundle::config(&self.root(), &format!("/{name}"));
        edit(&mut config);
        Bundle::write(self.dir.join(name), config)
    }

    /// A bundle whose program is a shell's script.
    pub(super) fn script(&self, script: &str, edit: impl FnOnce(&mut Value)) -> Result<Bundle, String> {
        self.bundle(|config| {
            config["process"]["args"] = json!(["sh", "-c", script]);
            edit(config);
        })
    }

    /// The runtime's command line.
    pub(super) fn runtime(&self, words: &[&str]) -> Command {
        let mut command = self.lab.command(&self.program.to_string_lossy());
        command
            .arg("--root")
            .arg(self.dir.join("state"))
            .args(words)
            .stdin(no_input().unwrap_or_else(|_| Stdio::null()));
        command
    }

    /// Runs the bundle from its creation to its end. What is left of a failure is deleted.
    pub(super) fn run(&self, bundle: &Bundle) -> Result<Ran, String> {
        let id = self.name();
        let ran = Ran::of(self.runtime(&["run", "--bundle"]).arg(&bundle.dir).arg(&id));
        self.forget(&id);
        ran
    }

    /// What a script sees inside, on its standard output. It must end with 0.
    pub(super) fn see(&self, script: &str, edit: impl FnOnce(&mut Value)) -> Result<String, String> {
        Ok(self.run(&self.script(script, edit)?)?.succeeded()?.trim_end().to_owned())
    }

    /// The runtime has to refuse this bundle, and with words.
    pub(super) fn refuses(&self, edit: impl FnOnce(&mut Value)) -> Result<(), String> {
        let bundle = self.script("echo it ran", edit)?;
        let ran = self.run(&bundle)?;
        // A runtime that refuses everything has not understood this bundle: it has to run the one it came from.
        self.runs_what_it_should
            .get_or_init(|| {
                let before = self.run(&self.script("echo it ran", |_| ())?)?;
                if before.stdout.contains("it ran") {
                    return Ok(());
                }
                Err(format!("does not even run what it should: {}", before.stderr))
            })
            .clone()?;
        match ran.status {
            0 => Err(format!("was not refused: {}", ran.stdout)),
            _ if ran.stdout.contains("it ran") => Err("was refused when the program had run".into()),
            _ if ran.stderr.trim().is_empty() => Err("was refused without a word".into()),
            _ => Ok(()),
        }
    }

    /// A container that is created, and not started.
    pub(super) fn create(&self, bundle: Bundle) -> Result<Container<'_>, String> {
        let container = Container { trial: self, id: self.name(), bundle, pid: Cell::new(None) };
        container.create()?;
        Ok(container)
    }

    /// A container that is running.
    pub(super) fn start(&self, bundle: Bundle) -> Result<Container<'_>, String> {
        let container = self.create(bundle)?;
        container.verb("start")?.succeeded()?;
        Ok(container)
    }

    /// Deletes whatever there is of this container, and reaps its process.
    fn forget(&self, id: &str) {
        let _ = self.runtime(&["delete", "--force", id]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        while let Ok(status) = waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
            if status == WaitStatus::StillAlive {
                break;
            }
        }
    }
}

/// A container, which is deleted at the end.
pub(super) struct Container<'a> {
    trial: &'a Trial<'a>,
    pub(super) id: String,
    pub(super) bundle: Bundle,
    pid: Cell<Option<i32>>,
}

impl Container<'_> {
    fn create(&self) -> Result<(), String> {
        let output = self.trial.dir.join(format!("{}.out", self.id));
        let open = || fs::File::create(&output).map_err(|error| error.to_string());
        let file = open()?;
        let errors = file.try_clone().map_err(|error| error.to_string())?;
        // Its streams are the container's, and so a file: who waits for the end of a pipe would wait for the container.
        let status = self
            .trial
            .runtime(&["create", "--bundle"])
            .arg(&self.bundle.dir)
            .arg(&self.id)
            .stdout(file)
            .stderr(errors)
            .status()
            .map_err(|error| error.to_string())?;
        if !status.success() {
            return Err(format!("create: {status}: {}", self.output()));
        }
        self.pid.set(self.state()?["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()));
        Ok(())
    }

    /// What its program and the runtime have written.
    pub(super) fn output(&self) -> String {
        fs::read_to_string(self.trial.dir.join(format!("{}.out", self.id))).unwrap_or_default()
    }

    /// `runtime VERB ID`
    pub(super) fn verb(&self, verb: &str) -> Result<Ran, String> {
        Ran::of(&mut self.trial.runtime(&[verb, &self.id]))
    }

    /// `runtime VERB ID WORD`
    pub(super) fn verb_with(&self, verb: &str, word: &str) -> Result<Ran, String> {
        Ran::of(&mut self.trial.runtime(&[verb, &self.id, word]))
    }

    /// What the runtime says of it.
    pub(super) fn state(&self) -> Result<Value, String> {
        let text = self.verb("state")?.succeeded()?;
        serde_json::from_str(&text).map_err(|error| format!("state: {error}: {text}"))
    }

    /// The pid of its process, as it was at first.
    pub(super) fn pid(&self) -> Result<i32, String> {
        self.pid.get().filter(|pid| *pid > 0).ok_or_else(|| "state has no pid".into())
    }

    /// Waits until it has this status. The lab is the parent of the process, and reaps it.
    pub(super) fn until(&self, status: &str) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let state = self.state()?;
            if state["status"] == status {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("after {PATIENCE:?} the status is {} and not {status}", state["status"]));
            }
            if let Some(pid) = self.pid.get() {
                let _ = waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG));
            }
            sleep(Duration::from_millis(10));
        }
    }

    /// Waits until its output holds this.
    pub(super) fn says(&self, words: &str) -> Result<(), String> {
        let begun = Instant::now();
        while !self.output().contains(words) {
            if begun.elapsed() > PATIENCE {
                return Err(format!("after {PATIENCE:?} there is no {words:?} in {:?}", self.output()));
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        self.trial.forget(&self.id);
    }
}
