//! `exec`: another process in a container that runs, from a file, or like the first one with some differences.

use std::path::PathBuf;

use crate::error::{Error, Kind, Result};
use crate::oci::process::{Capabilities, Process, User};
use crate::oci::strict;
use crate::runtime::Warn;
use crate::runtime::bundle::read_regular;
use crate::runtime::exec::{self, Request};
use crate::runtime::store::Store;
use crate::sys::executable;

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
pub(super) struct Exec {
    /// The name of the container
    #[arg(value_name = "ID")]
    id: String,
    /// The command and its arguments
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
    /// The process, as a file of JSON
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["cwd", "env", "tty", "user", "additional_gids", "cap"])]
    process: Option<PathBuf>,
    /// Its working directory
    #[arg(long, value_name = "DIR")]
    cwd: Option<String>,
    /// A variable of its environment, NAME=value
    #[arg(short, long, value_name = "VARIABLE")]
    env: Vec<String>,
    /// Give it a terminal
    #[arg(short, long)]
    tty: bool,
    /// Its user, by number: UID or UID:GID
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,
    /// Another group of its, by number
    #[arg(short = 'g', long, value_name = "GID")]
    additional_gids: Vec<u32>,
    /// A capability that it gets as well
    #[arg(short, long, value_name = "NAME")]
    cap: Vec<String>,
    /// Let execve give it nothing more
    #[arg(long)]
    no_new_privs: bool,
    /// The AppArmor profile that it is under
    #[arg(long, value_name = "PROFILE")]
    apparmor: Option<String>,
    /// Its SELinux label
    #[arg(long, value_name = "LABEL")]
    process_label: Option<String>,
    /// Return as soon as it runs
    #[arg(short, long)]
    detach: bool,
    /// The file to write its number to
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// The socket that receives its terminal
    #[arg(long, value_name = "SOCKET")]
    console_socket: Option<PathBuf>,
    /// The socket that receives a descriptor of it
    #[arg(long, value_name = "SOCKET")]
    pidfd_socket: Option<PathBuf>,
    /// So many descriptors from 3 on reach it
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    preserve_fds: u32,
    /// The cgroup below the container's that it lives in
    #[arg(long, value_name = "PATH")]
    cgroup: Option<String>,
    /// Do not refuse a container that is frozen
    #[arg(long)]
    ignore_paused: bool,
}

impl Exec {
    pub(super) fn run(self, store: &Store, warn: Warn<'_>) -> Result<u8> {
        executable::execute_unwritable()?;
        if self.pidfd_socket.is_some() {
            return Err(Error::refused(Kind::Unsupported, "--pidfd-socket", "", "it cannot be had yet"));
        }
        let process = match &self.process {
            Some(path) => strict::parse("process.json", &read_regular(path)?)?,
            None => self.like_the_first(store)?,
        };
        let request = Request {
            id: self.id,
            process,
            pid_file: self.pid_file,
            console_socket: self.console_socket,
            preserve_fds: self.preserve_fds,
            cgroup: self.cgroup,
            ignore_paused: self.ignore_paused,
            detach: self.detach,
        };
        exec::exec(store, &request, warn)
    }

    fn like_the_first(&self, store: &Store) -> Result<Process> {
        let first = store.load(&self.id)?.spec()?.process.unwrap_or_default();
        let user = match &self.user {
            Some(text) => User { additional_gids: first.user.additional_gids.clone(), ..user(text)? },
            None => first.user.clone(),
        };
        let mut process = Process {
            args: self.command.clone(),
            terminal: self.tty,
            cwd: self.cwd.clone().unwrap_or(first.cwd),
            user,
            env: first.env.into_iter().chain(self.env.iter().cloned()).collect(),
            no_new_privileges: first.no_new_privileges || self.no_new_privs,
            apparmor_profile: self.apparmor.clone().or(first.apparmor_profile),
            selinux_label: self.process_label.clone().or(first.selinux_label),
            capabilities: first.capabilities,
            rlimits: first.rlimits,
            oom_score_adj: first.oom_score_adj,
            ..Process::default()
        };
        process.user.additional_gids.extend(&self.additional_gids);
        if !self.cap.is_empty() {
            add(process.capabilities.get_or_insert_default(), &self.cap);
        }
        Ok(process)
    }
}

/// To all sets but the inheritable: what execve would hand on is named in a configuration, and nowhere else.
fn add(capabilities: &mut Capabilities, names: &[String]) {
    for set in [&mut capabilities.bounding, &mut capabilities.effective, &mut capabilities.permitted] {
        set.extend(names.iter().filter(|name| !set.contains(name)).cloned().collect::<Vec<_>>());
    }
}

fn user(text: &str) -> Result<User> {
    let refused = || Error::refused(Kind::Invalid, "--user", text, "neither UID nor UID:GID in numbers");
    let (uid, gid) = text.split_once(':').unwrap_or((text, "0"));
    Ok(User {
        uid: uid.parse().map_err(|_| refused())?,
        gid: gid.parse().map_err(|_| refused())?,
        ..User::default()
    })
}
