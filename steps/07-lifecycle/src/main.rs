//! Step 07: the container of step 06, with a life that is longer than a command.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use kit::scratch::Scratch;
use kit::{Result, Rootfs, cli, rootfs, term};
use step_00::Program;
use step_07::{Plan, Store, signals, spec};

mod commands;
mod create;

use create::{Milestone, Order};

/// Lesson 07: create, start, state, kill, delete, exec.
///
/// Without arguments: a demonstration, which takes a container through its life and looks at it in between.
#[derive(Parser)]
#[command(name = "step-07", after_help = cli::EXIT_STATUS)]
struct Cli {
    /// Where containers are written down; else /run/docker-dive, or $XDG_RUNTIME_DIR/docker-dive
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<PathBuf>,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
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
    Spec {
        /// For who is not root: with a user namespace
        #[arg(long)]
        rootless: bool,
        /// The bundle
        #[arg(long, default_value = ".", value_name = "DIR")]
        bundle: PathBuf,
    },
    /// Assemble the root of the demonstration into a directory of yours
    Rootfs(cli::AssembleRootfs),
}

#[derive(Args)]
struct Create {
    /// Its name from now on
    id: String,
    /// A directory with a config.json and the root that it names
    #[arg(long, short, default_value = ".", value_name = "DIR")]
    bundle: PathBuf,
    /// End this command there as `kill -9` would, to see what it leaves
    #[arg(long, value_enum, value_name = "MILESTONE")]
    killed_at: Option<Milestone>,
}

#[derive(Args)]
#[group(skip)]
struct Run {
    /// A directory with a config.json and the root that it names
    #[arg(long, value_name = "DIR", conflicts_with = "rootfs")]
    bundle: Option<PathBuf>,
    /// Refuse a configuration of which any field would not be applied
    #[arg(long)]
    strict: bool,
    /// A root directory of yours for the bundle that is made
    #[arg(long, value_name = "DIR")]
    rootfs: Option<PathBuf>,
    /// Instead of process.args
    #[arg(required_unless_present = "bundle", trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

fn main() -> ExitCode {
    kit::start();
    let cli = Cli::parse();
    kit::finish(match &cli.verb {
        None => Ok(0),
        Some(Verb::Run(run)) => run_bundle(run),
        Some(Verb::Spec { rootless, bundle }) => spec::write(bundle, *rootless).map(|()| 0),
        Some(Verb::Rootfs(rootfs)) => rootfs::assemble(&rootfs.dir).map(|()| 0),
        Some(verb) => Store::open(cli.root.as_deref()).and_then(|store| verb.done(&store)).map(|()| 0),
    })
}

impl Verb {
    fn done(&self, store: &Store) -> Result<()> {
        match self {
            Self::Create(create) => create_bundle(store, create),
            Self::Start { id } => commands::start(&store.container(id)?),
            Self::State { id } => commands::state(&store.container(id)?),
            Self::Kill { id, signal } => commands::kill(&store.container(id)?, *signal),
            Self::Delete { force, id } => commands::delete(store, id, *force),
            Self::Run(_) | Self::Spec { .. } | Self::Rootfs(_) => Ok(()),
        }
    }
}

fn create_bundle(store: &Store, create: &Create) -> Result<()> {
    let plan = Plan::load(&create.bundle)?;
    let process = &plan.bundle.config.process;
    let program = Program::new(&process.args)?.env(&process.env)?;
    tell_unapplied(&plan);
    let order = Order { plan: &plan, program: &program, detached: true, killed_at: create.killed_at };
    commands::create(store, &create.id, &order).map(drop)
}

fn run_bundle(run: &Run) -> Result<u8> {
    let made = run.bundle.is_none().then(|| Rootfs::at_or_assembled(run.rootfs.as_deref())).transpose()?;
    let plan = match (&run.bundle, &made) {
        (Some(dir), _) => Plan::load(dir)?,
        (None, made) => spec::plan_for(made.as_ref().map_or(Path::new("rootfs"), Rootfs::path))?,
    };
    let plan = if run.strict { plan.strictly()? } else { plan };
    tell_unapplied(&plan);
    let process = &plan.bundle.config.process;
    let words = process.args.iter().map(OsString::from).collect();
    let command = if run.command.is_empty() { &words } else { &run.command };
    let program = Program::new(command)?.env(&process.env)?;
    let scratch = Scratch::new()?;
    let store = Store::open(Some(&scratch.path().join("state")))?;
    commands::run(&store, &Order { plan: &plan, program: &program, detached: false, killed_at: None })
}

fn tell_unapplied(plan: &Plan) {
    for field in &plan.bundle.unapplied {
        term::note(format_args!("not applied: {} ({})", field.path, field.by));
    }
}
