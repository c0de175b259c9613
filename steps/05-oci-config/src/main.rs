//! Step 05: the container of step 04, described by a bundle's config.json.

use std::fs::File;
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use kit::{Doing, Error, Result, Rootfs, Tier, cli, rootfs};
use nix::mount::MsFlags;
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::sethostname;
use step_00::Program;
use step_01::exec;
use step_02::{Clone3, ids, mounts, spawn};
use step_03::Cgroup;
use step_04::{bind_to_itself, pivot_into};
use step_05::{Bundle, mount, mount_all, spec};

mod demonstration;

/// Lesson 05: the runtime specification's config.json.
///
/// Without arguments: a demonstration with a bundle of its own. Fields that this lesson does not teach are
/// listed on each run as not applied.
#[derive(Parser)]
#[command(name = "step-05", after_help = cli::EXIT_STATUS)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// Run a bundle, or a command in a bundle that is made for it, and exit as it does
    Run(cli::RunBundle),
    /// Write a config.json to begin with, as `runc spec` does
    Spec(cli::WriteSpec),
    /// Assemble the root of the demonstration into a directory of yours
    Rootfs(cli::AssembleRootfs),
}

fn main() -> ExitCode {
    kit::start();
    kit::finish(match Cli::parse().verb {
        Some(Verb::Run(run)) => run_bundle(&run),
        Some(Verb::Spec(to)) => spec::write(&to.bundle, to.rootless).map(|()| 0),
        Some(Verb::Rootfs(rootfs)) => rootfs::assemble(&rootfs.dir).map(|()| 0),
        None => demonstration::demonstrate(),
    })
}

fn run_bundle(run: &cli::RunBundle) -> Result<u8> {
    let made = run.bundle.is_none().then(|| Rootfs::at_or_assembled(run.rootfs.as_deref())).transpose()?;
    let bundle = match (&run.bundle, &made) {
        (Some(dir), _) => Bundle::load(dir)?,
        (None, made) => spec::bundle_for(made.as_ref().map_or(Path::new("rootfs"), Rootfs::path))?,
    };
    let bundle = if run.strict { bundle.strictly()? } else { bundle };
    bundle.tell_unapplied();
    let process = &bundle.config.process;
    container(&bundle, &Program::new(&run.words(&process.args))?.env(&process.env)?)
}

/// The container so far.
fn container(bundle: &Bundle, program: &Program) -> Result<u8> {
    let (tier, config) = (Tier::of_self(), &bundle.config);
    if tier == Tier::User && config.maps.is_none() {
        let error =
            Error::refused("config.json", "linux.namespaces", "has no user namespace, and you are not root");
        return Err(error.advise("step-05 spec --rootless, or runc spec --rootless, writes one that has"));
    }
    let limited = !config.limits.is_empty();
    let cgroup = if limited {
        Some(Cgroup::create(&config.limits)?)
    } else {
        Cgroup::create_if_allowed(&config.limits)?
    };
    let joined: Vec<_> = config
        .joined
        .iter()
        .map(|(kind, path)| File::open(path).doing("open(2) a namespace", path).map(|file| (*kind, file)))
        .collect::<Result<_>>()?;

    let namespaces = config.namespaces - CloneFlags::CLONE_NEWCGROUP;
    let birthplace = cgroup.as_ref().and_then(Cgroup::birthplace);
    // ANCHOR: composed
    let init = spawn(Clone3 { namespaces, cgroup: birthplace }, |gate| {
        if let Some(cgroup) = &cgroup {
            cgroup.enter()?;
        }
        for (kind, file) in &joined {
            setns(file, *kind).doing(format!("setns(2) {}", step_02::names(*kind)), "")?;
        }
        if config.namespaces.contains(CloneFlags::CLONE_NEWCGROUP) {
            unshare(CloneFlags::CLONE_NEWCGROUP).doing("unshare(2) CLONE_NEWCGROUP", "")?;
        }
        if config.maps.is_some() {
            ids::become_root(gate)?;
        }
        if let Some(name) = &config.hostname {
            sethostname(name).doing("sethostname(2)", name)?;
        }
        mounts::make_private()?;
        bind_to_itself(&bundle.root)?;
        mount_all(bundle, cgroup.as_ref())?;
        pivot_into(&bundle.root)?;
        if config.read_only {
            mount::remount(Path::new("/"), MsFlags::MS_RDONLY)?;
        }
        config.process.become_user()?;
        gate.die_with_parent()?;
        exec(program)
    })?;
    // ANCHOR_END: composed
    if let Some(maps) = &config.maps {
        maps.write_for(init.pid(), tier)?;
    }
    let outcome = init.release_and_wait();
    if let Some(cgroup) = cgroup {
        cgroup.remove()?;
    }
    outcome
}
