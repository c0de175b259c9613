//! One run of an exercise, in a process that becomes its lab. `check` executes this program for each run, under sudo
//! if it was asked to; so nothing of one run reaches the next, and whoever builds need not be root.

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args as ClapArgs;
use guest::Report;
use kit::demo::Capture;
use kit::{Doing, Error, Result, Tier as Privilege, scratch};
use nix::mount::{MsFlags, mount};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Gid, Pid, Uid, chown};
use serde::{Deserialize, Serialize};

use super::course::Id;
use super::facts::{self, Fact, Traces};
use super::format::{By, Exercise, Run};
use super::needs;
use crate::lab::sentinel::Victim;
use crate::lab::state::State;
use crate::lab::{Lab, exit_status};

/// What `cargo dive in-lab` is asked; nobody types it.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The exercise's directory
    dir: PathBuf,
    /// Its number
    #[arg(value_parser = |text: &str| text.parse::<Id>())]
    id: Id,
    /// The run
    run: String,
    /// The learner's container
    #[arg(long)]
    container: Option<PathBuf>,
    /// The program of facts
    #[arg(long)]
    facts: Option<PathBuf>,
}

/// What one run came to, as it goes back to `check`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ran {
    pub(crate) skipped: Option<String>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) stderr: String,
    pub(crate) by: String,
}

/// Whom a run as a user is done by, where the caller is root.
const NOBODY: u32 = 65534;

/// Runs, and prints what was seen as JSON.
pub fn run(args: &Args) -> Result<u8> {
    let exercise = Exercise::read(args.id, &args.dir)?;
    let run = exercise.about.runs.iter().find(|run| run.name == args.run);
    let run =
        run.ok_or_else(|| Error::refused("find the run", &args.run, "the exercise has none of that name"))?;
    let lab = Lab::enter()?;
    take_name(&lab);
    let ran = Place { lab: &lab, args, run }.ran();
    lab.clear()?;
    let text =
        serde_json::to_string(&ran?).map_err(|error| Error::refused("write", "what was seen", error))?;
    let mut out = std::io::stdout();
    writeln!(out, "{text}").doing("write", "what was seen").map(|()| 0)
}

/// This process too makes control groups, to see whether it may: under the lab's name, so that no neighbour takes them
/// for what a killed run left.
fn take_name(lab: &Lab) {
    // SAFETY: the environment may not change while another thread reads it, and `Lab::enter` has seen that there is none.
    #[allow(unsafe_code)]
    unsafe {
        std::env::set_var(scratch::LAB, lab.name());
    }
}

struct Place<'a> {
    lab: &'a Lab,
    args: &'a Args,
    run: &'a Run,
}

impl Place<'_> {
    fn ran(&self) -> Result<Ran> {
        let privilege = if self.is_nobody() { Privilege::User } else { Privilege::of_self() };
        let mut ran = Ran { skipped: None, facts: vec![], stderr: String::new(), by: privilege.to_string() };
        if let Some(reason) = needs::unmet(self.run, privilege) {
            ran.skipped = Some(reason);
            return Ok(ran);
        }
        if self.run.shared {
            let none: Option<&str> = None;
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SHARED, none)
                .doing("mount(2) MS_REC|MS_SHARED on", "/")?;
        }
        let sentinel = self.lab.sentinel()?;
        if self.is_nobody() {
            chown(&sentinel, Some(Uid::from_raw(NOBODY)), Some(Gid::from_raw(NOBODY)))
                .doing("chown(2)", &sentinel)?;
        }
        let victim = if self.run.names("VICTIM") { Some(self.victim()?) } else { None };
        let names = self.names(&sentinel, victim.as_ref())?;
        if let Some(script) = &self.run.prepare {
            self.prepare(script, &names)?;
        }

        let before = State::now(self.lab.name(), self.lab.scratch())?;
        let traces = self.traced(&names)?;
        let alive = victim.as_ref().map(Victim::pid);
        alive.map_or_else(|| self.lab.settle(), |pid| self.lab.settle_but(pid));
        let after = State::now(self.lab.name(), self.lab.scratch())?;
        let is_victim = |leak: &String| alive.is_some_and(|pid| leak.contains(&format!(" process {pid} ")));
        let left = after.beyond(&before).into_iter().filter(|leak| !is_victim(leak));
        let traces = Traces { left: left.map(|leak| self.plain(&leak)).collect(), ..traces };

        let mut host = Report::of_self();
        if self.is_nobody() {
            (host.user.uid, host.user.gid) = (NOBODY, NOBODY);
        }
        ran.facts = facts::of(&traces, &self.run.keep, &host);
        ran.stderr = traces.stderr;
        Ok(ran)
    }

    /// Root can be nobody; who is not root is a user already.
    fn is_nobody(&self) -> bool {
        self.run.by == Some(By::User) && Privilege::of_self() == Privilege::Root
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = self.lab.command(program);
        if self.is_nobody() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    fn victim(&self) -> Result<Victim> {
        let mut command = self.command(Path::new("env"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.lab.victim(command)
    }

    /// What arguments and scripts may name.
    fn names(&self, sentinel: &Path, victim: Option<&Victim>) -> Result<Vec<(&'static str, String)>> {
        let mut names = vec![
            ("SENTINEL", sentinel.display().to_string()),
            ("VICTIM", victim.map(|victim| victim.pid().to_string()).unwrap_or_default()),
            ("DIR", self.lab.dir().display().to_string()),
        ];
        let programs =
            [("CONTAINER", "container", &self.args.container), ("FACTS", "facts", &self.args.facts)];
        for (variable, name, program) in programs {
            if let Some(program) = program {
                names.push((variable, self.readable(program, name)?.display().to_string()));
            }
        }
        Ok(names)
    }

    /// The program under the name that its messages shall begin with, where a stranger may execute it too.
    fn readable(&self, program: &Path, name: &str) -> Result<PathBuf> {
        let copy = self.lab.bin().join(name);
        fs::hard_link(program, &copy)
            .or_else(|_| fs::copy(program, &copy).map(drop))
            .doing("copy", program)?;
        Ok(copy)
    }

    fn prepare(&self, script: &str, names: &[(&'static str, String)]) -> Result<()> {
        let mut shell = self.command(Path::new("sh"));
        shell.args(["-euc", script]).envs(names.iter().map(|(name, value)| (*name, value.as_str())));
        let output = shell.stdin(Stdio::null()).output().doing("execute", "sh")?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
        Err(Error::refused("prepare the run", &self.run.name, said))
    }

    fn traced(&self, names: &[(&'static str, String)]) -> Result<Traces> {
        let of = |variable: &str| {
            let found =
                names.iter().find(|(name, _)| *name == variable).map(|(_, value)| PathBuf::from(value));
            found.ok_or_else(|| Error::refused("run", variable, "it was not built"))
        };
        let filled = |words: &[String]| -> Vec<String> {
            let fill = |word: &String| {
                names
                    .iter()
                    .fold(word.clone(), |word, (name, value)| word.replace(&format!("${name}"), value))
            };
            words.iter().map(fill).collect()
        };
        let mut command = match (&self.run.args, &self.run.facts, &self.run.script) {
            (Some(args), ..) => {
                let mut command = self.command(&of("CONTAINER")?);
                command.args(filled(args));
                command
            }
            (_, Some(args), _) => {
                let mut command = self.command(&of("FACTS")?);
                command.args(filled(args));
                command
            }
            (.., script) => {
                let mut command = self.command(Path::new("sh"));
                command.arg("-uc").arg(script.as_deref().unwrap_or_default());
                command
            }
        };
        command.envs(names.iter().map(|(name, value)| (*name, value.as_str())));
        let (mut stdout, mut stderr) = (Capture::new()?, Capture::new()?);
        command.stdin(Stdio::null()).stdout(stdout.writer()?).stderr(stderr.writer()?).process_group(0);
        let mut child = command.spawn().doing("execve(2)", Path::new(command.get_program()))?;
        let ended = self.wait(&mut child)?;
        Ok(Traces {
            ended,
            stdout: self.plain(&stdout.text()?),
            stderr: self.plain(&stderr.text()?),
            left: vec![],
        })
    }

    fn wait(&self, child: &mut Child) -> Result<String> {
        let (begun, patience) = (Instant::now(), Duration::from_secs(self.run.seconds));
        loop {
            if let Some(status) = child.try_wait().doing("waitpid(2)", "the run")? {
                return Ok(exit_status(status).to_string());
            }
            if begun.elapsed() > patience {
                let group = Pid::from_raw(child.id().cast_signed());
                let _ = killpg(group, Signal::SIGKILL);
                let _ = child.wait();
                return Ok(format!("not done after {} s", self.run.seconds));
            }
            sleep(Duration::from_millis(2));
        }
    }

    /// Without what is this machine's own: the lab's directories, the names that it gives.
    fn plain(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (path, name) in
            [(self.lab.dir(), "DIR"), (self.lab.scratch().to_owned(), "TMPDIR"), (self.lab.bin(), "BIN")]
        {
            text = text.replace(&path.display().to_string(), name);
        }
        let prefix = format!("{}{}.", scratch::PREFIX, self.lab.name());
        while let Some(at) = text.find(&prefix) {
            let rest = &text[at + prefix.len()..];
            let end = rest.find(|c: char| !c.is_ascii_hexdigit() && c != '-').unwrap_or(rest.len());
            text = format!("{}docker-dive.ID{}", &text[..at], &rest[end..]);
        }
        text
    }
}
