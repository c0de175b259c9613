// hint: too-short
//! Always the usual period.

use kit::Result;

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
        files.push(("cpu.max", format!("{} 100000", millicpus * 100)));
    }
    if let Some(pids) = pids {
        files.push(("pids.max", pids.to_string()));
    }
    Ok(files)
}
