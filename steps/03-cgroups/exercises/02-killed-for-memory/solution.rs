//! Exercise 03.02: an OOM kill, by its name.

use kit::Result;

/// How a container ended, by the exit status of its first process and the counters of its group.
///
/// The key is compared whole: the same files have `oom`, `oom_group_kill` and, in version 1, `oom_kill_disable`.
pub fn ending(status: u8, counters: &str) -> Result<String> {
    let count = |line: &str| {
        let (key, value) = line.split_once(' ')?;
        if key == "oom_kill" { value.trim().parse().ok() } else { None }
    };
    let killed: u64 = counters.lines().find_map(count).unwrap_or(0);
    Ok(match (status, killed) {
        (137, 1..) => "killed for memory".into(),
        (129.., _) => format!("killed by signal {}", status - 128),
        (_, 0) => format!("exited with {status}"),
        _ => format!("exited with {status}; {killed} killed for memory"),
    })
}
