//! Step 03: the container of step 02, with limits.

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use kit::{Doing, Result, Rootfs, Tier, cli, rootfs, term};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::sethostname;
use step_00::Program;
use step_01::{chroot_into, exec};
use step_02::ids::{self, Maps};
use step_02::{Clone3, mounts, spawn};
use step_03::{Cgroup, Limits};

mod demonstration;

/// Lesson 03: control groups.
///
/// Without arguments: a demonstration. The guest runs into each limit, and the kernel's counters say so.
#[derive(Parser)]
#[command(name = "step-03", after_help = cli::EXIT_STATUS)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// Run a command in the container, and exit as it does
    Run {
        #[command(flatten)]
        limits: Limits,
        #[command(flatten)]
        run: cli::Run,
    },
    /// Assemble the root of the demonstration into a directory of yours
    Rootfs(cli::AssembleRootfs),
}

fn main() -> ExitCode {
    kit::start();
    kit::finish(match Cli::parse().verb {
        Some(Verb::Run { limits, run }) => run_command(&limits, &run),
        Some(Verb::Rootfs(rootfs)) => rootfs::assemble(&rootfs.dir).map(|()| 0),
        None => demonstration::demonstrate(),
    })
}

fn run_command(limits: &Limits, run: &cli::Run) -> Result<u8> {
    let root = Rootfs::at_or_assembled(run.rootfs.as_deref())?;
    let cgroup = Cgroup::create(limits)?;
    let outcome = container(root.path(), &cgroup, &Program::new(&run.command)?.in_container()?);
    let events = cgroup.events().to_string();
    if !events.is_empty() {
        term::note(events);
    }
    cgroup.remove()?;
    outcome
}

// ANCHOR: container
/// The container so far.
fn container(root: &Path, cgroup: &Cgroup, program: &Program) -> Result<u8> {
    let tier = Tier::of_self();
    let mut namespaces = CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWNET;
    if tier == Tier::User {
        namespaces |= CloneFlags::CLONE_NEWUSER;
    }
    let init = spawn(Clone3 { namespaces, cgroup: cgroup.birthplace() }, |gate| {
        cgroup.enter()?;
        // Only now: a cgroup namespace shows the tree from where its maker stands.
        unshare(CloneFlags::CLONE_NEWCGROUP).doing("unshare(2) CLONE_NEWCGROUP", "")?;
        if tier == Tier::User {
            ids::become_root(gate)?;
        }
        sethostname("step-03").doing("sethostname(2)", "step-03")?;
        mounts::make_private()?;
        mounts::mount_proc(root)?;
        chroot_into(root)?;
        exec(program)
    })?;
    if tier == Tier::User {
        Maps::me_as_root().write_for(init.pid(), tier)?;
    }
    init.release_and_wait()
}
// ANCHOR_END: container
