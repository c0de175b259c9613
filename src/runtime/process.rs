//! From a process of ours to the container's: who it is, what it may do, and the program at last.

use std::convert::Infallible;
use std::ffi::CString;
use std::os::fd::{AsFd, RawFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::prctl::{set_keepcaps, set_no_new_privs};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, fstat, umask};
use nix::unistd::{
    Gid, Uid, chdir, execve, fchown, getcwd, getegid, geteuid, setgroups, setresgid, setresuid,
};

use super::seccomp::Filter;
use crate::error::{Doing, Error, Kind, Result};
use crate::oci::Spec;
use crate::oci::linux::Linux;
use crate::oci::process::{Process, Rlimit};
use crate::sys::capability::Set;
use crate::sys::path::Root;
use crate::sys::{descriptor, signal};

mod grants;
mod program;
mod schedule;
mod user;

use grants::Grants;
use schedule::Conduct;

/// A process that is going to be the container's, made ready as far as can be without it.
#[derive(Debug)]
pub(super) struct Plan {
    args: Vec<CString>,
    env: Vec<CString>,
    search: Option<String>,
    has_home: bool,
    cwd: PathBuf,
    uid: Uid,
    gid: Gid,
    groups: Option<Vec<Gid>>,
    umask: Option<Mode>,
    rlimits: Vec<(Resource, Rlimit)>,
    conduct: Conduct,
    grants: Grants,
    no_new_privileges: bool,
    filter: Option<Filter>,
    /// The first descriptor that does not reach the program.
    first_closed: RawFd,
    /// The program's file, once it is looked up.
    file: CString,
}

impl Plan {
    /// Makes it ready. `may_choose_groups`: in a user namespace of somebody who is not root nobody may. What is asked for and
    /// cannot be granted, the specification says, is to be warned of, and comes back as text.
    ///
    /// Errors: [`Kind::Invalid`] for groups where none can be chosen.
    pub(super) fn of(
        process: &Process,
        linux: Option<&Linux>,
        preserve: u32,
        may_choose_groups: bool,
    ) -> Result<(Self, Vec<String>)> {
        let c_strings =
            |texts: &[String]| texts.iter().map(|text| c_string(text)).collect::<Result<Vec<_>>>();
        let variable = |name: &str| process.env.iter().rev().find_map(|variable| variable.strip_prefix(name));
        let user = &process.user;
        if !may_choose_groups && !user.additional_gids.is_empty() {
            let reason = "who is not root can give no groups, unless newgidmap does";
            return Err(Error::refused(Kind::Invalid, "config.json", "process.user.additionalGids", reason));
        }
        let groups = user.additional_gids.iter().map(|gid| Gid::from_raw(*gid)).collect();
        let (grants, warnings) = Grants::of(process.capabilities.as_ref());
        let mut env = c_strings(&process.env)?;
        let passed = listen_descriptors(&mut env)?;
        let plan = Self {
            args: c_strings(&process.args)?,
            env,
            search: variable("PATH=").map(str::to_owned),
            has_home: variable("HOME=").is_some(),
            cwd: process.cwd.clone().into(),
            uid: Uid::from_raw(user.uid),
            gid: Gid::from_raw(user.gid),
            groups: may_choose_groups.then_some(groups),
            umask: user.umask.map(Mode::from_bits_truncate),
            rlimits: process
                .rlimits
                .iter()
                .map(|limit| Ok((resource(limit)?, limit.clone())))
                .collect::<Result<_>>()?,
            conduct: Conduct::of(process, linux)?,
            grants,
            no_new_privileges: process.no_new_privileges,
            filter: None,
            first_closed: RawFd::try_from(preserve.saturating_add(passed))
                .unwrap_or(RawFd::MAX - 3)
                .saturating_add(3),
            file: CString::default(),
        };
        Ok((plan, warnings))
    }

    /// Puts it under the filter of its container. What is odd about that comes back as text.
    pub(super) fn filter_by(&mut self, spec: &Spec) -> Result<Vec<String>> {
        let Some(profile) = spec.linux.as_ref().and_then(|linux| linux.seccomp.as_ref()) else {
            return Ok(Vec::new());
        };
        let (filter, warnings) = Filter::of(profile)?;
        self.filter = Some(filter);
        Ok(warnings)
    }

    /// Leaves out the capabilities that this process has not itself, and says which.
    pub(super) fn within(&mut self, own: Set) -> Vec<String> {
        self.grants.within(own)
    }

    /// Makes this process the container's, as far as it can be before its program is executed. Everything that needs to be
    /// root is done first; what is given up does not come back.
    pub(super) fn become_it(&mut self) -> Result<()> {
        for (resource, limit) in &self.rlimits {
            setrlimit(*resource, limit.soft, limit.hard)
                .doing(format_args!("setrlimit(2) {}", limit.kind), "")?;
        }
        self.conduct.apply()?;
        self.own_stdio()?;
        if !self.has_home {
            self.env.push(c_string(&format!("HOME={}", user::home(self.uid.as_raw())?))?);
        }
        let entered = self.enter_cwd();
        umask(self.umask.unwrap_or(Mode::from_bits_truncate(0o022)));
        descriptor::close_on_exec_from(self.first_closed)?;
        if self.no_new_privileges {
            set_no_new_privs().doing("prctl(2) PR_SET_NO_NEW_PRIVS", "")?;
        } else {
            // Who may gain privileges needs one to be filtered, and is about to lose it.
            self.load_filter()?;
        }
        self.grants.limit()?;
        self.become_user()?;
        self.grants.apply()?;
        // A directory that root may not enter, on a file system of somebody else, the user may.
        if entered? == Entered::NotYet {
            chdir(&self.cwd).doing("chdir(2) to the working directory (process.cwd)", &self.cwd)?;
        }
        verify_cwd()?;
        self.file = program::find(&self.args, self.search.as_deref())?;
        signal::reset()
    }

    /// Executes the program. Errors: [`Kind::CommandNotFound`], [`Kind::NotExecutable`].
    pub(super) fn execute(&self) -> Result<Infallible> {
        if self.no_new_privileges {
            // As late as can be: a filter need not permit what we did until now.
            self.load_filter()?;
        }
        execve(&self.file, &self.args, &self.env)
            .map_err(|errno| program::refused(&self.args, &self.file, errno))
    }

    fn load_filter(&self) -> Result<()> {
        self.filter.as_ref().map_or(Ok(()), Filter::load)
    }

    /// In one order only: each of these calls takes away what the one before needs.
    fn become_user(&self) -> Result<()> {
        set_keepcaps(true).doing("prctl(2) PR_SET_KEEPCAPS", "")?;
        if let Some(groups) = &self.groups {
            setgroups(groups).doing("setgroups(2)", format!("{groups:?}"))?;
        }
        setresgid(self.gid, self.gid, self.gid).doing("setresgid(2)", self.gid.to_string())?;
        setresuid(self.uid, self.uid, self.uid).doing("setresuid(2)", self.uid.to_string())?;
        set_keepcaps(false).doing("prctl(2) PR_SET_KEEPCAPS off", "")?;
        if (geteuid(), getegid()) == (self.uid, self.gid) {
            return Ok(());
        }
        let reason = format!("the ids are {}:{} afterwards", geteuid(), getegid());
        Err(Error::refused(Kind::System, "become the user", format!("{}:{}", self.uid, self.gid), reason))
    }

    /// A pipe or a terminal belongs to whoever made it; the user has to be able to open it again as /dev/stdout. What is
    /// no file of ours to give away (/dev/null, a file system that is read-only, an id that has no map) stays as it is.
    fn own_stdio(&self) -> Result<()> {
        let (input, output, error) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
        for fd in [input.as_fd(), output.as_fd(), error.as_fd()] {
            let stat = fstat(fd).doing("fstat(2)", "standard input or output")?;
            if stat.st_uid == self.uid.as_raw() || stat.st_rdev == nix::sys::stat::makedev(1, 3) {
                continue;
            }
            match fchown(fd, Some(self.uid), None) {
                Ok(()) | Err(Errno::EINVAL | Errno::EPERM | Errno::EROFS | Errno::EACCES) => {}
                outcome => outcome.doing("fchown(2)", "standard input or output")?,
            }
        }
        Ok(())
    }

    fn enter_cwd(&self) -> Result<Entered> {
        let doing = "chdir(2) to the working directory (process.cwd)";
        match chdir(&self.cwd) {
            Err(Errno::EACCES | Errno::EPERM) => return Ok(Entered::NotYet),
            Err(Errno::ENOENT) => {}
            outcome => return outcome.doing(doing, &self.cwd).map(|()| Entered::Now),
        }
        // Images name one that they do not have, and every engine's runtime makes it.
        Root::open(Path::new("/"))?.make_directory(&self.cwd, Mode::from_bits_truncate(0o755))?;
        chdir(&self.cwd).doing(doing, &self.cwd).map(|()| Entered::Now)
    }
}

#[derive(PartialEq, Eq)]
enum Entered {
    Now,
    NotYet,
}

/// The kernel says `(unreachable)` of a directory outside of our root: one that a leaked descriptor led to.
fn verify_cwd() -> Result<()> {
    let cwd = getcwd().doing("getcwd(2)", "")?;
    if cwd.is_absolute() {
        return Ok(());
    }
    Err(Error::refused(
        Kind::Invalid,
        "enter the working directory (process.cwd)",
        &cwd,
        "it is outside of the container",
    ))
}

/// What systemd's socket activation hands to the runtime it hands to the container: so many descriptors from 3 on.
fn listen_descriptors(env: &mut Vec<CString>) -> Result<u32> {
    let Some(count) = std::env::var("LISTEN_FDS").ok().and_then(|count| count.parse::<u32>().ok()) else {
        return Ok(0);
    };
    env.push(c_string(&format!("LISTEN_FDS={count}"))?);
    env.push(c_string("LISTEN_PID=1")?);
    Ok(count)
}

fn c_string(text: &str) -> Result<CString> {
    CString::new(text)
        .map_err(|_| Error::refused(Kind::Invalid, "config.json", "process", "it holds a NUL byte"))
}

fn resource(limit: &Rlimit) -> Result<Resource> {
    Ok(match limit.kind.as_str() {
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
        other => {
            let reason = "no such limit is known";
            return Err(Error::refused(
                Kind::Invalid,
                "config.json",
                format!("process.rlimits {other}"),
                reason,
            ));
        }
    })
}
