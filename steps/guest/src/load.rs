//! Bounded loads: a number of processes, some memory, some CPU time, a few orphans.

use std::fmt::{self, Display};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Subcommand;
use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::Report;

/// A load, with its bound.
#[derive(Debug, Clone, Subcommand)]
pub enum Load {
    /// Hold so many processes at once
    Processes {
        /// How many
        count: u32,
    },
    /// Touch so much memory
    Memory {
        /// How many MiB
        mib: usize,
    },
    /// Keep one CPU busy
    Cpu {
        /// For how many milliseconds
        milliseconds: u64,
    },
    /// Wait until standard input is closed
    #[command(hide = true)]
    Hold,
    /// End at once, and leave this many children behind that end soon after
    #[command(hide = true)]
    Orphan {
        /// How many
        count: u32,
    },
}

/// How far a load got.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// Processes, MiB or milliseconds of CPU time.
    pub reached: u64,
    /// The errno that stopped it, by name; absent when it reached its bound.
    pub stopped_by: Option<String>,
}

impl Load {
    /// Loads, and lets go again.
    pub fn run(&self) -> Loaded {
        match self {
            Self::Processes { count } => processes(*count),
            Self::Memory { mib } => memory(*mib),
            Self::Cpu { milliseconds } => cpu(Duration::from_millis(*milliseconds)),
            Self::Hold => hold(),
            Self::Orphan { count } => leave(*count),
        }
    }
}

/// As a person reads it: `128`, or `62, then EAGAIN`.
impl Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reached)?;
        self.stopped_by.iter().try_for_each(|by| write!(f, ", then {by}"))
    }
}

/// The guest's own program once more, with other words. Its output goes to pipes: a root may have no /dev/null.
pub(crate) fn guest<const N: usize>(words: [&str; N]) -> Command {
    let program = std::env::current_exe().unwrap_or_else(|_| "/bin/guest".into());
    let mut command = Command::new(program);
    command.arg0(crate::NAME).args(words);
    command
}

pub(crate) fn processes(count: u32) -> Loaded {
    let mut held: Vec<Child> = Vec::new();
    let mut stopped_by = None;
    for _ in 0..count {
        match guest(["load", "hold"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() {
            Ok(child) => held.push(child),
            Err(error) => {
                stopped_by = Some(format!("{:?}", Errno::from_raw(error.raw_os_error().unwrap_or(0))));
                break;
            }
        }
    }
    let reached = held.len() as u64;
    for mut child in held {
        // Closing its standard input ends it.
        drop(child.stdin.take());
        let _ = child.wait();
    }
    Loaded { reached, stopped_by }
}

fn hold() -> Loaded {
    let read = std::io::stdin().read_to_end(&mut Vec::new());
    Loaded { reached: 0, stopped_by: read.err().map(|error| error.to_string()) }
}

/// Every page is written, for the kernel counts memory when it is first touched, not when it is asked for.
fn memory(mib: usize) -> Loaded {
    const MIB: usize = 1 << 20;
    let mut held: Vec<Vec<u8>> = Vec::new();
    for _ in 0..mib {
        held.push((0..MIB).map(|at| u8::from(at % 4096 == 0)).collect());
    }
    let touched: usize = held.iter().map(Vec::len).sum();
    Loaded { reached: (touched / MIB) as u64, stopped_by: None }
}

/// Busy for so long; `reached` is the CPU time of it. What came before, the start of this program, does not count, nor
/// what comes after: a process that is withheld the CPU notices late that its time is up.
fn cpu(duration: Duration) -> Loaded {
    let used = || clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(Duration::ZERO, Duration::from);
    let (begun, before) = (Instant::now(), used());
    let mut busy = Duration::ZERO;
    loop {
        let until_now = used().saturating_sub(before);
        if begun.elapsed() >= duration {
            break;
        }
        busy = until_now;
    }
    Loaded { reached: u64::try_from(busy.as_millis()).unwrap_or(u64::MAX), stopped_by: None }
}

/// Makes orphans that end, and counts those that nobody reaps. Their parent ends first, so each falls to the
/// first process of the pid namespace; `reached` is the number of zombies a moment later.
pub(crate) fn orphans(count: u32) -> Loaded {
    let mut maker = guest(["load", "orphan", &count.to_string()]);
    maker.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut maker = match maker.spawn() {
        Ok(maker) => maker,
        Err(error) => return Loaded { reached: 0, stopped_by: Some(error.to_string()) },
    };
    // The orphans hold the reading end as their standard input: dropping ours ends them. They hold the writing end
    // of the other as their standard error: it ends when the last of them does.
    let (leash, ending) = (maker.stdin.take(), maker.stderr.take());
    let made = maker.wait();
    drop(leash);
    let _ = ending.map(|mut ending| ending.read_to_end(&mut Vec::new()));
    // Between closing its files and being a zombie, or reaped, a process has a moment left.
    std::thread::sleep(Duration::from_millis(100));
    let zombies = Report::of_self().zombies.len() as u64;
    Loaded { reached: zombies, stopped_by: made.err().map(|error| error.to_string()) }
}

fn leave(count: u32) -> Loaded {
    let left: Vec<_> = (0..count)
        .map_while(|_| guest(["load", "hold"]).stdin(Stdio::inherit()).stdout(Stdio::piped()).spawn().ok())
        .collect();
    Loaded { reached: left.len() as u64, stopped_by: None }
}
