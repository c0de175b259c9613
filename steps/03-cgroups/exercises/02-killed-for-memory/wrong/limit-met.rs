// hint: limit-met
//! Counts how often memory ran out, not whom it cost.

use kit::Result;

pub fn ending(status: u8, counters: &str) -> Result<String> {
    let count = |line: &str| line.strip_prefix("oom ")?.trim().parse().ok();
    let killed: u64 = counters.lines().find_map(count).unwrap_or(0);
    Ok(match (status, killed) {
        (137, 1..) => "killed for memory".into(),
        (129.., _) => format!("killed by signal {}", status - 128),
        (_, 0) => format!("exited with {status}"),
        _ => format!("exited with {status}; {killed} killed for memory"),
    })
}
