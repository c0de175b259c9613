//! Where the demonstration plays: a state directory, bundles, this step's own commands, and what they say.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Duration;

use kit::scratch::{CONTAINERS, Scratch};
use kit::{Doing, Error, Result, Tier, rootfs, term};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, dup2_stderr, dup2_stdin};
use serde_json::Value;
use step_00::supervise::exit_status;
use step_00::{Program, exec, spawn};
use step_07::{Store, clone_binary, console, delete, spec};

use crate::heard::Heard;

/// The stage; what is left on it when it ends is removed.
pub(crate) struct Stage {
    scratch: Scratch,
    containers: PathBuf,
    /// What the commands say on standard error.
    pub(crate) heard: Heard,
    /// The groups of the container that is looked at, for its record goes with it.
    groups: Vec<PathBuf>,
    /// Held, for whoever lets go of the last hangs up.
    master: Option<File>,
}

impl Stage {
    pub(crate) fn build() -> Result<Self> {
        let scratch = Scratch::new_after(&delete::bury)?;
        let containers = scratch.path().join(CONTAINERS);
        fs::DirBuilder::new().mode(0o700).create(&containers).doing("mkdir(2)", &containers)?;
        rootfs::assemble(&scratch.path().join("rootfs"))?;
        let heard = Heard::new()?;
        Ok(Self { scratch, containers, heard, groups: vec![], master: None })
    }

    /// A bundle with this step's configuration, changed.
    pub(crate) fn bundle(&self, name: &str, change: impl FnOnce(&mut Value)) -> Result<String> {
        let dir = self.scratch.path().join(name);
        fs::create_dir(&dir).doing("mkdir(2)", &dir)?;
        let mut config = spec::default(Tier::of_self() == Tier::User);
        config["root"]["path"] = self.scratch.path().join("rootfs").to_string_lossy().into();
        config["process"]["terminal"] = false.into();
        change(&mut config);
        fs::write(dir.join("config.json"), config.to_string()).doing("write", &dir)?;
        Ok(dir.display().to_string())
    }

    /// This very program, as a person would call it: a process that ends before the next begins.
    pub(crate) fn command(&mut self, words: &[&str], stdout: Option<OwnedFd>) -> Result<u8> {
        let containers = self.containers.display().to_string();
        // By the name that we were called by, which a remedy would tell.
        let own = std::env::args_os().next().unwrap_or_default().to_string_lossy().into_owned();
        let words = [&[own.as_str(), "--root", &containers], words].concat();
        let program = Program::new(&words)?.executed_from("/proc/self/exe")?;
        let stderr = self.heard.writer()?;
        let null = File::open("/dev/null").doing("open(2)", "/dev/null")?;
        let program = program.stdout(stdout.map_or_else(|| self.heard.writer(), Ok)?);
        let child = spawn(|| {
            dup2_stdin(&null).and_then(|()| dup2_stderr(&stderr)).doing("dup2(2)", "")?;
            exec(&program)
        })?;
        child.wait()
    }

    /// One that must not fail.
    pub(crate) fn succeed(&mut self, words: &[&str]) -> Result<()> {
        match self.command(words, None)? {
            0 => Ok(()),
            status => Err(Error::refused(
                "run",
                words.join(" "),
                format!("exit status {status}: {}", self.heard.all()?),
            )),
        }
    }

    /// Its state, its directory, its groups.
    pub(crate) fn look(&mut self, id: &str) -> Result<String> {
        let store = Store::open(Some(&self.containers))?;
        let (status, mut found) = if store.dir_of(id)?.exists() {
            let container = store.container(id)?;
            self.groups.clone_from(&container.record.cgroup.paths);
            let files = fs::read_dir(container.dir()).doing("readdir(3)", container.dir())?.flatten();
            let names: BTreeSet<_> =
                files.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
            let names = names.into_iter().collect::<Vec<_>>().join(" ");
            (container.status()?, if names.is_empty() { "an empty directory".into() } else { names })
        } else if self.groups.iter().any(|group| group.exists()) {
            return Ok("its control groups are left".into());
        } else {
            return Ok("nothing is left".into());
        };
        if self.groups.iter().any(|group| group.exists()) {
            found += ", control groups";
        }
        Ok(format!("{status}: {found}"))
    }

    /// Where terminals are sent.
    pub(crate) fn socket(&self) -> String {
        self.scratch.path().join("console").display().to_string()
    }

    pub(crate) fn console(&self) -> Result<UnixListener> {
        let path = self.socket();
        UnixListener::bind(&path).doing("bind(2)", &path)
    }

    /// Takes the master, and reads the first lines of what is said to the terminal.
    pub(crate) fn terminal(&mut self, console: &UnixListener, lines: usize) -> Result<Vec<String>> {
        let (sender, _) = console.accept().doing("accept(2)", "the console socket")?;
        let master = self.master.insert(console::receive(&sender)?.into());
        let said = BufReader::new(&*master).lines().take(lines).collect::<std::io::Result<_>>();
        said.doing("read", "the terminal")
    }

    /// Waits until the first process of a container whose creator was killed has gone after it.
    pub(crate) fn settle(&self, id: &str) -> Result<()> {
        let container = Store::open(Some(&self.containers))?.container(id)?;
        match container.process() {
            Ok(init) => init.ended_within(Duration::from_secs(5)).map(drop),
            Err(_) => Ok(()),
        }
    }

    /// Waits for a container's process: its parent has ended, so it is ours.
    pub(crate) fn orphan(&self, id: &str) -> Result<u8> {
        let container = Store::open(Some(&self.containers))?.container(id)?;
        let pid = container.record.init.as_ref().map_or(-1, |init| init.pid);
        waitpid(Pid::from_raw(pid), None).map(exit_status).doing("waitpid(2)", "the orphan")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for outcome in [delete::bury(&self.containers), self.heard.tell_notes()] {
            if let Err(error) = outcome {
                term::warn(&error);
            }
        }
        while waitpid(None, Some(WaitPidFlag::WNOHANG)).is_ok_and(|status| status.pid().is_some()) {}
    }
}

/// What the kernel says of the file that we are executed from.
pub(crate) fn executed_from() -> Result<&'static str> {
    let exe = File::open("/proc/self/exe").doing("open(2)", "/proc/self/exe")?;
    match (clone_binary::cannot_be_written(&exe)?, Tier::of_self()) {
        (true, Tier::Root) => Ok("a read-only mount of this program that hangs in no tree"),
        (true, Tier::User) => Ok("a copy of this program in memory, sealed against writing"),
        (false, _) => Ok("a file that may be written to"),
    }
}
