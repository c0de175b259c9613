//! What is written to the files of a cgroup for the limits of a configuration. Pure: a list of files and values. (Rules
//! about devices are no files everywhere: they stand in `device`.)

use super::Version;
use crate::error::{Error, Kind, Result};
use crate::oci::resources::{Cpu, Memory, Resources};

mod block;

/// A value for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Write {
    /// The controller that has the file; empty for version 2's own.
    pub(crate) controller: &'static str,
    /// The file.
    pub(crate) file: String,
    /// What is written to it.
    pub(crate) value: String,
    /// The field of the configuration that asks for it.
    pub(crate) field: &'static str,
}

fn write(
    controller: &'static str,
    file: impl Into<String>,
    value: impl std::fmt::Display,
    field: &'static str,
) -> Write {
    Write { controller, file: file.into(), value: value.to_string(), field }
}

/// What is to be written, in order. Errors: [`Kind::Unsupported`] for a limit that this version has not;
/// [`Kind::Invalid`] for one that contradicts another.
pub(crate) fn writes(resources: &Resources, version: Version) -> Result<Vec<Write>> {
    let mut list = Vec::new();
    if let Some(memory) = &resources.memory {
        match version {
            Version::One => memory_one(memory, &mut list),
            Version::Two => memory_two(memory, &mut list)?,
        }
    }
    if let Some(cpu) = &resources.cpu {
        match version {
            Version::One => cpu_one(cpu, &mut list),
            Version::Two => cpu_two(cpu, &mut list)?,
        }
    }
    // Zero has been "not set" since before it could be absent.
    if let Some(limit) = resources.pids.as_ref().and_then(|pids| pids.limit).filter(|limit| *limit != 0) {
        list.push(write("pids", "pids.max", or_max(limit), "linux.resources.pids.limit"));
    }
    if let Some(io) = &resources.block_io {
        block::writes(io, version, &mut list)?;
    }
    for page in &resources.hugepage_limits {
        let end = if version == Version::One { "limit_in_bytes" } else { "max" };
        let file = format!("hugetlb.{}.{end}", page.page_size);
        list.push(write("hugetlb", file, page.limit, "linux.resources.hugepageLimits"));
    }
    for (name, limit) in &resources.rdma {
        let count = |limit: Option<u32>| limit.map_or_else(|| "max".to_owned(), |limit| limit.to_string());
        let value =
            format!("{name} hca_handle={} hca_object={}", count(limit.hca_handles), count(limit.hca_objects));
        list.push(write("rdma", "rdma.max", value, "linux.resources.rdma"));
    }
    network(resources, version, &mut list)?;
    if version == Version::One && !resources.unified.is_empty() {
        let reason = "it names files of version 2, which has no controllers here";
        return Err(not_here("linux.resources.unified", reason));
    }
    for (file, value) in &resources.unified {
        list.push(write("", file.as_str(), value, "linux.resources.unified"));
    }
    Ok(list)
}

fn network(resources: &Resources, version: Version, list: &mut Vec<Write>) -> Result<()> {
    let Some(network) = &resources.network else { return Ok(()) };
    let class = network.class_id.filter(|class| *class != 0);
    if version == Version::Two && (class.is_some() || !network.priorities.is_empty()) {
        return Err(not_here("linux.resources.network", "version 2 has no classes of packets"));
    }
    list.extend(
        class.map(|class| write("net_cls", "net_cls.classid", class, "linux.resources.network.classID")),
    );
    for link in &network.priorities {
        let value = format!("{} {}", link.name, link.priority);
        list.push(write("net_prio", "net_prio.ifpriomap", value, "linux.resources.network.priorities"));
    }
    Ok(())
}

fn memory_one(memory: &Memory, list: &mut Vec<Write>) {
    let mut bytes = |value: Option<i64>, file: &str, field| {
        list.extend(value.filter(|value| *value != 0).map(|value| write("memory", file, value, field)));
    };
    // The limit first: that of memory and swap together must not be below it.
    bytes(memory.limit, "memory.limit_in_bytes", "linux.resources.memory.limit");
    bytes(memory.swap, "memory.memsw.limit_in_bytes", "linux.resources.memory.swap");
    bytes(memory.reservation, "memory.soft_limit_in_bytes", "linux.resources.memory.reservation");
    bytes(memory.kernel_tcp, "memory.kmem.tcp.limit_in_bytes", "linux.resources.memory.kernelTCP");
    if let Some(swappiness) = memory.swappiness {
        list.push(write("memory", "memory.swappiness", swappiness, "linux.resources.memory.swappiness"));
    }
    if memory.disable_oom_killer == Some(true) {
        list.push(write("memory", "memory.oom_control", 1, "linux.resources.memory.disableOOMKiller"));
    }
}

fn memory_two(memory: &Memory, list: &mut Vec<Write>) -> Result<()> {
    let set = |value: Option<i64>| value.filter(|value| *value != 0);
    if let Some(swap) = set(memory.swap) {
        // Version 2 limits swap alone, the specification both together.
        let value = match set(memory.limit) {
            _ if swap < 0 => "max".to_owned(),
            Some(limit) if limit < 0 => {
                return Err(senseless("linux.resources.memory.swap", "it is limited, and memory is not"));
            }
            Some(limit) if swap < limit => {
                return Err(senseless("linux.resources.memory.swap", "it is less than memory alone may be"));
            }
            Some(limit) => (swap - limit).to_string(),
            None => {
                return Err(senseless("linux.resources.memory.swap", "it needs a limit of memory beside it"));
            }
        };
        list.push(write("memory", "memory.swap.max", value, "linux.resources.memory.swap"));
    }
    if let Some(limit) = set(memory.limit) {
        list.push(write("memory", "memory.max", or_max(limit), "linux.resources.memory.limit"));
    }
    if let Some(reservation) = set(memory.reservation) {
        list.push(write("memory", "memory.low", or_max(reservation), "linux.resources.memory.reservation"));
    }
    // Swappiness, kernel memory and who is ended have no files here; that they are left out takes nothing away from the
    // limits, but for the one promise that nobody is ended.
    match memory.disable_oom_killer {
        Some(true) => {
            Err(not_here("linux.resources.memory.disableOOMKiller", "version 2 cannot do without it"))
        }
        _ => Ok(()),
    }
}

fn cpu_one(cpu: &Cpu, list: &mut Vec<Write>) {
    let mut set = |value: Option<String>, controller, file: &str, field| {
        list.extend(value.map(|value| write(controller, file, value, field)));
    };
    let count = |value: Option<u64>| value.filter(|value| *value != 0).map(|value| value.to_string());
    let signed = |value: Option<i64>| value.filter(|value| *value != 0).map(|value| value.to_string());
    let text = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    set(text(&cpu.cpus), "cpuset", "cpuset.cpus", "linux.resources.cpu.cpus");
    set(text(&cpu.mems), "cpuset", "cpuset.mems", "linux.resources.cpu.mems");
    set(count(cpu.shares), "cpu", "cpu.shares", "linux.resources.cpu.shares");
    set(count(cpu.realtime_period), "cpu", "cpu.rt_period_us", "linux.resources.cpu.realtimePeriod");
    set(signed(cpu.realtime_runtime), "cpu", "cpu.rt_runtime_us", "linux.resources.cpu.realtimeRuntime");
    set(count(cpu.period), "cpu", "cpu.cfs_period_us", "linux.resources.cpu.period");
    set(signed(cpu.quota), "cpu", "cpu.cfs_quota_us", "linux.resources.cpu.quota");
    set(count(cpu.burst), "cpu", "cpu.cfs_burst_us", "linux.resources.cpu.burst");
    set(cpu.idle.map(|idle| idle.to_string()), "cpu", "cpu.idle", "linux.resources.cpu.idle");
}

fn cpu_two(cpu: &Cpu, list: &mut Vec<Write>) -> Result<()> {
    if cpu.realtime_runtime.is_some_and(|value| value != 0)
        || cpu.realtime_period.is_some_and(|value| value != 0)
    {
        return Err(not_here("linux.resources.cpu.realtimeRuntime", "version 2 has no limits of real time"));
    }
    for (value, file, field) in [
        (&cpu.cpus, "cpuset.cpus", "linux.resources.cpu.cpus"),
        (&cpu.mems, "cpuset.mems", "linux.resources.cpu.mems"),
    ] {
        list.extend(
            value.as_ref().filter(|value| !value.is_empty()).map(|value| write("cpuset", file, value, field)),
        );
    }
    list.extend(cpu.idle.map(|idle| write("cpu", "cpu.idle", idle, "linux.resources.cpu.idle")));
    if let Some(shares) = cpu.shares.filter(|shares| *shares != 0) {
        list.push(write("cpu", "cpu.weight", weight(shares), "linux.resources.cpu.shares"));
    }
    let (quota, period) = (cpu.quota.filter(|quota| *quota != 0), cpu.period.filter(|period| *period != 0));
    if quota.is_some() || period.is_some() {
        let value = format!("{} {}", or_max(quota.unwrap_or(-1)), period.unwrap_or(100_000));
        list.push(write("cpu", "cpu.max", value, "linux.resources.cpu.quota"));
    }
    list.extend(
        cpu.burst
            .filter(|burst| *burst != 0)
            .map(|burst| write("cpu", "cpu.max.burst", burst, "linux.resources.cpu.burst")),
    );
    Ok(())
}

/// Shares go from 2 to 262144, weights from 1 to 10000: a straight line, as all runtimes draw it.
fn weight(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9999 / 262_142
}

fn or_max(value: i64) -> String {
    if value < 0 { "max".to_owned() } else { value.to_string() }
}

fn not_here(field: &str, reason: &str) -> Error {
    Error::refused(Kind::Unsupported, "config.json", field, reason)
}

fn senseless(field: &str, reason: &str) -> Error {
    Error::refused(Kind::Invalid, "config.json", field, reason)
}

/// Whether anything is limited. Rules about devices are no limit.
pub(crate) fn limits_anything(resources: &Resources) -> bool {
    let asks = |version| writes(resources, version).map_or(true, |list| !list.is_empty());
    asks(Version::One) || asks(Version::Two)
}

#[cfg(test)]
mod tests;
