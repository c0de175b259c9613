//! What may be asked for.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use kit::cli;
use step_06::options::Run;
use step_07::signals;

use crate::create::Milestone;

/// Lesson 07: create, start, state, kill, delete, exec.
///
/// Without arguments: a demonstration, which takes a container through its life and looks at it in between.
#[derive(Parser)]
#[command(name = "step-07", after_help = cli::EXIT_STATUS)]
pub(crate) struct Cli {
    /// Where containers are written down; else /run/docker-dive, or $XDG_RUNTIME_DIR/docker-dive
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Make a container, all of it but the program
    Create(Create),
    /// Let the program begin
    Start { id: String },
    /// Tell the state, as JSON
    State { id: String },
    /// Send a signal to the first process
    Kill {
        id: String,
        /// TERM, SIGTERM, 15
        #[arg(default_value = "TERM", value_parser = signals::parse)]
        signal: i32,
    },
    /// Run one more program in a container that runs, and exit as it does
    Exec {
        /// With a terminal of its own
        #[arg(long, short)]
        tty: bool,
        id: String,
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
    /// Sit at the terminal that a container sends to this socket; ctrl-p ctrl-q leaves, and comes back by the same words
    Console { socket: PathBuf },
    /// Remove what is left of a container that has ended
    Delete {
        /// End it first, whatever state it is in, and whatever became of its creator
        #[arg(long, short)]
        force: bool,
        id: String,
    },
    /// Make, start and delete a container, and exit as its program does
    Run(Run),
    /// Write a config.json to begin with, as `runc spec` does
    Spec(cli::WriteSpec),
    /// Assemble the root of the demonstration into a directory of yours
    Rootfs(cli::AssembleRootfs),
}

#[derive(Args)]
pub(crate) struct Create {
    /// Its name from now on
    pub(crate) id: String,
    /// A directory with a config.json and the root that it names
    #[arg(long, short, default_value = ".", value_name = "DIR")]
    pub(crate) bundle: PathBuf,
    /// Who takes the master of its terminal, if process.terminal asks for one
    #[arg(long, value_name = "SOCKET")]
    pub(crate) console_socket: Option<PathBuf>,
    /// End this command there as `kill -9` would, to see what it leaves
    #[arg(long, value_enum, value_name = "MILESTONE")]
    pub(crate) killed_at: Option<Milestone>,
}
