//! Version 1: a tree for each controller, other names for the files, another way in.
//!
//! It is history that still runs: every tree is a mount of its own below /sys/fs/cgroup, and a process stands
//! in each of them at some place. There is no `CLONE_INTO_CGROUP`; the child moves itself. Writing a pid to
//! `cgroup.procs` waits for the whole system's threads to settle, some 10 ms; writing `0`, "me", to `tasks`
//! moves one thread and does not wait. Init has one thread, so that is all of it.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use kit::{Doing, Result};

use crate::limits::{Bytes, Limits, PERIOD, Setting};

/// The files of version 1, in the order in which they are written: memory before memory with swap, which may
/// never be less.
pub fn settings(limits: &Limits) -> Vec<Setting> {
    let mut settings = Vec::new();
    if let Some(Bytes(memory)) = limits.memory {
        settings.push(Setting::asked("memory", "memory.limit_in_bytes", &memory));
        let both = memory.saturating_add(limits.swap.unwrap_or_default().0);
        let swap = Setting::asked("memory", "memory.memsw.limit_in_bytes", &both);
        settings.push(Setting { implied: limits.swap.is_none(), ..swap });
    }
    if let Some(cpus) = limits.cpus {
        settings.push(Setting::asked("cpu", "cpu.cfs_period_us", &PERIOD));
        settings.push(Setting::asked("cpu", "cpu.cfs_quota_us", &cpus.quota()));
    }
    if let Some(weight) = limits.cpu_weight {
        // The usual value is 100 in version 2 and 1024 here.
        settings.push(Setting::asked("cpu", "cpu.shares", &(weight * 1024 / 100).max(2)));
    }
    if let Some(pids) = limits.pids {
        settings.push(Setting::asked("pids", "pids.max", &pids));
    }
    for io in &limits.io {
        let file = match io.key.as_str() {
            "rbps" => "blkio.throttle.read_bps_device",
            "wbps" => "blkio.throttle.write_bps_device",
            "riops" => "blkio.throttle.read_iops_device",
            _ => "blkio.throttle.write_iops_device",
        };
        // The controller is called blkio here; hierarchies give it its later name.
        settings.push(Setting::asked("io", file, &format!("{} {}", io.device, io.value)));
    }
    settings
}

/// Opened by the parent, which may write there; init inherits the descriptor and needs no path.
pub(crate) fn open_tasks(group: &Path) -> Result<File> {
    let tasks = group.join("tasks");
    OpenOptions::new().write(true).open(&tasks).doing("open(2) cgroup file", &tasks)
}

/// Moves the calling thread.
pub(crate) fn enter(mut tasks: &File) -> Result<()> {
    tasks.write_all(b"0").doing("write \"0\" to the cgroup file", "tasks")
}
