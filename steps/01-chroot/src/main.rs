//! Step 01: the child of step 00, in a root directory of its own.

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use guest::Report;
use kit::demo::{self, Capture, Story};
use kit::{Result, Rootfs, Tier, cli, rootfs, tier};
use step_00::{Program, spawn};
use step_01::{chroot_into, exec};

/// Lesson 01: chroot, the root directory of a process.
///
/// Without arguments: a demonstration. A root is assembled from this host's programs, and the guest in it
/// reports what it sees.
#[derive(Parser)]
#[command(name = "step-01", after_help = cli::EXIT_STATUS)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// Run a command in the root, and exit as it does
    Run(cli::Run),
    /// Assemble the root of the demonstration into a directory of yours
    Rootfs(cli::AssembleRootfs),
}

fn main() -> ExitCode {
    kit::start();
    kit::finish(match Cli::parse().verb {
        Some(Verb::Run(run)) => run_command(&run),
        Some(Verb::Rootfs(rootfs)) => rootfs::assemble(&rootfs.dir).map(|()| 0),
        None => demonstrate(),
    })
}

fn run_command(run: &cli::Run) -> Result<u8> {
    let root = Rootfs::at_or_assembled(run.rootfs.as_deref())?;
    container(root.path(), &Program::new(&run.command)?.in_container()?)
}

// ANCHOR: container
/// The container so far.
fn container(root: &Path, program: &Program) -> Result<u8> {
    let tier = Tier::of_self();
    demo::say_borrowed(tier);
    let child = spawn(|| {
        // chroot needs CAP_SYS_CHROOT, and the /proc that is put into the root must leave with the child.
        tier::lend_mounts(tier, root)?;
        chroot_into(root)?;
        exec(program)
    })?;
    child.wait()
}
// ANCHOR_END: container

fn demonstrate() -> Result<u8> {
    let root = Rootfs::at_or_assembled(None)?;
    let ask = |words: &[&str]| -> Result<(u8, Capture)> {
        let capture = Capture::new()?;
        let guest = Program::new(words)?.in_container()?.stdout(capture.writer()?);
        Ok((container(root.path(), &guest)?, capture))
    };
    let (status, mut seen) = ask(demo::REPORT)?;
    let (_, mut walked) = ask(demo::WALK_OUT)?;

    let report: Report = seen.parsed()?;
    demo::tell(&Story {
        title: ("01", "a process in a root directory of its own"),
        done: &[
            ("fork(2)", "a child, as in step 00"),
            ("chdir(2)", "into the root that was assembled from this host's programs"),
            ("chroot(2)", "where it stands becomes its /"),
            ("chdir(2)", "to the new /, or it would still stand outside"),
            ("execve(2)", "/bin/guest, whose loader and libraries lie in the root as well"),
        ],
        lent: &["mnt", "user"],
        guest: &report,
        shown: &[],
        hole: &[
            ("A1", format!("walk out of the root with a second chroot and `..`: {}", walked.text()?)),
            ("A2, A3", "it sees the host's processes, and so their files and a way to end them".into()),
            (
                "next",
                "cargo run -p step-02 gives it processes, mounts, a hostname and a network of its own".into(),
            ),
        ],
        status,
    });
    Ok(status)
}
