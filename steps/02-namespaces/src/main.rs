//! Step 02: the child in namespaces of its own, with the root of step 01.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use guest::Report;
use guest::load::Loaded;
use kit::demo::{self, Capture, Story};
use kit::{Doing, Result, Rootfs, Tier, cli, rootfs};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Pid, sethostname};
use step_00::Program;
use step_01::{chroot_into, exec};
use step_02::{Clone3, clock, ids, join, mounts, reap, spawn};

mod options;
use options::Options;

/// Lesson 02: clone3 and the namespaces.
///
/// Without arguments: a demonstration. The guest is process 1 of a world of its own, and reports what it sees.
#[derive(Parser)]
#[command(name = "step-02", after_help = cli::EXIT_STATUS)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// Run a command in the container, and exit as it does
    Run {
        #[command(flatten)]
        options: Options,
        #[command(flatten)]
        run: cli::Run,
    },
    /// Run a command in the namespaces and the root of a process that runs already
    Enter {
        /// The process, as this shell knows it
        pid: i32,
        /// The command and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
    /// Assemble the root of the demonstration into a directory of yours
    Rootfs(cli::AssembleRootfs),
}

fn main() -> ExitCode {
    kit::start();
    kit::finish(match Cli::parse().verb {
        Some(Verb::Run { options, run }) => run_command(&options, &run),
        Some(Verb::Enter { pid, command }) => enter(Pid::from_raw(pid), &command),
        Some(Verb::Rootfs(rootfs)) => rootfs::assemble(&rootfs.dir).map(|()| 0),
        None => demonstrate(),
    })
}

fn run_command(options: &Options, run: &cli::Run) -> Result<u8> {
    let root = Rootfs::at_or_assembled(run.rootfs.as_deref())?;
    container(root.path(), options, &Program::new(&run.command)?.in_container()?)
}

// ANCHOR: container
/// The container so far.
fn container(root: &Path, options: &Options, program: &Program) -> Result<u8> {
    let tier = Tier::of_self();
    let namespaces = options.namespaces(tier)?;
    let init = spawn(Clone3 { namespaces, cgroup: None }, |gate| {
        if namespaces.contains(CloneFlags::CLONE_NEWUSER) {
            ids::become_root(gate)?;
        }
        if namespaces.contains(CloneFlags::CLONE_NEWUTS) {
            sethostname(&options.hostname).doing("sethostname(2)", &options.hostname)?;
        }
        if let Some(seconds) = options.boottime {
            clock::shift(seconds)?;
        }
        if options.cgroup_namespace() {
            unshare(CloneFlags::CLONE_NEWCGROUP).doing("unshare(2) CLONE_NEWCGROUP", "")?;
        }
        if namespaces.contains(CloneFlags::CLONE_NEWNS) {
            mounts::make_private()?;
            mounts::mount_proc(root)?;
        }
        chroot_into(root)?;
        if options.init { reap::init(program, exec) } else { exec(program) }
    })?;
    if namespaces.contains(CloneFlags::CLONE_NEWUSER) {
        options.maps().write_for(init.pid(), tier)?;
    }
    init.release_and_wait()
}
// ANCHOR_END: container

fn enter(pid: Pid, command: &[OsString]) -> Result<u8> {
    let program = Program::new(command)?.in_container()?;
    join::enter(pid)?;
    // Once more a child: who has joined a pid namespace does not live in it, only its children do.
    let nothing_new = Clone3 { namespaces: CloneFlags::empty(), cgroup: None };
    spawn(nothing_new, |_| exec(&program))?.release_and_wait()
}

fn demonstrate() -> Result<u8> {
    let root = Rootfs::at_or_assembled(None)?;
    let ask = |options: &Options, words: &[&str]| -> Result<(u8, Capture)> {
        let capture = Capture::new()?;
        let guest = Program::new(words)?.in_container()?.stdout(capture.writer()?);
        Ok((container(root.path(), options, &guest)?, capture))
    };
    let (plain, with_init) = (Options::default(), Options { init: true, ..Options::default() });
    let (status, mut seen) = ask(&plain, demo::REPORT)?;
    let (_, mut walked) = ask(&plain, demo::WALK_OUT)?;
    let orphans = |options| -> Result<Loaded> { ask(options, &["/bin/guest", "orphans", "3"])?.1.parsed() };
    let (left, reaped) = (orphans(&plain)?, orphans(&with_init)?);

    let report: Report = seen.parsed()?;
    demo::tell(&Story {
        title: ("02", "a process in namespaces of its own"),
        done: &[
            ("clone3(2)", "a child as fork makes it, with a flag for each namespace that shall be new"),
            ("uid_map", "without privilege: who is root inside, written by this step while init waits"),
            ("sethostname(2)", "a name that only this container has"),
            ("mount(2)", "MS_REC|MS_PRIVATE, so that no mount reaches the host; then a /proc of its own"),
            ("chroot(2)", "the root of step 01"),
            ("execve(2)", "/bin/guest, which is process 1"),
        ],
        lent: &[],
        guest: &report,
        shown: &[
            (
                "3 orphans, no init".into(),
                format!("{left} zombies: process 1 must reap, and the guest does not"),
            ),
            ("3 orphans, --init".into(), format!("{reaped} zombies: a small init stands before the command")),
        ],
        hole: &[
            ("A1", format!("walk out of the root with a second chroot and `..`: {}", walked.text()?)),
            ("A4, A5", "it may fork and use memory without a limit".into()),
            ("next", "cargo run -p step-03 sets limits".into()),
        ],
        status,
    });
    Ok(status)
}
