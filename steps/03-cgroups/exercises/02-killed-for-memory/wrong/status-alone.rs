// hint: status-alone
//! 137 is taken for an answer.

use kit::Result;

pub fn ending(status: u8, _counters: &str) -> Result<String> {
    Ok(match status {
        137 => "killed for memory".into(),
        129.. => format!("killed by signal {}", status - 128),
        _ => format!("exited with {status}"),
    })
}
