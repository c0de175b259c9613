//! The control groups of the machine: version 2 alone, every controller handed down, and one group that belongs
//! to the ordinary user, as systemd's `Delegate=yes` has it. The command is in a group below it, as a terminal's
//! shell is below the user's service: so it, and whatever it starts, is not in the way of groups beside it.

use std::fs;
use std::path::Path;

use kit::{Doing, Result};
use nix::unistd::{Gid, Uid, chown};

use super::super::order::User;

const TREE: &str = "/sys/fs/cgroup";

/// The group that is delegated.
const DELEGATED: &str = "/sys/fs/cgroup/delegated";

/// The group of the command.
const SESSION: &str = "/sys/fs/cgroup/delegated/session";

/// What a delegate must own: the directory, and the files by which processes and controllers are moved. The limits
/// of the group itself stay root's: else it could lift them.
const OWNED: [&str; 4] = ["", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"];

/// Hands all controllers down to the groups below the top.
pub(super) fn hand_everything_down() -> Result<()> {
    let controllers = Path::new(TREE).join("cgroup.controllers");
    let names = fs::read_to_string(&controllers).doing("read", &controllers)?;
    let control = Path::new(TREE).join("cgroup.subtree_control");
    names.split_whitespace().try_for_each(|name| {
        fs::write(&control, format!("+{name}")).doing(format!("write +{name} to the cgroup file"), &control)
    })
}

/// Makes the groups of a user.
pub(super) fn delegate(user: &User) -> Result<()> {
    for group in [DELEGATED, SESSION].map(Path::new) {
        fs::create_dir(group).doing("mkdir(2) cgroup", group)?;
        for path in OWNED.map(|name| group.join(name)) {
            chown(&path, Some(Uid::from_raw(user.uid)), Some(Gid::from_raw(user.gid)))
                .doing("chown(2)", &path)?;
        }
    }
    Ok(())
}

/// Moves the calling process into the one for the command.
pub(super) fn enter_session() -> Result<()> {
    let procs = Path::new(SESSION).join("cgroup.procs");
    fs::write(&procs, "0").doing("write \"0\" to the cgroup file", &procs)
}
