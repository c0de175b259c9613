//! Step 06: the container of step 05, confined.

use std::fs::File;
use std::path::{Path, PathBuf};
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
use step_05::{Bundle, mount};
use step_06::options::Run;
use step_06::{Confinement, mount_all, spec};

mod demonstration;
mod filter;
mod matrix;

/// Lesson 06: root with less than root's power.
///
/// Without arguments: a demonstration with a bundle of its own.
#[derive(Parser)]
#[command(name = "step-06", after_help = cli::EXIT_STATUS)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// Run a bundle, or a command in a bundle that is made for it, and exit as it does
    Run(Run),
    /// Write a config.json to begin with, as `runc spec` does
    Spec(cli::WriteSpec),
    /// Disassemble the filter of a bundle, or of the configuration that this step writes
    Filter {
        /// The bundle
        #[arg(long, value_name = "DIR")]
        bundle: Option<PathBuf>,
    },
    /// Try each of some capabilities on the call that it permits, and print what came of it
    Matrix,
    /// Assemble the root of the demonstration into a directory of yours
    Rootfs(cli::AssembleRootfs),
}

fn main() -> ExitCode {
    kit::start();
    kit::finish(match Cli::parse().verb {
        Some(Verb::Run(run)) => run_bundle(&run),
        Some(Verb::Spec(to)) => spec::write(&to.bundle, to.rootless).map(|()| 0),
        Some(Verb::Filter { bundle }) => filter::show(bundle.as_deref()),
        Some(Verb::Matrix) => matrix::show(),
        Some(Verb::Rootfs(rootfs)) => rootfs::assemble(&rootfs.dir).map(|()| 0),
        None => demonstration::demonstrate(),
    })
}

fn run_bundle(asked: &Run) -> Result<u8> {
    let run = &asked.run;
    let made = run.bundle.is_none().then(|| Rootfs::at_or_assembled(run.rootfs.as_deref())).transpose()?;
    let (bundle, mut confinement) = match (&run.bundle, &made) {
        (Some(dir), _) => step_06::load(dir)?,
        (None, made) => spec::bundle_for(made.as_ref().map_or(Path::new("rootfs"), Rootfs::path))?,
    };
    let bundle = if run.strict { bundle.strictly()? } else { bundle };
    bundle.tell_unapplied();
    confinement.writable = asked.only_writable();
    let process = &bundle.config.process;
    let program = Program::new(&run.words(&process.args))?;
    let (program, cgroup) = (program.env(&process.env)?, cgroup_for(&bundle)?);
    let outcome = container(&bundle, &confinement, cgroup.as_ref(), &program);
    cgroup.map_or(Ok(()), Cgroup::remove).and(outcome)
}

/// The group with the limits of the configuration; without limits it may be missing.
fn cgroup_for(bundle: &Bundle) -> Result<Option<Cgroup>> {
    let limits = &bundle.config.limits;
    if limits.is_empty() { Cgroup::create_if_allowed(limits) } else { Cgroup::create(limits).map(Some) }
}

/// The container so far.
fn container(
    bundle: &Bundle,
    confinement: &Confinement,
    cgroup: Option<&Cgroup>,
    program: &Program,
) -> Result<u8> {
    let (tier, config) = (Tier::of_self(), &bundle.config);
    if tier == Tier::User && config.maps.is_none() {
        let error =
            Error::refused("config.json", "linux.namespaces", "has no user namespace, and you are not root");
        return Err(error.advise("step-06 spec --rootless, or runc spec --rootless, writes one that has"));
    }
    let joined: Vec<_> = config
        .joined
        .iter()
        .map(|(kind, path)| File::open(path).doing("open(2) a namespace", path).map(|file| (*kind, file)))
        .collect::<Result<_>>()?;

    let namespaces = config.namespaces - CloneFlags::CLONE_NEWCGROUP;
    let birthplace = cgroup.and_then(Cgroup::birthplace);
    // ANCHOR: composed
    let init = spawn(Clone3 { namespaces, cgroup: birthplace }, |gate| {
        if let Some(cgroup) = cgroup {
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
        mount_all(bundle, cgroup)?;
        confinement.confine_paths(&bundle.root)?;
        pivot_into(&bundle.root)?;
        if config.read_only {
            mount::remount(Path::new("/"), MsFlags::MS_RDONLY)?;
        }
        confinement.drop_privileges(&config.process)?;
        gate.die_with_parent()?;
        confinement.seal()?;
        exec(program)
    })?;
    // ANCHOR_END: composed
    if let Some(maps) = &config.maps {
        maps.write_for(init.pid(), tier)?;
    }
    init.release_and_wait()
}
