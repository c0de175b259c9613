//! `cargo dive trace`: the calls that make a container, as a command makes them, each with what it is for.
//!
//! - [`tracer`]: the ptrace loop; tells an observer about each call, and lets it change one
//! - [`decode`]: a call to its text, flags by name; [`explain`]: a phrase for it
//! - [`record`]: what was seen, by process; [`story`]: a record as text
//! - [`compare`]: two records side by side
//! - [`privilege`]: programs that lose their privilege because they are traced

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args as ClapArgs;
use kit::{Doing, Error, Result};
use serde::Serialize;

pub mod compare;
pub mod decode;
pub mod explain;
pub mod privilege;
pub mod record;
pub mod story;
pub mod tracer;

use record::{Call, Live, Process, Record, Recorder};
use tracer::{Outcome, Tracer, Until};

/// Show the calls that make a container, as a command makes them, each with what it is for.
///
/// The command runs under ptrace(2), with all its children and threads. Of its system calls only those are
/// shown that make a container: new processes and namespaces, mounts and roots, users and capabilities,
/// cgroups, filters. It sees what it would see without a tracer, with one exception, which is said aloud:
/// setuid programs get no privilege, unless the tracer is root.
#[derive(Debug, ClapArgs)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Trace the binary of this lesson: `trace 04` is `trace -- target/debug/step-04`
    #[arg(value_name = "LESSON", conflicts_with = "command")]
    lesson: Option<String>,
    /// Trace processes that run already, and what they start; they go on when the trace ends
    #[arg(long, value_name = "PID", num_args = 1.., value_delimiter = ',')]
    pid: Vec<i32>,
    /// End after so many seconds, and let everybody go on
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    time: Option<Duration>,
    /// Trace another command first, its words split at spaces, and show side by side what both did
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["pid", "time", "times", "live"])]
    compare: Option<String>,
    /// Show these calls only, by their names; others are left out
    #[arg(long, value_name = "CALL", value_delimiter = ',', value_parser = listed)]
    only: Vec<String>,
    /// Say when each call was made, in milliseconds since the trace began
    #[arg(long)]
    times: bool,
    /// Print each call as soon as it returns, in the order of all processes, instead of a block for each
    #[arg(long, conflicts_with = "json")]
    live: bool,
    /// For programs: one JSON document
    #[arg(long)]
    json: bool,
    /// Write the trace to a file instead of standard error
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The command and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

const AFTER_HELP: &str = "\
Examples:
  cargo dive trace 04
  cargo dive trace -- runc run -b bundle name
  cargo dive trace --compare 'runc run -b bundle name' -- step-04
  cargo dive trace --pid $(pidof containerd) --pid $(pidof dockerd) -- docker run --rm busybox true
  cargo dive trace --only clone3,unshare,setns,pivot_root 04

The trace ends when the command and all that it has started have ended; Ctrl-C lets those go on that the command
has left behind. With --pid it ends with the command, and without a command at Ctrl-C.

The trace goes to standard error, so that the command's output stays its own; with --output to a file.
Exit status: the command's own; 128+N when signal N ended it; 125 when the trace failed before the command
began; 126 when the command could not be executed; 127 when it was not found.";

impl Args {
    fn shows(&self, call: &Call) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == call.decoded.name)
    }
}

/// Traces, prints what was seen, and exits as the command did.
pub fn run(args: &Args) -> Result<u8> {
    let command = command(args)?;
    let mut sink = Sink::open(args.output.as_deref())?;
    if let Some(other) = &args.compare {
        return run_both(other, &command, args, &mut sink);
    }
    let mut previous = 0;
    let mut live = |process: &Process, call: &Call| {
        if !args.shows(call) {
            return;
        }
        if previous != process.number {
            previous = process.number;
            sink.print(&format!("{}\n", story::title(process)));
        }
        sink.print(&format!("{}\n", story::line(call, "  ", 60, args.times)));
    };
    let live: Option<Live<'_>> = if args.live { Some(&mut live) } else { None };
    let (record, outcome) = trace(&command, args, live)?;
    let text = if args.json {
        json(&command, &record, outcome)?
    } else if args.live {
        String::new()
    } else {
        story::tell(&record, outcome, args.times)
    };
    sink.print(&text);
    Ok(outcome.status.unwrap_or(0))
}

/// Traces two commands, one after the other. The exit status is that of the second.
fn run_both(other: &str, command: &[OsString], args: &Args, sink: &mut Sink) -> Result<u8> {
    let other = with_lesson(other.split_whitespace().map(OsString::from).collect())?;
    let (first, _) = trace(&other, args, None)?;
    let (second, outcome) = trace(command, args, None)?;
    let rows = compare::align(&first, &second);
    let text =
        if args.json { as_json(&rows)? } else { compare::tell([&shown(&other), &shown(command)], &rows) };
    sink.print(&text);
    Ok(outcome.status.unwrap_or(0))
}

fn shown(command: &[OsString]) -> String {
    command.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn trace(command: &[OsString], args: &Args, live: Option<Live<'_>>) -> Result<(Record, Outcome)> {
    let mut tracer = Tracer::default();
    let mut recorder = Recorder::new(live);
    if let Some(program) = command.first() {
        let pid = tracer.start(command)?;
        let name = Path::new(program).file_name().unwrap_or(program);
        recorder.begin_with(pid, &name.to_string_lossy());
    }
    for pid in &args.pid {
        tracer.seize(*pid)?;
        recorder.begin_with(*pid, &record::name_of(*pid));
    }
    let until = Until { time: args.time, command: !args.pid.is_empty() && !command.is_empty() };
    let outcome = tracer.run(&mut recorder, until)?;
    let mut record = recorder.record;
    let seen = record.calls.len();
    record.calls.retain(|call| args.shows(call));
    record.left_out = seen - record.calls.len();
    Ok((record, outcome))
}

/// What is to be run: the command as given, or the lesson's binary.
fn command(args: &Args) -> Result<Vec<OsString>> {
    if let Some(lesson) = &args.lesson {
        return Ok(vec![binary_of(lesson)?.into_os_string()]);
    }
    if args.command.is_empty() && !args.pid.is_empty() {
        return Ok(Vec::new());
    }
    if args.command.is_empty() {
        let error = Error::refused("trace", "", "nothing to trace");
        return Err(error.advise("give a lesson, a command after `--`, or --pid"));
    }
    with_lesson(args.command.clone())
}

/// `step-04` as a command is the lesson's binary, though no PATH leads to it.
fn with_lesson(mut command: Vec<OsString>) -> Result<Vec<OsString>> {
    let Some(program) = command.first_mut() else {
        return Err(Error::refused("trace", "", "no command was given"));
    };
    if let Some(name) = program.to_str().filter(|name| name.starts_with("step-") && !name.contains('/')) {
        *program = binary_of(name)?.into_os_string();
    }
    Ok(command)
}

/// The lesson's binary, which cargo puts beside this one.
fn binary_of(lesson: &str) -> Result<PathBuf> {
    let number: u8 = lesson.strip_prefix("step-").unwrap_or(lesson).parse().map_err(|_| {
        Error::refused("find the lesson", lesson, "a lesson is a number, such as 04")
            .advise("a command goes after `--`")
    })?;
    crate::sibling(&format!("step-{number:02}"))
}

/// A call that a trace can show. What it never shows would look like a call that nobody made.
fn listed(text: &str) -> std::result::Result<String, String> {
    if decode::TABLE.iter().any(|spec| spec.name == text) {
        return Ok(text.to_owned());
    }
    let mut names: Vec<_> = decode::TABLE.iter().map(|spec| spec.name).collect();
    names.sort_unstable();
    Err(format!("no call that makes a container; those are {}", names.join(", ")))
}

fn seconds(text: &str) -> std::result::Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "a number of seconds, such as 5 or 0.5".to_owned())?;
    Duration::try_from_secs_f64(number).map_err(|error| error.to_string())
}

fn json(command: &[OsString], record: &Record, outcome: Outcome) -> Result<String> {
    #[derive(Serialize)]
    struct Document<'a> {
        command: Vec<String>,
        status: Option<u8>,
        left: usize,
        #[serde(flatten)]
        record: &'a Record,
    }
    let command = command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let document = Document { command, status: outcome.status, left: outcome.left, record };
    as_json(&document)
}

fn as_json(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string(value).map_err(|error| Error::refused("write", "the trace", error))?;
    Ok(text + "\n")
}

/// Where the trace goes.
enum Sink {
    Standard,
    File(anstream::StripStream<File>),
}

impl Sink {
    fn open(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::Standard) };
        Ok(Self::File(anstream::StripStream::new(File::create(path).doing("open(2)", path)?)))
    }

    /// A reader who has gone away is no reason to end the command.
    fn print(&mut self, text: &str) {
        let _ = match self {
            Self::Standard => anstream::stderr().write_all(text.as_bytes()),
            Self::File(file) => file.write_all(text.as_bytes()),
        };
    }
}
