//! Lesson 07: the life of a container, in small commands over one state directory.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use guest::Report;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::step::{new_bundle, write_config};
use super::{Behaviour, Step, since};
use crate::kit::{Lab, Outcome, Ran};

pub(crate) fn behaviours() -> Vec<Behaviour> {
    vec![
        since(7, "goes from created to running to stopped to nothing", goes_through_life),
        since(7, "refuses what the state does not allow", refuses),
        since(7, "a container outlives its commands, and its status comes to the subreaper", |lab, step| {
            let of = Containers::of(lab, step);
            of.bundle(|config| config["process"]["args"] = json!(["sh", "-c", "exit 42"]))?;
            let init = of.started("c")?;
            let ended = waitpid(init, None).map_err(|errno| errno.to_string())?;
            assert_eq!(ended, WaitStatus::Exited(init, 42));
            assert_eq!(of.state("c")?["status"], "stopped");
            of.run(&["delete", "c"])?.succeeded().map(drop)
        }),
        since(7, "the program's own error comes to start, with its status", |lab, step| {
            let of = Containers::of(lab, step);
            of.bundle(|config| config["process"]["args"] = json!(["no-such-program"]))?;
            of.create("c", &[])?.ended_with(0)?;
            let init = of.init("c")?;
            of.run(&["start", "c"])?.ended_with(127)?.says(&["execve(2) \"no-such-program\": ENOENT"])?;
            let ended = waitpid(init, None).map_err(|errno| errno.to_string())?;
            assert_eq!(ended, WaitStatus::Exited(init, 127));
            of.run(&["delete", "c"])?.succeeded().map(drop)
        }),
        since(7, "what is changed in the bundle after create has no effect", |lab, step| {
            let of = Containers::of(lab, step);
            let mut config =
                of.bundle(|config| config["process"]["env"] = json!(["PATH=/bin", "TOKEN=then"]))?;
            of.started("c")?;
            config["process"]["env"] = json!(["PATH=/bin", "TOKEN=now"]);
            write_config(&of.dir, &config)?;
            let said = of.run(&["exec", "c", "sh", "-c", "echo $TOKEN"])?.succeeded()?;
            assert_eq!(said, "then\n");
            of.run(&["delete", "--force", "c"])?.succeeded().map(drop)
        }),
        since(7, "exec goes where the container is, and is no more than it", execs),
        since(7, "exec exits as the program does, and with 127 without one", |lab, step| {
            let of = Containers::of(lab, step);
            of.bundle(|_| ())?;
            of.started("c")?;
            of.run(&["exec", "c", "sh", "-c", "exit 9"])?.ended_with(9)?;
            of.run(&["exec", "c", "no-such-program"])?.ended_with(127)?.says(&["ENOENT"])?;
            of.run(&["delete", "--force", "c"])?.succeeded().map(drop)
        }),
        since(7, "kill signals the container's process by name and by number", |lab, step| {
            let of = Containers::of(lab, step);
            let script = "trap 'exit 3' USR1; while :; do sleep 0.02; done";
            of.bundle(|config| config["process"]["args"] = json!(["sh", "-c", script]))?;
            for signal in ["USR1", "sigusr1", "10"] {
                let init = of.started("c")?;
                // Until its trap is set, the signal is dropped: it is process 1.
                let ended = of.until_ended(init, &["kill", "c", signal])?;
                assert_eq!(ended, WaitStatus::Exited(init, 3), "{signal}");
                of.run(&["delete", "c"])?.succeeded()?;
            }
            of.run(&["kill", "c", "NOSUCH"])?.ended_with(2)?.says(&["no signal"]).map(drop)
        }),
        since(7, "a pid that has become somebody else's is not signalled", recycled),
        since(7, "two who start at once: one of them does", |lab, step| {
            let of = Containers::of(lab, step);
            of.bundle(|_| ())?;
            of.create("c", &[])?.ended_with(0)?;
            let start = || of.command(&["start", "c"]).stderr(Stdio::null()).spawn();
            let both = [start(), start(), start()].map(|child| child.and_then(|mut child| child.wait()));
            let won = both
                .iter()
                .filter(|status| status.as_ref().is_ok_and(std::process::ExitStatus::success))
                .count();
            assert_eq!(won, 1, "{both:?}");
            assert_eq!(of.state("c")?["status"], "running");
            of.run(&["delete", "--force", "c"])?.succeeded().map(drop)
        }),
        since(7, "many who create the same id: one of them does", |lab, step| {
            let of = Containers::of(lab, step);
            of.bundle(|_| ())?;
            let create = || of.quiet(&["create", "--bundle", &of.path(), "c"]).spawn();
            let all: Vec<_> = (0..16).map(|_| create()).collect();
            let all: Vec<_> = all.into_iter().map(|child| child.and_then(|mut child| child.wait())).collect();
            let won = all
                .iter()
                .filter(|status| status.as_ref().is_ok_and(std::process::ExitStatus::success))
                .count();
            assert_eq!(won, 1, "{all:?}");
            assert_eq!(of.state("c")?["status"], "created");
            of.run(&["delete", "--force", "c"])?.succeeded()?;
            of.nothing_is_left()
        }),
        since(7, "refuses ids that lead elsewhere, and a directory that others may write", |lab, step| {
            let of = Containers::of(lab, step);
            of.bundle(|_| ())?;
            for id in ["../c", ".c", "a/b", "", "a b", &"x".repeat(256)] {
                of.create(id, &[])?.ended_with(125)?.says(&["an id is letters"])?;
            }
            let open = lab.dir().join("open");
            fs::create_dir(&open).and_then(|()| lab_open(&open)).map_err(|error| error.to_string())?;
            let root = open.display().to_string();
            let ran = lab.run(&step.name(), &["--root", &root, "state", "c"])?.ended_with(125)?;
            ran.says(&["others may write to it", "--root"]).map(drop)
        }),
    ]
}

fn lab_open(dir: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o777))
}

/// A state directory and a bundle of a case.
pub(super) struct Containers<'a> {
    pub(super) lab: &'a Lab,
    step: Step,
    pub(super) dir: PathBuf,
    root: PathBuf,
}

impl<'a> Containers<'a> {
    pub(super) fn of(lab: &'a Lab, step: Step) -> Self {
        Self { lab, step, dir: lab.dir().join("bundle"), root: lab.dir().join("state") }
    }

    /// Writes the bundle: the first configuration, changed. Without a change its program sleeps.
    pub(super) fn bundle(&self, change: impl FnOnce(&mut Value)) -> Result<Value, String> {
        let first = self.lab.dir().join("first.json");
        if !first.exists() {
            let config = new_bundle(self.lab, self.step, &self.dir)?;
            fs::write(&first, config.to_string()).map_err(|error| error.to_string())?;
        }
        let text = fs::read_to_string(&first).map_err(|error| error.to_string())?;
        let mut config: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        config["process"]["args"] = json!(["sleep", "100"]);
        change(&mut config);
        write_config(&self.dir, &config)?;
        Ok(config)
    }

    pub(super) fn path(&self) -> String {
        self.dir.display().to_string()
    }

    pub(super) fn command(&self, words: &[&str]) -> Command {
        let mut command = self.lab.command(&self.step.name());
        command.arg("--root").arg(&self.root).args(words).stdin(Stdio::null());
        command
    }

    pub(super) fn quiet(&self, words: &[&str]) -> Command {
        let mut command = self.command(words);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    pub(super) fn run(&self, words: &[&str]) -> Result<Ran, String> {
        Ran::of(&mut self.command(words))
    }

    /// The container inherits the output, so it goes to files: whoever reads a pipe would wait for the container.
    pub(super) fn create(&self, id: &str, more: &[&str]) -> Result<Ran, String> {
        let path = |name: &str| self.lab.dir().join(name);
        let file = |name: &str| File::create(path(name)).map_err(|error| error.to_string());
        let mut command = self.command(&["create", "--bundle", &self.path()]);
        command.args(more).arg(id).stdout(file("stdout")?).stderr(file("stderr")?);
        let status = command.status().map_err(|error| error.to_string())?;
        let text = |name: &str| fs::read_to_string(path(name)).map_err(|error| error.to_string());
        let status = workbook::lab::exit_status(status).into();
        Ok(Ran { status, stdout: text("stdout")?, stderr: text("stderr")? })
    }

    /// What the container has written since it was created.
    pub(super) fn output(&self) -> Result<String, String> {
        fs::read_to_string(self.lab.dir().join("stdout")).map_err(|error| error.to_string())
    }

    pub(super) fn state(&self, id: &str) -> Result<Value, String> {
        let text = self.run(&["state", id])?.succeeded()?;
        serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
    }

    /// Its first process, as it is known out here. Orphans fall to the lab, so it may be waited for.
    pub(super) fn init(&self, id: &str) -> Result<Pid, String> {
        let pid = self.state(id)?["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok());
        pid.filter(|pid| *pid > 1).map(Pid::from_raw).ok_or_else(|| "it has no process".into())
    }

    pub(super) fn started(&self, id: &str) -> Result<Pid, String> {
        self.create(id, &[])?.succeeded()?;
        let init = self.init(id)?;
        self.run(&["start", id])?.succeeded()?;
        Ok(init)
    }

    /// Says it again and again until the process has ended.
    fn until_ended(&self, init: Pid, words: &[&str]) -> Result<WaitStatus, String> {
        for _ in 0..200 {
            let said = self.run(words)?;
            std::thread::sleep(Duration::from_millis(20));
            let flags = Some(nix::sys::wait::WaitPidFlag::WNOHANG);
            match waitpid(init, flags).map_err(|errno| errno.to_string())? {
                WaitStatus::StillAlive => said.ended_with(0).map(drop)?,
                ended => return Ok(ended),
            }
        }
        Err("it has not ended".into())
    }

    /// No directory of a container, no group, no process.
    pub(super) fn nothing_is_left(&self) -> Outcome {
        let left: Vec<_> = fs::read_dir(&self.root).into_iter().flatten().flatten().collect();
        assert!(left.is_empty(), "{left:?}");
        let leaks = self.lab.lab().leaks().map_err(|error| error.to_string())?;
        if leaks.is_empty() { Ok(()) } else { Err(leaks.join("; ")) }
    }
}

fn goes_through_life(lab: &Lab, step: Step) -> Outcome {
    let of = Containers::of(lab, step);
    of.bundle(|config| config["annotations"] = json!({ "org.example.key": "value" }))?;
    of.create("c", &[])?.succeeded()?;
    let state = of.state("c")?;
    assert_eq!((&state["status"], &state["id"]), (&json!("created"), &json!("c")));
    assert_eq!(state["bundle"], json!(of.dir.canonicalize().map_err(|error| error.to_string())?));
    assert_eq!(state["annotations"], json!({ "org.example.key": "value" }));
    assert!(state["ociVersion"].as_str().is_some_and(|version| version.starts_with("1.")), "{state}");
    let init = of.init("c")?;
    let program = || fs::read_to_string(format!("/proc/{init}/cmdline")).unwrap_or_default();
    assert!(!program().contains("sleep"), "the program began with create: {}", program());
    of.run(&["start", "c"])?.succeeded()?;
    assert_eq!(program(), ["sleep", "100", ""].join("\0"));
    assert_eq!((&of.state("c")?["status"], of.init("c")?), (&json!("running"), init));
    of.run(&["kill", "c", "KILL"])?.succeeded()?;
    let ended = waitpid(init, None).map_err(|errno| errno.to_string())?;
    assert_eq!(ended, WaitStatus::Signaled(init, Signal::SIGKILL, false));
    let state = of.state("c")?;
    assert_eq!((&state["status"], &state["pid"]), (&json!("stopped"), &json!(0)));
    of.run(&["delete", "c"])?.succeeded()?;
    of.run(&["state", "c"])?.ended_with(125)?.says(&["ENOENT"])?;
    of.nothing_is_left()
}

fn refuses(lab: &Lab, step: Step) -> Outcome {
    let of = Containers::of(lab, step);
    of.bundle(|_| ())?;
    let refused = |words: &[&str], says: &str| of.run(words)?.ended_with(125)?.says(&[says]).map(drop);
    for verb in ["start", "state", "kill", "delete"] {
        refused(&[verb, "c"], "ENOENT")?;
    }
    // That there is nothing is what --force is asked for.
    of.run(&["delete", "--force", "c"])?.succeeded()?;
    of.create("c", &[])?.succeeded()?;
    of.create("c", &[])?.ended_with(125)?.says(&["EEXIST"])?;
    assert_eq!(of.state("c")?["status"], "created", "another create has spoilt it");
    refused(&["exec", "c", "true"], "it is created")?;
    refused(&["delete", "c"], "it is created")?;
    of.run(&["start", "c"])?.succeeded()?;
    refused(&["start", "c"], "it is running")?;
    refused(&["delete", "c"], "it is running")?;
    let init = of.init("c")?;
    of.run(&["kill", "c", "9"])?.succeeded()?;
    waitpid(init, None).map_err(|errno| errno.to_string())?;
    refused(&["start", "c"], "it is stopped")?;
    refused(&["kill", "c"], "it is stopped")?;
    refused(&["exec", "c", "true"], "it is stopped")?;
    of.run(&["delete", "c"])?.succeeded().map(drop)
}

/// The container tells of itself, and then sleeps; what was executed in it tells the same.
fn execs(lab: &Lab, step: Step) -> Outcome {
    let of = Containers::of(lab, step);
    let script = "/bin/guest report --json; exec sleep 100";
    of.bundle(|config| {
        config["process"]["args"] = json!(["sh", "-c", script]);
        config["process"]["cwd"] = json!("/tmp");
    })?;
    of.started("c")?;
    let first = of.output_line()?;
    let second = of.run(&["exec", "c", "/bin/guest", "report", "--json"])?.succeeded()?;
    let report = |text: &str| serde_json::from_str::<Value>(text).map_err(|error| format!("{error}: {text}"));
    let (own, executed) = (report(&first)?, report(&second)?);
    let same = ["namespaces", "user", "cwd", "hostname", "capabilities", "no_new_privs", "seccomp", "cgroup"];
    for fact in same {
        assert!(!own[fact].is_null(), "{fact}");
        assert_eq!(own[fact], executed[fact], "{fact}");
    }
    let executed: Report = serde_json::from_value(executed).map_err(|error| error.to_string())?;
    assert_eq!(executed.environment, ["HOME", "PATH", "TERM"]);
    assert_eq!((executed.pid > 1, executed.parent), (true, 0));
    assert_eq!(executed.descriptors.keys().copied().collect::<Vec<_>>(), [0, 1, 2]);
    of.run(&["delete", "--force", "c"])?.succeeded()?;
    of.nothing_is_left()
}

impl Containers<'_> {
    /// The first line that the container has written.
    pub(super) fn output_line(&self) -> Result<String, String> {
        for _ in 0..400 {
            if let Some((line, _)) = self.output()?.split_once('\n') {
                return Ok(line.to_owned());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(format!("it has written: {:?}", self.output()?))
    }
}

/// The record is altered to name a victim of the lab's; with the victim's own start time it *is* the victim.
fn recycled(lab: &Lab, step: Step) -> Outcome {
    let of = Containers::of(lab, step);
    of.bundle(|_| ())?;
    of.create("c", &[])?.succeeded()?;
    let record = of.root.join("c/state.json");
    let read = || -> Result<Value, String> {
        let text = fs::read_to_string(&record).map_err(|error| error.to_string())?;
        serde_json::from_str(&text).map_err(|error| error.to_string())
    };
    let before = read()?;
    let mut victim = lab.lab().victim(lab.command("env")).map_err(|error| error.to_string())?;
    let pid = victim.pid();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|error| error.to_string())?;
    let began = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(19)?.parse::<u64>().ok());
    let name_it = |start_time: u64| {
        let mut altered = before.clone();
        altered["init"] = json!({ "pid": pid, "start_time": start_time });
        fs::write(&record, altered.to_string()).map_err(|error| error.to_string())
    };
    let began = began.ok_or("no start time")?;
    name_it(began + 1)?;
    assert_eq!(of.state("c")?["status"], "stopped");
    of.run(&["kill", "c", "KILL"])?.ended_with(125)?;
    assert!(!victim.ended(false).map_err(|error| error.to_string())?);
    // The fault that the check is there for, planted: without a difference in time it would be taken for ours.
    name_it(began)?;
    of.run(&["kill", "c", "KILL"])?.succeeded()?;
    assert!(victim.ended(true).map_err(|error| error.to_string())?, "the check above proves nothing");
    fs::write(&record, before.to_string()).map_err(|error| error.to_string())?;
    of.run(&["delete", "--force", "c"])?.succeeded()?;
    of.nothing_is_left()
}
