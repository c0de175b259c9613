//! `cargo dive attack`: the matrix attack × step × tier, computed live.
//!
//! Each cell is one container of one step with the guest in it, which attacks a sentinel of the lab's. The matrix
//! is what the course is about: each lesson turns cells from ESCAPED to BLOCKED.

use std::fmt::{self, Display};
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args as ClapArgs;
use kit::{Doing, Error, Result, Tier};
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, getegid, geteuid};
use serde::Serialize;

use crate::lab::{Lab, exit_status};

mod container;
mod print;
mod runtime;

use container::Container;

/// What `cargo dive attack` is asked.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The attacks are bounded, and reach only what was placed for them: a file, a process, a disk image behind a loop device.
ESCAPED: it got there. BLOCKED(errno): it was refused. FORBIDDEN(errno): this machine does not let the step run. `-`: the
step has nothing of the kind.
As root both tiers are tried: the steps as root, and as a user without privilege.")]
pub struct Args {
    /// One lesson alone: 01 to 07
    lesson: Option<String>,
    /// As JSON, for programs
    #[arg(long)]
    json: bool,
}

/// The attacks, and what each tries.
pub const ATTACKS: [(&str, &str); 11] = [
    ("A1", "walk out of the root with a second chroot and `..`"),
    ("A2", "read a host's file through /proc/PID/root"),
    ("A3", "end a process of the host's"),
    ("A4", "fork 128 processes"),
    ("A5", "use 96 MiB of memory"),
    ("A6", "make the node of a host's disk, and mount it"),
    ("A7", "write to the runtime's binary through /proc/self/exe"),
    ("A8", "have a mount's directory made outside of the root, by a link in the root"),
    ("A9", "make the node of a host's disk, and read it"),
    ("A10", "read a host's file through a descriptor that was left open"),
    ("A11", "open /proc/sys/kernel/core_pattern for writing"),
];

/// The steps that have something to escape from.
pub const STEPS: std::ops::RangeInclusive<u8> = 1..=7;

/// One attack against one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// `A1` …
    pub attack: &'static str,
    /// The step's number.
    pub step: u8,
    /// `root` or `user`: who ran the step.
    pub tier: String,
    /// `ESCAPED`, `BLOCKED(errno)`, `FORBIDDEN(errno)`; `-` where the step has nothing of the kind.
    pub verdict: String,
}

/// Every cell that was computed.
#[derive(Debug, Clone, Serialize)]
pub struct Matrix {
    /// By tier, attack, step.
    pub cells: Vec<Cell>,
}

/// Who runs the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attacker {
    tier: Tier,
    /// Whom to become, if that is not the caller.
    becomes: Option<(Uid, Gid)>,
}

/// Computes the matrix and prints it.
pub fn run(args: &Args) -> Result<u8> {
    let steps: Vec<u8> = match &args.lesson {
        None => STEPS.collect(),
        Some(lesson) => vec![number(lesson)?],
    };
    let lab = Lab::enter()?;
    let matrix = Matrix::compute(&lab, &steps)?;
    lab.leave()?;
    if args.json {
        print::json(&matrix);
    } else {
        print::text(&matrix, &steps);
    }
    Ok(0)
}

fn number(lesson: &str) -> Result<u8> {
    let number = lesson.parse().ok().filter(|number| STEPS.contains(number));
    number.ok_or_else(|| Error::refused("attack the lesson", lesson, "there are 01 to 07"))
}

impl Matrix {
    /// Attacks each of the steps in the lab. Errors are those of the lab and of binaries that are not built; a step
    /// that this machine forbids is a verdict.
    pub fn compute(lab: &Lab, steps: &[u8]) -> Result<Self> {
        let mut cells = Vec::new();
        for attacker in Attacker::all() {
            let target = Target::place(lab, attacker)?;
            for (attack, _) in ATTACKS {
                for step in steps {
                    let container = Container::of(lab, attacker, *step)?;
                    let verdict = target.attacked(&container, attack)?;
                    cells.push(Cell { attack, step: *step, tier: attacker.tier.to_string(), verdict });
                }
            }
        }
        Ok(Self { cells })
    }
}

impl Attacker {
    /// Who is root can also be nobody.
    fn all() -> Vec<Self> {
        let caller = Self { tier: Tier::of_self(), becomes: None };
        let nobody = (Uid::from_raw(65534), Gid::from_raw(65534));
        match caller.tier {
            Tier::Root => vec![caller, Self { tier: Tier::User, becomes: Some(nobody) }],
            Tier::User => vec![caller],
        }
    }

    /// A command as this attacker; without privilege there are no capabilities and no groups.
    pub(crate) fn command(self, lab: &Lab, program: &Path) -> Command {
        let mut command = lab.command(program);
        if let Some((uid, gid)) = self.becomes {
            command.uid(uid.as_raw()).gid(gid.as_raw());
        }
        command
    }

    pub(crate) fn owner(self) -> (Uid, Gid) {
        self.becomes.unwrap_or((geteuid(), getegid()))
    }
}

/// What the attacks of one attacker are aimed at.
struct Target<'a> {
    lab: &'a Lab,
    attacker: Attacker,
    sentinel: PathBuf,
    disk: Option<crate::lab::sentinel::Disk>,
}

impl<'a> Target<'a> {
    fn place(lab: &'a Lab, attacker: Attacker) -> Result<Self> {
        let sentinel = lab.sentinel()?;
        let (uid, gid) = attacker.owner();
        nix::unistd::chown(&sentinel, Some(uid), Some(gid)).doing("chown(2)", &sentinel)?;
        let disk = if attacker.tier == Tier::Root { Some(lab.disk()?) } else { None };
        Ok(Self { lab, attacker, sentinel, disk })
    }

    /// The verdict, which is the guest's own word; where the lab can see for itself, it must agree.
    fn attacked(&self, container: &Container<'_>, attack: &str) -> Result<String> {
        if attack == "A7" {
            return container.attack_runtime();
        }
        let sentinel = self.sentinel.display().to_string();
        // The victim belongs to the attacker, so that nothing but the container stands between them.
        let mut victim = self.lab.victim(self.attacker.command(self.lab, Path::new("env")))?;
        let pid = victim.pid().to_string();
        // Without privilege the node cannot be made, whatever the disk's number.
        let number =
            self.disk.as_ref().map_or_else(|| Ok("7:0".to_owned()), crate::lab::sentinel::Disk::number)?;
        // What the lab leaves open, every program that it starts inherits.
        let left_open = (attack == "A10").then(|| self.leave_open()).transpose()?;
        let words: &[&str] = match attack {
            "A8" => return self.led_out(container),
            "A1" => &["--sentinel", &sentinel],
            "A2" => &[&pid, "--sentinel", &sentinel],
            "A3" => &[&pid],
            "A6" | "A9" => &[&number],
            _ => &[],
        };
        let verdict = container.attack(attack, words)?;
        drop(left_open);
        let reached = verdict == "ESCAPED";
        if attack == "A3" && victim.ended(reached)? != reached {
            return Err(Error::refused(
                "attack",
                attack,
                format!("says {verdict}, and the victim says otherwise"),
            ));
        }
        Ok(verdict)
    }

    fn leave_open(&self) -> Result<OwnedFd> {
        let dir = self.lab.dir();
        open(&dir, OFlag::O_RDONLY | OFlag::O_DIRECTORY, Mode::empty()).doing("open(2)", &dir)
    }

    /// Here it is the configuration's author who is careful, and the root's who is not.
    fn led_out(&self, container: &Container<'_>) -> Result<String> {
        let outside = self.lab.dir().join("outside");
        let (uid, gid) = self.attacker.owner();
        if !outside.exists() {
            fs::create_dir(&outside).doing("mkdir(2)", &outside)?;
        }
        nix::unistd::chown(&outside, Some(uid), Some(gid)).doing("chown(2)", &outside)?;
        let Some(verdict) = container.led_to(&outside)? else { return Ok("-".into()) };
        let made = outside.join("made");
        let reached = made.exists();
        if reached {
            fs::remove_dir(&made).doing("rmdir(2)", &made)?;
        }
        if reached == (verdict == "ESCAPED") {
            Ok(verdict)
        } else {
            Err(Error::refused("attack", "A8", format!("says {verdict}, and the directory says otherwise")))
        }
    }
}

/// The output of a command that must not fail to start.
pub(crate) fn output(command: &mut Command) -> Result<Answer> {
    let program = PathBuf::from(command.get_program());
    let output = command.stdin(Stdio::null()).output().doing("execve(2)", &program)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    Ok(Answer {
        status: exit_status(output.status),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    })
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u8,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit status {}: {} {}", self.status, self.stdout, self.stderr)
    }
}

/// A directory of this package's binaries that everybody may read: where they were built a stranger may have no
/// way in.
pub(crate) fn readable(lab: &Lab, name: &str) -> Result<PathBuf> {
    let built = crate::sibling(name)?;
    let copy = lab.dir().join(name);
    if !copy.exists() {
        fs::hard_link(&built, &copy).or_else(|_| fs::copy(&built, &copy).map(drop)).doing("copy", &built)?;
    }
    Ok(copy)
}
