//! `linux.resources`: the limits of lesson 03, under the names that the configuration has for them.

use kit::Result;
use step_03::Limits;
use step_03::limits::{Bytes, Cpus};

use crate::field::Field;

/// Zero or less means no limit, as config-linux.md has it for memory and pids.
pub(crate) fn limits(linux: &Field<'_>) -> Result<Limits> {
    let mut limits = Limits::default();
    let Some(resources) = linux.get("resources")? else { return Ok(limits) };
    let positive = |field: Option<Field<'_>>| -> Result<Option<u64>> {
        let number = field.map(|field| field.number()).transpose()?;
        Ok(number.and_then(|number| u64::try_from(number).ok()).filter(|number| *number > 0))
    };
    if let Some(memory) = resources.get("memory")? {
        let limit = positive(memory.get("limit")?)?;
        limits.memory = limit.map(Bytes);
        // In the configuration swap is memory and swap together.
        if let (Some(limit), Some(swap)) = (limit, memory.get("swap")?) {
            let both = positive(Some(swap.clone()))?;
            let swap = both
                .map(|both| both.checked_sub(limit).ok_or_else(|| swap.refuse("is less than memory.limit")));
            limits.swap = swap.transpose()?.map(Bytes);
        }
    }
    if let Some(cpu) = resources.get("cpu")? {
        let (quota, period) = (positive(cpu.get("quota")?)?, positive(cpu.get("period")?)?);
        limits.cpus = quota.and_then(|quota| Cpus::from_quota(quota, period.unwrap_or(100_000)));
        let shares = positive(cpu.get("shares")?)?;
        limits.cpu_weight = shares.map(|shares| (shares.saturating_mul(100) / 1024).clamp(1, 10_000));
    }
    if let Some(pids) = resources.get("pids")? {
        limits.pids = positive(Some(pids.need("limit")?))?;
    }
    Ok(limits)
}
