//! What a run needs of the machine, tried rather than guessed; the reason is told when it is not there.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use kit::Tier as Privilege;
use nix::errno::Errno;
use nix::unistd::{AccessFlags, Uid, access, geteuid};
use step_03::{Cgroup, Limits};

use super::format::{By, Run, Tier};

/// Why the run cannot be made here, if it cannot.
pub(crate) fn unmet(run: &Run, privilege: Privilege) -> Option<String> {
    if let Some(program) = run.needs.iter().find(|program| !on_path(program)) {
        return Some(format!("the program {program} is not installed"));
    }
    if (run.by == Some(By::Root) || run.shared) && privilege != Privilege::Root {
        return Some("it needs root: cargo dive check --sudo".to_owned());
    }
    match run.tier {
        Tier::T0 => None,
        Tier::T1 | Tier::T3 => namespaces(privilege),
        Tier::T2 => namespaces(privilege).or_else(control_groups),
    }
}

/// Tried with a program that is none of ours: a fault of the learner's must not look like a fault of the machine's.
fn namespaces(privilege: Privilege) -> Option<String> {
    if privilege == Privilege::Root {
        return None;
    }
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--mount", "--pid", "--fork", "true"]);
    if geteuid() == Uid::from_raw(0) {
        unshare.uid(65534).gid(65534);
    }
    let output = unshare.stdin(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().next().unwrap_or("unshare(1) failed").to_owned();
            Some(format!("no user namespace for who is not root ({said}): cargo dive check --sudo"))
        }
        Err(error) => Some(format!("whether there are user namespaces cannot be tried: unshare(1): {error}")),
    }
}

/// Made and removed again: what files and their modes say is not all that decides (delegation, v1 beside v2).
fn control_groups() -> Option<String> {
    let limits = Limits { pids: Some(64), ..Limits::default() };
    let error = Cgroup::create(&limits).and_then(Cgroup::remove).err()?;
    Some(match error.errno() {
        Some(Errno::EROFS) => "/sys/fs/cgroup is read-only".to_owned(),
        Some(errno @ (Errno::EACCES | Errno::EPERM)) => {
            format!(
                "no control group may be made here ({errno:?} from {}): cargo dive check --sudo",
                error.doing()
            )
        }
        // Without the subject, which holds a name that is another each time.
        Some(errno) => format!("no control group can be made: {}: {errno:?}", error.doing()),
        None => format!("no control group can be made: {error}"),
    })
}

fn on_path(name: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    path.split(':').any(|dir| access(format!("{dir}/{name}").as_str(), AccessFlags::X_OK).is_ok())
}
