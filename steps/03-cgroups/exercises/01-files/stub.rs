//! Exercise 03.01: limits, as files and values.

use kit::{Result, todo};

/// The files of version 2, each with its value, for what was asked; nothing for what was not.
///
/// Nothing is written here: the answer is a plan, as `[("pids.max", "16".to_string())]`.
pub fn files(
    memory: Option<u64>,
    swap: Option<u64>,
    millicpus: Option<u64>,
    pids: Option<u64>,
) -> Result<Vec<(&'static str, String)>> {
    let _ = (memory, swap, millicpus, pids);
    Err(todo("03.01"))
}
