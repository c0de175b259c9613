//! Step 07: the container of step 06, with a life that is longer than a command.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use kit::scratch::Scratch;
use kit::{Doing, Error, Result, Rootfs, rootfs, term};
use step_00::Program;
use step_06::options::Run;
use step_07::{Plan, Store, clone_binary, delete, spec, terminal};

mod commands;
mod create;
mod demonstration;
mod exec;
mod heard;
mod init;
mod options;
mod screen;
mod stage;

use create::Order;
use options::{Cli, Create, Verb};

fn main() -> ExitCode {
    kit::start();
    let cli = Cli::parse();
    kit::finish(cli.act())
}

impl Cli {
    fn act(&self) -> Result<u8> {
        if matches!(self.verb, None | Some(Verb::Create(_) | Verb::Exec { .. } | Verb::Run(_))) {
            // Whoever goes near a container goes from a file that nobody can write.
            clone_binary::execute_from_clone()?;
        }
        let store = || Store::open(self.root.as_deref());
        let container = |id: &str| store()?.container(id);
        let done = match &self.verb {
            None => return demonstration::demonstrate(),
            Some(Verb::Run(run)) => return run_bundle(run),
            Some(Verb::Exec { tty, id, command }) => return exec::exec_in(&container(id)?, command, *tty),
            Some(Verb::Create(create)) => create_bundle(&store()?, create),
            Some(Verb::Start { id }) => commands::start(&container(id)?),
            Some(Verb::State { id }) => commands::state(&container(id)?),
            Some(Verb::Kill { id, signal }) => commands::kill(&container(id)?, *signal),
            Some(Verb::Delete { force, id }) => commands::delete(&store()?, id, *force),
            Some(Verb::Console { socket }) => screen::sit_at(socket),
            Some(Verb::Spec(to)) => spec::write(&to.bundle, to.rootless),
            Some(Verb::Rootfs(rootfs)) => rootfs::assemble(&rootfs.dir),
        };
        done.map(|()| 0)
    }
}

fn create_bundle(store: &Store, create: &Create) -> Result<()> {
    let plan = Plan::load(&create.bundle)?;
    let process = &plan.bundle.config.process;
    let program = Program::new(&process.args)?.env(&process.env)?;
    plan.bundle.tell_unapplied();
    let console = match (&create.console_socket, plan.terminal) {
        (Some(socket), true) => Some(UnixStream::connect(socket).doing("connect(2)", socket)?),
        (None, false) => None,
        (None, true) => {
            return Err(Error::refused("config.json", "process.terminal", "nobody would hold the terminal")
                .advise("--console-socket SOCKET, at which step-07 console SOCKET listens"));
        }
        (Some(_), false) => {
            return Err(Error::refused("--console-socket", "", "process.terminal asks for none"));
        }
    };
    let (detached, size, killed_at) = (true, plan.size, create.killed_at);
    let order = Order { plan: &plan, program: &program, detached, console, size, killed_at };
    commands::create(store, &create.id, &order).map(drop)
}

fn run_bundle(asked: &Run) -> Result<u8> {
    // First of all: with it goes what killed runs have left.
    let scratch = Scratch::new_after(&delete::bury)?;
    let run = &asked.run;
    let made = run.bundle.is_none().then(|| Rootfs::at_or_assembled(run.rootfs.as_deref())).transpose()?;
    let plan = match (&run.bundle, &made) {
        (Some(dir), _) => Plan::load(dir)?,
        (None, made) => spec::plan_for(made.as_ref().map_or(Path::new("rootfs"), Rootfs::path))?,
    };
    let mut plan = if run.strict { plan.strictly()? } else { plan };
    plan.confinement.writable = asked.only_writable();
    plan.bundle.tell_unapplied();
    let process = &plan.bundle.config.process;
    let program = Program::new(&run.words(&process.args))?.env(&process.env)?;
    let store = Store::open(Some(&scratch.path().join("state")))?;
    if plan.terminal && !terminal::is_ours() {
        term::note("not applied: process.terminal (standard input is no terminal)");
    }
    let seat = (plan.terminal && terminal::is_ours()).then(UnixStream::pair).transpose();
    let (seat, console) = seat.doing("socketpair(2)", "")?.unzip();
    let size = terminal::size(std::io::stdin()).ok().or(plan.size);
    let order = Order { plan: &plan, program: &program, detached: false, console, size, killed_at: None };
    commands::run(&store, &order, seat.as_ref())
}
