//! A step as the tests drive it: one way to run a command in the container of any of them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use guest::Report;
use kit::Tier;
use serde_json::{Value, json};

use crate::kit::{Lab, Ran};

/// A step, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step(pub(crate) u8);

/// What its container shall have; a step to which something is not taught yet refuses it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// Bytes.
    pub(crate) memory: Option<u64>,
    /// Processes.
    pub(crate) pids: Option<u64>,
    /// Hundredths of a CPU.
    pub(crate) cpu_percent: Option<u64>,
    /// A root of the test's own.
    pub(crate) rootfs: Option<PathBuf>,
}

impl Step {
    /// The name of its binary.
    pub(crate) fn name(self) -> String {
        format!("step-{:02}", self.0)
    }

    /// A command that runs another in the step's container.
    pub(crate) fn command(self, lab: &Lab, options: &Options, words: &[&str]) -> Result<Command, String> {
        let mut command = lab.command(&self.name());
        command.arg("run");
        match self.0 {
            0 => {}
            5.. if options.limited() => {
                command.arg("--bundle").arg(bundle(lab, self, options)?);
            }
            _ => {
                let rootfs =
                    options.rootfs.iter().flat_map(|dir| ["--rootfs".into(), dir.clone().into_os_string()]);
                command.args(rootfs).args(options.flags());
            }
        }
        if self.0 == 0 && words.first() == Some(&"/bin/guest") {
            command.arg(guest_of_step_00(lab)?).args(&words[1..]);
        } else {
            command.args(words);
        }
        Ok(command)
    }

    /// Runs a command in its container.
    pub(crate) fn run(self, lab: &Lab, words: &[&str]) -> Result<Ran, String> {
        self.run_with(lab, &Options::default(), words)
    }

    /// The same, with options.
    pub(crate) fn run_with(self, lab: &Lab, options: &Options, words: &[&str]) -> Result<Ran, String> {
        Ran::of(&mut self.command(lab, options, words)?)
    }

    /// What the guest sees in its container.
    pub(crate) fn report(self, lab: &Lab) -> Result<Report, String> {
        self.report_with(lab, &Options::default())
    }

    /// The same, with options.
    pub(crate) fn report_with(self, lab: &Lab, options: &Options) -> Result<Report, String> {
        let text = self.run_with(lab, options, &["/bin/guest", "report", "--json"])?.succeeded()?;
        serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
    }
}

impl Options {
    fn limited(&self) -> bool {
        self.memory.is_some() || self.pids.is_some() || self.cpu_percent.is_some()
    }

    fn flags(&self) -> Vec<String> {
        let memory = self.memory.map(|bytes| format!("--memory={bytes}"));
        let pids = self.pids.map(|count| format!("--pids={count}"));
        let cpus = self.cpu_percent.map(|percent| format!("--cpus={}.{:02}", percent / 100, percent % 100));
        [memory, pids, cpus].into_iter().flatten().collect()
    }
}

/// In step 00 there is no root into which the guest was put: the step's own binary, under the guest's name.
fn guest_of_step_00(lab: &Lab) -> Result<PathBuf, String> {
    let link = lab.dir().join(guest::NAME);
    if !link.exists() {
        symlink(lab.bin("step-00"), &link).map_err(|error| error.to_string())?;
    }
    Ok(link)
}

/// A bundle with the step's own configuration, and these limits.
fn bundle(lab: &Lab, step: Step, options: &Options) -> Result<PathBuf, String> {
    let dir = lab.dir().join("bundle");
    let mut config = new_bundle(lab, step, &dir)?;
    let resources = &mut config["linux"]["resources"];
    if let Some(bytes) = options.memory {
        resources["memory"] = json!({ "limit": bytes });
    }
    if let Some(count) = options.pids {
        resources["pids"] = json!({ "limit": count });
    }
    if let Some(percent) = options.cpu_percent {
        resources["cpu"] = json!({ "quota": percent * 1000, "period": 100_000 });
    }
    write_config(&dir, &config)?;
    Ok(dir)
}

/// Makes a bundle's directory with a root in it, and the configuration that the step writes.
pub(crate) fn new_bundle(lab: &Lab, step: Step, dir: &Path) -> Result<Value, String> {
    let path = dir.display().to_string();
    if dir.exists() {
        let text = fs::read_to_string(dir.join("config.json")).map_err(|error| error.to_string())?;
        return serde_json::from_str(&text).map_err(|error| error.to_string());
    }
    fs::create_dir(dir).map_err(|error| error.to_string())?;
    // Until lesson 05 no step has one; those that fail at a bundle shall fail at running it.
    let step = Step(step.0.max(5)).name();
    lab.run(&step, &["rootfs", &format!("{path}/rootfs")])?.succeeded()?;
    let rootless = if Tier::of_self() == Tier::Root { &[][..] } else { &["--rootless"][..] };
    lab.run(&step, &[&["spec", "--bundle", &path], rootless].concat())?.succeeded()?;
    let text = fs::read_to_string(dir.join("config.json")).map_err(|error| error.to_string())?;
    let mut config: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    // A terminal is lesson 07, and listed as not applied; what is not asked for needs no listing.
    config["process"]["terminal"] = json!(false);
    Ok(config)
}

/// Writes a bundle's configuration.
pub(crate) fn write_config(dir: &Path, config: &Value) -> Result<(), String> {
    fs::write(dir.join("config.json"), config.to_string()).map_err(|error| error.to_string())
}
