// hint: prefix
//! The first line that begins with the name.

use kit::Result;

pub fn ending(status: u8, counters: &str) -> Result<String> {
    let line = counters.lines().find(|line| line.starts_with("oom_kill"));
    let killed: u64 = line.and_then(|line| line.split_once(' ')?.1.trim().parse().ok()).unwrap_or(0);
    Ok(match (status, killed) {
        (137, 1..) => "killed for memory".into(),
        (129.., _) => format!("killed by signal {}", status - 128),
        (_, 0) => format!("exited with {status}"),
        _ => format!("exited with {status}; {killed} killed for memory"),
    })
}
