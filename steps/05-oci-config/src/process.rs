//! `process`: what is executed, where, and as whom.

use std::path::PathBuf;

use kit::{Doing, Error, Result};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, chdir, setgid, setgroups, setuid};

use crate::config::absolute;
use crate::field::Field;

/// The process.
#[derive(Debug)]
pub struct Process {
    /// `args`; at least one.
    pub args: Vec<String>,
    /// `env`, each `NAME=value`.
    pub env: Vec<String>,
    /// `cwd`, absolute.
    pub cwd: PathBuf,
    /// `user.uid`.
    pub uid: u32,
    /// `user.gid`.
    pub gid: u32,
    /// `user.additionalGids`.
    pub groups: Vec<u32>,
    /// `user.umask`.
    pub umask: Option<u32>,
    /// `rlimits`: the resource, soft and hard.
    pub rlimits: Vec<(Resource, u64, u64)>,
}

impl Process {
    pub(crate) fn from_field(process: &Field<'_>) -> Result<Self> {
        let args = process.need("args")?;
        if args.list()?.is_empty() {
            return Err(args.refuse("must hold at least the program"));
        }
        let env = process.get("env")?.map_or(Ok(vec![]), |env| env.list())?;
        let user = process.get("user")?;
        let id = |key: &str| match &user {
            Some(user) => user.get(key)?.map_or(Ok(0), |id| id.unsigned()),
            None => Ok(0),
        };
        let of_user = |key: &str| user.as_ref().map_or(Ok(None), |user| user.get(key));
        // What is asked for is what this lesson does anyway; the opposite stays unread, and is listed.
        for key in ["terminal", "noNewPrivileges"] {
            if let Some(field) = process.get(key)?.filter(Field::is_false) {
                field.flag()?;
            }
        }
        Ok(Self {
            args: args.texts()?,
            env: env.iter().map(variable).collect::<Result<_>>()?,
            cwd: absolute(&process.need("cwd")?)?,
            uid: id("uid")?,
            gid: id("gid")?,
            groups: of_user("additionalGids")?
                .map_or(Ok(vec![]), |groups| groups.list()?.iter().map(Field::unsigned).collect())?,
            umask: of_user("umask")?.map(|umask| umask.unsigned()).transpose()?,
            rlimits: process
                .get("rlimits")?
                .map_or(Ok(vec![]), |limits| limits.list()?.iter().map(rlimit).collect())?,
        })
    }

    /// Becomes the user, in init and after all that needs privilege: limits, directory, groups, gid, and uid
    /// last, for after it nothing of this is allowed any more.
    pub fn become_user(&self) -> Result<()> {
        for (resource, soft, hard) in &self.rlimits {
            setrlimit(*resource, *soft, *hard)
                .doing(format!("setrlimit(2) {resource:?}"), &format!("{soft}:{hard}"))?;
        }
        if let Some(mask) = self.umask {
            umask(Mode::from_bits_truncate(mask));
        }
        chdir(&self.cwd).doing("chdir(2) process.cwd", &self.cwd)?;
        if self.uid == 0 && self.gid == 0 && self.groups.is_empty() {
            return Ok(());
        }
        let groups: Vec<_> = self.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
        let id = |call: &str, outcome: nix::Result<()>, id: u32| {
            outcome.map_err(|errno| {
                Error::call(call, id, errno).advise("is it in the maps of the user namespace?")
            })
        };
        // ANCHOR: last
        id("setgroups(2) process.user.additionalGids", setgroups(&groups), self.gid)?;
        id("setgid(2) process.user.gid", setgid(Gid::from_raw(self.gid)), self.gid)?;
        id("setuid(2) process.user.uid", setuid(Uid::from_raw(self.uid)), self.uid)
        // ANCHOR_END: last
    }
}

fn variable(field: &Field<'_>) -> Result<String> {
    let text = field.text()?;
    if text.find('=').is_some_and(|at| at > 0) {
        Ok(text)
    } else {
        Err(field.refuse(format!("{text:?} is not NAME=value")))
    }
}

fn rlimit(field: &Field<'_>) -> Result<(Resource, u64, u64)> {
    let kind = field.need("type")?;
    let resource = match kind.text()?.as_str() {
        "RLIMIT_AS" => Resource::RLIMIT_AS,
        "RLIMIT_CORE" => Resource::RLIMIT_CORE,
        "RLIMIT_CPU" => Resource::RLIMIT_CPU,
        "RLIMIT_DATA" => Resource::RLIMIT_DATA,
        "RLIMIT_FSIZE" => Resource::RLIMIT_FSIZE,
        "RLIMIT_LOCKS" => Resource::RLIMIT_LOCKS,
        "RLIMIT_MEMLOCK" => Resource::RLIMIT_MEMLOCK,
        "RLIMIT_MSGQUEUE" => Resource::RLIMIT_MSGQUEUE,
        "RLIMIT_NICE" => Resource::RLIMIT_NICE,
        "RLIMIT_NOFILE" => Resource::RLIMIT_NOFILE,
        "RLIMIT_NPROC" => Resource::RLIMIT_NPROC,
        "RLIMIT_RSS" => Resource::RLIMIT_RSS,
        "RLIMIT_RTPRIO" => Resource::RLIMIT_RTPRIO,
        "RLIMIT_RTTIME" => Resource::RLIMIT_RTTIME,
        "RLIMIT_SIGPENDING" => Resource::RLIMIT_SIGPENDING,
        "RLIMIT_STACK" => Resource::RLIMIT_STACK,
        other => return Err(kind.refuse(format!("{other:?} is no resource of setrlimit(2)"))),
    };
    let (soft, hard) = (field.need("soft")?.unsigned()?, field.need("hard")?.unsigned()?);
    if soft > hard {
        return Err(field.need("soft")?.refuse(format!("{soft} is above the hard limit, {hard}")));
    }
    Ok((resource, soft, hard))
}
