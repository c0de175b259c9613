//! What shall be done inside, told in one message: nothing of it passes through a shell or a kernel's command
//! line, so any bytes are safe.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use kit::{Doing, Error, Result};
use nix::unistd::{getegid, geteuid};
use serde::{Deserialize, Serialize};

/// The command and its surroundings. Paths are `OsString`s, which pass through JSON whatever their bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    /// The command.
    pub(super) argv: Vec<OsString>,
    /// Its whole environment.
    pub(super) env: Vec<(OsString, OsString)>,
    /// Its working directory.
    pub(super) cwd: OsString,
    /// Its file mode mask.
    pub(super) umask: u32,
    /// Who it is, if not root.
    pub(super) user: Option<User>,
    /// Whether it may read what comes from outside; else it reads end-of-file.
    pub(super) input: bool,
    /// Where `RELEASE/kernel/…` lies, the modules of the kernel.
    pub(super) modules: OsString,
    /// Directories whose changes are kept.
    pub(super) writable: Vec<OsString>,
    /// Directories that the command cannot do without.
    pub(super) needed: Vec<OsString>,
}

/// An ordinary user inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct User {
    /// The uid.
    pub(super) uid: u32,
    /// The gid.
    pub(super) gid: u32,
    /// The home directory.
    pub(super) home: OsString,
}

/// The home of a user who has none on the host.
pub(super) const HOME: &str = "/home/dive";

impl User {
    /// Who calls, if that is an ordinary user, for then the checkout is theirs; else 1000.
    pub(super) fn here() -> Self {
        let (uid, gid) = (geteuid(), getegid());
        let own = std::env::var_os("HOME").filter(|_| !uid.is_root());
        let (uid, gid) = if uid.is_root() { (1000, 1000) } else { (uid.as_raw(), gid.as_raw()) };
        Self { uid, gid, home: own.unwrap_or_else(|| HOME.into()) }
    }
}

/// The variables that are handed in; a whole environment would carry the host's sessions and sockets with it.
pub(super) fn passes(name: &OsStr) -> bool {
    const NAMES: [&str; 10] =
        ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "TZ", "NO_COLOR", "CI"];
    const BEGINNINGS: [&str; 7] = ["CARGO", "DIVE_", "DOCKER_DIVE_", "RUST", "INSTA_", "LC_", "CLICOLOR"];
    let name = name.as_bytes();
    NAMES.iter().any(|known| known.as_bytes() == name)
        || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning.as_bytes()))
}

/// Our environment as far as it [`passes`], and what was asked for: `NAME=VALUE`, or `NAME` for its value here.
pub(super) fn environment(asked: &[OsString]) -> Result<Vec<(OsString, OsString)>> {
    let mut env: Vec<_> = std::env::vars_os().filter(|(name, _)| passes(name)).collect();
    for entry in asked {
        let bytes = entry.as_bytes();
        let equals = bytes.iter().position(|byte| *byte == b'=');
        let (name, value) = match equals {
            Some(at) => {
                (OsStr::from_bytes(&bytes[..at]), Some(OsStr::from_bytes(&bytes[at + 1..]).to_owned()))
            }
            None => (entry.as_os_str(), std::env::var_os(entry)),
        };
        if name.is_empty() {
            return Err(Error::refused("set in the environment", entry.to_string_lossy(), "it has no name"));
        }
        env.retain(|(known, _)| known != name);
        env.extend(value.map(|value| (name.to_owned(), value)));
    }
    Ok(env)
}

/// Sets a variable that is there once.
pub(super) fn set(env: &mut Vec<(OsString, OsString)>, name: &str, value: &OsStr) {
    env.retain(|(known, _)| known != name);
    env.push((name.into(), value.to_owned()));
}

/// Which directories the command cannot do without: where it starts, where it lies, and where the tests look for
/// the built programs.
pub(super) fn needed(cwd: &Path, program: &OsStr, bin: Option<OsString>) -> Vec<OsString> {
    let program = Path::new(program);
    let folder = program.parent().filter(|folder| !folder.as_os_str().is_empty());
    let dirs = [Some(cwd.to_owned()), folder.map(|folder| cwd.join(folder)), bin.map(|bin| cwd.join(bin))];
    let dirs = dirs.into_iter().flatten().filter_map(|dir| dir.canonicalize().ok());
    dirs.map(PathBuf::into_os_string).collect()
}

impl Order {
    /// Those below the host's /tmp, which the new /tmp shall show; the rest of it is nobody's business inside. None of
    /// them is below another.
    pub(super) fn kept(&self) -> BTreeSet<&Path> {
        let below = |dir: &&Path| dir.parent().is_some_and(|above| above.starts_with("/tmp"));
        let dirs: BTreeSet<_> = self.needed.iter().map(Path::new).filter(below).collect();
        let inner = |dir: &&Path| dir.ancestors().skip(1).any(|above| dirs.contains(above));
        dirs.iter().copied().filter(|dir| !inner(dir)).collect()
    }
}

/// A directory whose changes are to be kept, as the machine will name it.
pub(super) fn writable(dir: &Path) -> Result<OsString> {
    let path = dir.canonicalize().doing("find the writable directory", dir)?;
    if !path.is_dir() {
        return Err(Error::call("keep the changes of", path.display(), nix::errno::Errno::ENOTDIR));
    }
    Ok(path.into_os_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_of_any_bytes_survives_json() {
        let odd = OsStr::from_bytes(b"a b\n\"'\\\xff$(x)").to_owned();
        let order =
            Order { argv: vec![odd.clone()], cwd: odd.clone(), needed: vec![odd], ..Order::default() };
        let json = serde_json::to_vec(&order).expect("JSON");
        assert_eq!(serde_json::from_slice::<Order>(&json).expect("an order"), order);
    }

    #[test]
    fn what_belongs_to_the_hosts_session_stays_outside() {
        for name in ["PATH", "CARGO_HOME", "RUST_BACKTRACE", "DIVE_BIN_DIR", "NO_COLOR", "LC_ALL"] {
            assert!(passes(OsStr::new(name)), "{name}");
        }
        for name in
            ["SSH_AUTH_SOCK", "TMPDIR", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "PATHS", "A_TOKEN"]
        {
            assert!(!passes(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn what_is_asked_for_replaces_what_is_there() {
        let asked = ["PATH=/x=y".into(), "SURELY_NOT_SET_ANYWHERE".into()];
        let env = environment(&asked).expect("an environment");
        let paths: Vec<_> = env.iter().filter(|(name, _)| name == "PATH").collect();
        assert_eq!(paths, [&("PATH".into(), "/x=y".into())]);
        assert!(env.iter().all(|(name, _)| name != "SURELY_NOT_SET_ANYWHERE"));
        assert!(environment(&["=x".into()]).is_err());
    }

    #[test]
    fn of_tmp_only_what_the_command_needs_is_kept() {
        let dir = tempfile::Builder::new().tempdir_in("/tmp").expect("a directory");
        let (outer, inner) = (dir.path(), dir.path().join("bin"));
        std::fs::create_dir(&inner).expect("mkdir");
        let kept = |cwd: &Path, program: &Path, bin| {
            let needed = needed(cwd, program.as_os_str(), bin);
            let order = Order { needed, ..Order::default() };
            order.kept().into_iter().map(Path::to_owned).collect::<Vec<_>>()
        };
        let nothing = Vec::<PathBuf>::new();
        assert_eq!(kept(Path::new("/"), Path::new("sh"), None), nothing);
        assert_eq!(kept(Path::new("/tmp"), Path::new("sh"), None), nothing);
        assert_eq!(kept(&inner, Path::new("sh"), Some(outer.into())), [outer]);
        assert_eq!(kept(outer, Path::new("bin/x"), None), [outer]);
        assert_eq!(kept(Path::new("/"), &inner.join("x"), None), [inner.as_path()]);
    }

    #[test]
    fn what_the_command_needs_may_lie_anywhere() {
        let found = needed(Path::new("/usr"), OsStr::new("/etc/x"), Some("/usr/bin".into()));
        assert_eq!(found, ["/usr", "/etc", "/usr/bin"]);
    }
}
