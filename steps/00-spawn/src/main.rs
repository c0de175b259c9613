//! Step 00: a command, run as a shell runs it. The "container" so far is nothing but a child.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use guest::Report;
use kit::demo::{self, Capture, Story};
use kit::{Result, cli};
use step_00::{Program, exec, spawn};

/// Lesson 00: fork, execve, waitpid.
///
/// Without arguments: a demonstration. A child becomes the guest, which reports what it inherited.
#[derive(Parser)]
#[command(name = "step-00", after_help = cli::EXIT_STATUS)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// Run a command as a shell does, and exit as it does
    Run {
        /// The command and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    kit::start();
    kit::finish(match Cli::parse().verb {
        Some(Verb::Run { command }) => Program::new(&command).and_then(|program| run(&program)),
        None => demonstrate(),
    })
}

// ANCHOR: run
/// All there is to it.
fn run(program: &Program) -> Result<u8> {
    let child = spawn(|| exec(program))?;
    child.wait()
}
// ANCHOR_END: run

fn demonstrate() -> Result<u8> {
    let mut capture = Capture::new()?;
    // The guest is this very program under another name: argv[0] is whatever the caller of execve says.
    let guest = Program::new(&["guest", "report", "--json"])?.executed_from("/proc/self/exe")?;
    let status = run(&guest.stdout(capture.writer()?))?;

    let host = Report::of_self();
    let report: Report = capture.parsed()?;
    let inherited = |same: bool| if same { "inherited" } else { "changed" }.to_owned();
    demo::tell(&Story {
        title: ("00", "a process is born, becomes a program, and is waited for"),
        done: &[
            ("fork(2)", "this step is copied: the child is the same program at the same line"),
            ("execve(2)", "the child becomes another program; its pid stays"),
            ("waitpid(2)", "this step sleeps until the child ends, and learns how"),
        ],
        lent: &[],
        guest: &report,
        shown: &[
            ("working directory".into(), inherited(host.cwd == report.cwd)),
            ("environment".into(), inherited(host.environment == report.environment)),
            ("file mode mask".into(), inherited(host.umask == report.umask)),
        ],
        hole: &[
            ("everything", "the guest reads every file and signals every process that you may".into()),
            ("next", "cargo run -p step-01 gives it a root directory of its own".into()),
        ],
        status,
    });
    Ok(status)
}
