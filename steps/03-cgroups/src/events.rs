//! What the kernel counted.
//!
//! A process that was killed for memory ends by SIGKILL, as one that somebody killed. Only the group's counters
//! tell the two apart.

use std::fmt::{self, Display};
use std::fs;

use crate::Cgroup;

/// The counters since the group was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Events {
    /// Processes killed for memory: `oom_kill` in `memory.events`, in version 1 in `memory.oom_control`.
    pub oom_kills: u64,
    /// Forks refused: `max` in `pids.events`.
    pub forks_refused: u64,
    /// Periods in which the CPU time was used up: `nr_throttled` in `cpu.stat`.
    pub periods_throttled: u64,
}

impl Cgroup {
    /// Reads the counters; what this host does not count stays 0.
    pub fn events(&self) -> Events {
        let read = |controller, file, key| {
            let path = self.file(controller, file).ok()?;
            value(&fs::read_to_string(path).ok()?, key)
        };
        let oom_kills = read("memory", "memory.events", "oom_kill");
        let oom_kills = oom_kills.or_else(|| read("memory", "memory.oom_control", "oom_kill"));
        Events {
            oom_kills: oom_kills.unwrap_or(0),
            forks_refused: read("pids", "pids.events", "max").unwrap_or(0),
            periods_throttled: read("cpu", "cpu.stat", "nr_throttled").unwrap_or(0),
        }
    }

    /// How long somebody in the group waited for a resource (`cpu`, `memory`, `io`), in microseconds: pressure
    /// stall information, of version 2 alone (Linux 4.20). `None` where the kernel does not tell.
    pub fn pressure(&self, resource: &str) -> Option<u64> {
        let group = &self.unified()?.path;
        pressure(&fs::read_to_string(group.join(format!("{resource}.pressure"))).ok()?)
    }
}

// ANCHOR: value
/// The number behind a key at the beginning of a line.
pub fn value(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}
// ANCHOR_END: value

/// `total` of the line `some`: at least one task waited.
pub fn pressure(text: &str) -> Option<u64> {
    let some = text.lines().find(|line| line.starts_with("some "))?;
    some.split(' ').find_map(|field| field.strip_prefix("total=")?.parse().ok())
}

/// What happened, in words; nothing if nothing did.
impl Display for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = [
            (self.oom_kills, "killed by the kernel for memory (memory.max)"),
            (self.forks_refused, "times a fork was refused (pids.max)"),
            (self.periods_throttled, "periods in which the CPU time was used up (cpu.max)"),
        ];
        let happened: Vec<_> = counted
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        f.write_str(&happened.join("; "))
    }
}
