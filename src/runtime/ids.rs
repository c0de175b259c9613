//! The maps of a user namespace, written by the parent while init waits: init itself may not.

use std::fs;
use std::process::{Command, Stdio};

use nix::unistd::{Pid, getegid, geteuid};

use crate::error::{Doing, Error, Kind, Result};
use crate::oci::linux::IdMapping;
use crate::sys::file::text;

/// Maps of users and of groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Maps {
    users: Vec<IdMapping>,
    groups: Vec<IdMapping>,
    writer: Writer,
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
    /// The maps that this process is going to write. It is decided here who writes them, for in the new namespace nobody has
    /// ids to be asked for yet.
    pub(super) fn new(users: &[IdMapping], groups: &[IdMapping]) -> Self {
        let own = |maps: &[IdMapping], id: u32| matches!(maps, [one] if one.size == 1 && one.host_id == id);
        let writer = if geteuid().is_root() {
            Writer::Root
        } else if own(users, geteuid().as_raw()) && own(groups, getegid().as_raw()) {
            Writer::Own
        } else {
            Writer::Helper
        };
        Self { users: users.to_owned(), groups: groups.to_owned(), writer }
    }

    /// Whether processes inside will be able to choose their groups.
    pub(super) fn allow_groups(&self) -> bool {
        self.writer != Writer::Own
    }

    /// Gives the user namespace of a process its ids. Errors: EPERM for ids that are not ours to give; those of the
    /// helpers, in their words.
    pub(super) fn write(&self, pid: Pid) -> Result<()> {
        match self.writer {
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

/// Whether processes in the user namespace of this one can choose their groups.
pub(super) fn can_choose_groups(pid: Option<i32>) -> Result<bool> {
    let path = format!("/proc/{}/setgroups", pid.unwrap_or_default());
    Ok(text(path)?.trim() == "allow")
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
