//! The maps of a user namespace, written by the parent while init waits: init itself may not.

use std::fs;
use std::process::{Command, Stdio};

use nix::unistd::{Pid, getegid, geteuid};

use crate::error::{Doing, Error, Kind, Result};
use crate::oci::linux::IdMapping;

/// Maps of users and of groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Maps {
    /// Users.
    pub(super) users: Vec<IdMapping>,
    /// Groups.
    pub(super) groups: Vec<IdMapping>,
}

/// Who may write the maps (`user_namespaces(7)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// Root writes any.
    Root,
    /// Everybody may map their own id, if nobody inside can drop groups.
    Own,
    /// Ids that /etc/subuid and /etc/subgid lend, by programs that look there.
    Helper,
}

impl Maps {
    fn writer(&self) -> Writer {
        let own = |maps: &[IdMapping], id: u32| matches!(maps, [one] if one.size == 1 && one.host_id == id);
        if geteuid().is_root() {
            Writer::Root
        } else if own(&self.users, geteuid().as_raw()) && own(&self.groups, getegid().as_raw()) {
            Writer::Own
        } else {
            Writer::Helper
        }
    }

    /// Whether processes inside will be able to choose their groups.
    pub(super) fn allow_groups(&self) -> bool {
        self.writer() != Writer::Own
    }

    /// Gives the user namespace of a process its ids. Errors: EPERM for ids that are not ours to give; those of the
    /// helpers, in their words.
    pub(super) fn write(&self, pid: Pid) -> Result<()> {
        match self.writer() {
            Writer::Root => {
                write(pid, "uid_map", &lines(&self.users))?;
                write(pid, "gid_map", &lines(&self.groups))
            }
            Writer::Own => {
                write(pid, "setgroups", "deny")?;
                write(pid, "uid_map", &lines(&self.users))?;
                write(pid, "gid_map", &lines(&self.groups))
            }
            Writer::Helper => {
                help("newuidmap", pid, &self.users)?;
                help("newgidmap", pid, &self.groups)
            }
        }
    }
}

fn lines(maps: &[IdMapping]) -> String {
    let lines: Vec<_> =
        maps.iter().map(|map| format!("{} {} {}", map.container_id, map.host_id, map.size)).collect();
    lines.join("\n")
}

/// The whole map has to be written at once.
fn write(pid: Pid, file: &str, text: &str) -> Result<()> {
    let path = format!("/proc/{pid}/{file}");
    fs::write(&path, text).doing(format_args!("write {text:?} to"), path)
}

fn help(program: &str, pid: Pid, maps: &[IdMapping]) -> Result<()> {
    let numbers = maps.iter().flat_map(|map| [map.container_id, map.host_id, map.size]);
    let mut command = Command::new(program);
    command.arg(pid.to_string()).args(numbers.map(|number| number.to_string()));
    let output = command.stdin(Stdio::null()).output().doing("execute", program);
    let output = output.map_err(|error| match error.kind() {
        Kind::NotFound => {
            error.advise("it maps more than one id for who is not root; Debian has it in uidmap")
        }
        _ => error,
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let reason = format!("{}: {}", output.status, said.trim().replace(char::is_control, " "));
    Err(Error::refused(Kind::Denied, "give ids by", program, reason)
        .advise("do /etc/subuid and /etc/subgid lend them?"))
}
