// hint: swap-left
//! Memory is limited, and swap is not.

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
        if let Some(swap) = swap {
            files.push(("memory.swap.max", swap.to_string()));
        }
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
