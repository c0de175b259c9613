//! Step 04: the container of step 03, with a mount tree of its own. This is the first that deserves the name.

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use kit::{Doing, Result, Rootfs, Tier, cli, rootfs, term};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::sethostname;
// ANCHOR: uses
use step_00::Program;
use step_01::exec;
use step_02::ids::{self, Maps};
use step_02::{Clone3, mounts, spawn};
use step_03::{Cgroup, Limits};
use step_04::{bind_to_itself, dev, pivot_into, sys};
// ANCHOR_END: uses

mod demonstration;

/// Lesson 04: pivot_root, and a mount tree without the host's.
///
/// Without arguments: a demonstration. The guest looks for the host's files, and finds none.
#[derive(Parser)]
#[command(name = "step-04", after_help = cli::EXIT_STATUS)]
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
    let asked = !limits.is_empty();
    let cgroup = if asked { Some(Cgroup::create(limits)?) } else { Cgroup::create_if_allowed(limits)? };
    let outcome = container(root.path(), cgroup.as_ref(), &Program::new(&run.command)?.in_container()?);
    if let Some(cgroup) = cgroup {
        let events = cgroup.events().to_string();
        if !events.is_empty() {
            term::note(events);
        }
        cgroup.remove()?;
    }
    outcome
}

/// The container so far.
fn container(root: &Path, cgroup: Option<&Cgroup>, program: &Program) -> Result<u8> {
    let tier = Tier::of_self();
    let mut namespaces = CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWNET;
    if tier == Tier::User {
        namespaces |= CloneFlags::CLONE_NEWUSER;
    }
    let init = spawn(Clone3 { namespaces, cgroup: cgroup.and_then(Cgroup::birthplace) }, |gate| {
        if let Some(cgroup) = cgroup {
            cgroup.enter()?;
            unshare(CloneFlags::CLONE_NEWCGROUP).doing("unshare(2) CLONE_NEWCGROUP", "")?;
        }
        if tier == Tier::User {
            ids::become_root(gate)?;
        }
        // ANCHOR: init
        sethostname("step-04").doing("sethostname(2)", "step-04")?;
        mounts::make_private()?;
        bind_to_itself(root)?;
        mounts::mount_proc(root)?;
        sys::mount_sys(root)?;
        let cgroups = root.join("sys/fs/cgroup");
        if let Some(cgroup) = cgroup.filter(|_| cgroups.is_dir()) {
            sys::mount_cgroups(&cgroups, cgroup)?;
        }
        dev::mount_dev(root)?;
        pivot_into(root)?;
        exec(program)
        // ANCHOR_END: init
    })?;
    if tier == Tier::User {
        Maps::me_as_root().write_for(init.pid(), tier)?;
    }
    init.release_and_wait()
}
