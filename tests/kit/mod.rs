//! The harness: a case, the lab it runs in, and how it is told.

use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use workbook::lab;

mod bin;
pub(crate) mod bpf;
pub(crate) mod docker;
mod faults;
mod need;

pub(crate) use faults::cases;
pub(crate) use need::Need;

/// What a case says: nothing, or why it failed. It may also panic, as an assertion does.
pub(crate) type Outcome = Result<(), String>;

/// A test: a name, what it needs of the machine, and what it does in its lab.
pub(crate) struct Case {
    name: String,
    needs: Vec<Need>,
    body: Box<dyn Fn(&Lab) -> Outcome + Send>,
}

/// A case.
pub(crate) fn case(
    name: impl Into<String>,
    needs: &[Need],
    body: impl Fn(&Lab) -> Outcome + Send + 'static,
) -> Case {
    Case { name: name.into(), needs: needs.to_vec(), body: Box::new(body) }
}

/// The environment variable that names the one case to run.
const CASE: &str = "DIVE_CASE";
/// A case that has not ended after so many seconds never will.
const PATIENCE: u32 = 240;

/// The case that this process was executed for.
pub(crate) fn asked_case() -> Option<String> {
    std::env::var(CASE).ok()
}

/// Runs one case, in the lab that this process becomes. A failure goes to standard error.
pub(crate) fn run_in_lab(cases: Vec<Case>, name: &str) -> ExitCode {
    nix::unistd::alarm::set(PATIENCE);
    let outcome = cases
        .into_iter()
        .find(|case| case.name == name)
        .ok_or_else(|| format!("there is no case {name:?}"))
        .and_then(|case| in_lab(&*case.body));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// The case fails if its body does, or if it leaks.
fn in_lab(body: &dyn Fn(&Lab) -> Outcome) -> Outcome {
    let lab = Lab { lab: lab::Lab::enter().map_err(|error| error.to_string())?, bins: bin::dir() };
    let outcome = caught(|| body(&lab));
    let left = lab.lab.leave().map_err(|error| error.to_string());
    match (outcome, left) {
        (Err(failed), Err(leaked)) => Err(format!("{failed}\nand then: {leaked}")),
        (outcome, left) => outcome.and(left),
    }
}

/// A panic is a failure; its message has been printed by then.
pub(crate) fn caught(body: impl FnOnce() -> Outcome) -> Outcome {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| Err("the case panicked".into()))
}

/// Builds what is tested, and runs every case that the command line asks for.
pub(crate) fn run_all(cases: Vec<Case>) -> ExitCode {
    let args = Arguments::from_args();
    let bins = match if args.list { Ok(PathBuf::new()) } else { bin::built() } {
        Ok(bins) => bins,
        Err(error) => {
            eprintln!("build what is tested: {error}");
            return ExitCode::FAILURE;
        }
    };
    let trials = cases.into_iter().map(|case| trial(case.name, case.needs, bins.clone())).collect();
    libtest_mimic::run(&args, trials).exit_code()
}

fn trial(name: String, needs: Vec<Need>, bins: PathBuf) -> Trial {
    Trial::ignorable_test(name.clone(), move || match need::unmet(&needs) {
        Some(reason) => {
            println!("SKIP {name}: {reason}");
            need::skip_is_allowed(&name, &reason)
                .map(|()| Completion::ignored_with(reason))
                .map_err(Failed::from)
        }
        None => run_as_process(&name, &bins).map(|()| Completion::Completed),
    })
}

fn run_as_process(name: &str, bins: &PathBuf) -> Result<(), Failed> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(this);
    command.env(CASE, name).env(bin::DIR, bins).stdin(Stdio::null());
    // Learners and tests never bless a snapshot; an author says so, by setting it.
    if std::env::var_os("INSTA_UPDATE").is_none() {
        command.env("INSTA_UPDATE", "no");
    }
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let ended = match output.status.signal() {
        Some(libc::SIGALRM) => format!("not done after {PATIENCE} s\n"),
        Some(signal) => format!("the case's process was ended by signal {signal}\n"),
        None => String::new(),
    };
    let text = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
    Err(Failed::from(ended + &text))
}

/// The lab of a case.
pub(crate) struct Lab {
    lab: lab::Lab,
    bins: PathBuf,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// As a shell tells it: 128+N for signal N.
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Lab {
    /// An empty directory, which goes with the case.
    pub(crate) fn dir(&self) -> PathBuf {
        self.lab.dir()
    }

    /// The lab itself, with its sentinels.
    pub(crate) fn lab(&self) -> &lab::Lab {
        &self.lab
    }

    /// A binary of the workspace, by its name.
    pub(crate) fn bin(&self, name: &str) -> PathBuf {
        self.bins.join(name)
    }

    /// A command in the lab: a binary of the workspace if there is one of that name, else a program of the host.
    pub(crate) fn command(&self, program: &str) -> Command {
        let ours = self.bin(program);
        self.lab.command(if ours.is_file() { ours } else { program.into() })
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, program: &str, words: &[&str]) -> Result<Ran, String> {
        Ran::of(self.command(program).args(words))
    }
}

/// An input that ends at once. Not /dev/null: crun hands its standard input over to the user of a container, and this one is
/// the whole host's.
pub(crate) fn no_input() -> Result<Stdio, String> {
    std::io::pipe().map(|(reader, _)| reader.into()).map_err(|error| error.to_string())
}

impl Ran {
    /// Runs it, without input.
    pub(crate) fn of(command: &mut Command) -> Result<Self, String> {
        let output = command.stdin(no_input()?).output().map_err(|error| format!("{command:?}: {error}"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Self {
            status: lab::exit_status(output.status).into(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        })
    }

    /// Its standard output if it ended with 0.
    pub(crate) fn succeeded(self) -> Result<String, String> {
        if self.status == 0 {
            Ok(self.stdout)
        } else {
            Err(format!("exit status {}: {}", self.status, self.stderr))
        }
    }

    /// It must have ended with this status.
    pub(crate) fn ended_with(self, status: i32) -> Result<Self, String> {
        if self.status == status {
            return Ok(self);
        }
        Err(format!("exit status {} and not {status}\n{}{}", self.status, self.stdout, self.stderr))
    }

    /// Its standard error must hold all of these.
    pub(crate) fn says(self, words: &[&str]) -> Result<Self, String> {
        match words.iter().find(|word| !self.stderr.contains(**word)) {
            None => Ok(self),
            Some(word) => Err(format!("standard error does not say {word:?}:\n{}", self.stderr)),
        }
    }
}
