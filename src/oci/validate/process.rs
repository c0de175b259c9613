//! What a process must hold.

use super::{absolute, once, refused};
use crate::error::Result;
use crate::oci::process::{Process, Rlimit};

/// The limits of getrlimit(2) that Linux has.
const LIMITS: [&str; 16] = [
    "RLIMIT_AS",
    "RLIMIT_CORE",
    "RLIMIT_CPU",
    "RLIMIT_DATA",
    "RLIMIT_FSIZE",
    "RLIMIT_LOCKS",
    "RLIMIT_MEMLOCK",
    "RLIMIT_MSGQUEUE",
    "RLIMIT_NICE",
    "RLIMIT_NOFILE",
    "RLIMIT_NPROC",
    "RLIMIT_RSS",
    "RLIMIT_RTPRIO",
    "RLIMIT_RTTIME",
    "RLIMIT_SIGPENDING",
    "RLIMIT_STACK",
];

/// Refuses a process that makes no sense; `path` is where it stands.
pub fn process(path: &str, process: &Process) -> Result<()> {
    let at = |field: &str| if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") };
    match process.args.first() {
        None => return Err(refused(at("args"), "it is empty")),
        Some(first) if first.is_empty() => return Err(refused(at("args[0]"), "it is empty")),
        Some(_) => {}
    }
    absolute(at("cwd"), &process.cwd)?;
    for (index, variable) in process.env.iter().enumerate() {
        if variable.find('=').is_none_or(|at| at == 0) {
            return Err(refused(at(&format!("env[{index}]")), format!("{variable:?} is not NAME=value")));
        }
    }
    ids(&at, process)?;
    for (index, rlimit) in process.rlimits.iter().enumerate() {
        check_rlimit(&at(&format!("rlimits[{index}]")), rlimit)?;
    }
    once(&at("rlimits"), "type", process.rlimits.iter().map(|rlimit| &rlimit.kind))?;
    match process.oom_score_adj {
        Some(score) if !(-1000..=1000).contains(&score) => {
            Err(refused(at("oomScoreAdj"), format!("{score} is not between -1000 and 1000")))
        }
        _ => Ok(()),
    }
}

/// The highest id means "as it is" to the kernel: a process that asks for it would keep the runtime's.
fn ids(at: &impl Fn(&str) -> String, process: &Process) -> Result<()> {
    let user = &process.user;
    let groups = user.additional_gids.iter().enumerate();
    let groups = groups.map(|(index, gid)| (format!("user.additionalGids[{index}]"), *gid));
    let ids = [("user.uid".to_owned(), user.uid), ("user.gid".to_owned(), user.gid)];
    for (field, id) in ids.into_iter().chain(groups) {
        if id == u32::MAX {
            return Err(refused(at(&field), "it is no id, but what the kernel takes for none"));
        }
    }
    match user.umask {
        Some(umask) if umask > 0o7777 => {
            Err(refused(at("user.umask"), format!("{umask:#o} has bits that no mode has")))
        }
        _ => Ok(()),
    }
}

fn check_rlimit(path: &str, rlimit: &Rlimit) -> Result<()> {
    if !LIMITS.contains(&rlimit.kind.as_str()) {
        return Err(refused(format!("{path}.type"), format!("{:?} is no limit that Linux has", rlimit.kind)));
    }
    if rlimit.soft > rlimit.hard {
        let reason = format!("{} is more than the hard limit {}", rlimit.soft, rlimit.hard);
        return Err(refused(format!("{path}.soft"), reason));
    }
    Ok(())
}
