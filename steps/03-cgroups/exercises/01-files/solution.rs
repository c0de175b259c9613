//! Exercise 03.01: limits, as files and values.

use kit::Result;

/// The files of version 2, each with its value, for what was asked; nothing for what was not.
///
/// The share of a CPU is quota divided by period. Where the quota would be below the kernel's least, the period is
/// made longer and not the quota larger: the share is what was asked for.
pub fn files(
    memory: Option<u64>,
    swap: Option<u64>,
    millicpus: Option<u64>,
    pids: Option<u64>,
) -> Result<Vec<(&'static str, String)>> {
    let mut files = Vec::new();
    if let Some(memory) = memory {
        files.push(("memory.max", memory.to_string()));
        files.push(("memory.swap.max", swap.unwrap_or(0).to_string()));
    }
    if let Some(millicpus) = millicpus {
        let period = if millicpus * 100 < 1000 { 1_000_000 } else { 100_000 };
        files.push(("cpu.max", format!("{} {period}", millicpus * period / 1000)));
    }
    if let Some(pids) = pids {
        files.push(("pids.max", pids.to_string()));
    }
    Ok(files)
}
