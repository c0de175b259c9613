//! `dive-runtime`: runc's command line, for engines execute a runtime by that.
//!
//! Each verb has a file of its own. What fails is said on standard error and in the log, and the status is 1; `run` and
//! `exec` end with the status of the container's process.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::error::{Error, Kind, Result};
use crate::runtime::store::Store;
use crate::sys::clone;

mod create;
mod exec;
mod list;
mod log;
mod spec;
mod state;

use log::Log;

/// Containers as the Open Container Initiative specifies them, for Linux.
#[derive(Debug, Parser)]
#[command(name = "dive-runtime", version = VERSION, disable_version_flag = true, subcommand_required = true)]
struct Line {
    /// Write what is worth knowing while debugging, too
    #[arg(long)]
    debug: bool,
    /// The file to write warnings and errors to [default: standard error]
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// How they are written
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: Format,
    /// The directory in which the state of containers is kept [default: /run/dive-runtime, or below XDG_RUNTIME_DIR]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Have systemd make the cgroups
    #[arg(long)]
    systemd_cgroup: bool,
    /// Whether to run without being root: true, false or auto
    #[arg(long, value_name = "WHETHER", default_value = "auto", hide = true)]
    rootless: String,
    /// The path of criu
    #[arg(long, value_name = "FILE", hide = true)]
    criu: Option<PathBuf>,
    /// Print the version
    #[arg(short, long, action = clap::ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a container, and leave it waiting to be started
    Create(create::Create),
    /// Start a container that was created
    Start(Id),
    /// Print the state of a container as JSON
    State(Id),
    /// Send a signal to the first process of a container
    Kill(Kill),
    /// Remove a container
    Delete(Delete),
    /// Make a container, start it, wait for its end and remove it
    Run(create::Run),
    /// Execute another process in a container that runs
    Exec(Box<exec::Exec>),
    /// Print the containers
    #[command(alias = "ls")]
    List(list::List),
    /// Write a configuration to begin with
    Spec(spec::Write),
}

#[derive(Debug, clap::Args)]
struct Id {
    /// The name of the container
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(Debug, clap::Args)]
struct Kill {
    /// The name of the container
    #[arg(value_name = "ID")]
    id: String,
    /// The signal, by name or by number
    #[arg(value_name = "SIGNAL", default_value = "SIGTERM")]
    signal: String,
    /// Send it to all processes of the container
    #[arg(short, long)]
    all: bool,
}

#[derive(Debug, clap::Args)]
struct Delete {
    /// The name of the container
    #[arg(value_name = "ID")]
    id: String,
    /// End the container first, if it runs; and do not mind if there is none
    #[arg(short, long)]
    force: bool,
}

/// As `--version` tells it; engines read both lines.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\nspec: 1.3.0");

/// Runs what the command line asks for, and says how it went.
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|fault| {
        // And no more than that: a trace would be looked up in files whose names mean the container's by then.
        let _ = writeln!(std::io::stderr(), "dive-runtime: a fault of its own: {fault}");
        // At once: the first process of a namespace is not ended by signals that it raises itself, if somebody traces it.
        clone::end(clone::PANICKED)
    }));
    let line = match Line::try_parse() {
        Ok(line) => line,
        Err(error) => {
            // A reader that has gone away does not need the words.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let log = match Log::open(line.log.as_deref(), line.log_format, line.debug) {
        Ok(log) => log,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    match run(line, &log) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            log.error(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(line: Line, log: &Log) -> Result<u8> {
    if line.systemd_cgroup {
        return Err(Error::refused(Kind::Unsupported, "--systemd-cgroup", "", "it cannot be had yet"));
    }
    if !matches!(line.rootless.as_str(), "true" | "false" | "auto") {
        return Err(Error::refused(
            Kind::Invalid,
            "--rootless",
            line.rootless,
            "neither true, false nor auto",
        ));
    }
    let store = Store::new(line.root.unwrap_or_else(default_root));
    let warn: &dyn Fn(&str) = &|text| log.warning(text);
    match line.verb {
        Verb::Create(create) => create.run(&store, warn),
        Verb::Run(run) => return run.run(&store, warn),
        Verb::Exec(exec) => return exec.run(&store, warn),
        Verb::Start(it) => crate::runtime::start::start(&store, &it.id, warn),
        Verb::State(it) => state::print(&store, &it.id),
        Verb::Kill(it) => {
            crate::runtime::kill::kill(&store, &it.id, crate::runtime::kill::signal(&it.signal)?, it.all)
        }
        Verb::Delete(it) => crate::runtime::delete::delete(&store, &it.id, it.force, warn),
        Verb::List(list) => list.run(&store, warn),
        Verb::Spec(spec) => spec.run(),
    }
    .map(|()| 0)
}

/// Below /run, where only root may write; everybody else has a directory of their own there.
fn default_root() -> PathBuf {
    let own = std::env::var_os("XDG_RUNTIME_DIR").filter(|_| !nix::unistd::geteuid().is_root());
    PathBuf::from(own.unwrap_or_else(|| OsString::from("/run"))).join("dive-runtime")
}
