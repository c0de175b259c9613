//! A directory of this run, and the removal of what a killed run left.
//!
//! `kill -9` gives a program no time to clean up. So each run locks its directory, and the next run removes
//! every directory whose lock is free, and says so. The kernel drops a lock with its last holder (flock(2)),
//! which makes the lock a better witness than a pid: pids are reused, and differ between pid namespaces.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::geteuid;

use crate::{Doing, Error, Result, term};

/// Every name that a run gives to a directory or a control group begins so.
pub const PREFIX: &str = "docker-dive.";

/// The environment variable by which a lab marks the names of the runs in it. They sweep among themselves
/// only, so that labs side by side do not clean up after each other.
pub const LAB: &str = "DOCKER_DIVE_LAB";

/// A run's directory of this name holds records of containers that may outlive it. Only who can end them (lesson 07)
/// may remove it.
pub const CONTAINERS: &str = "containers";

/// Ends what a dead run's [`CONTAINERS`] tell of.
pub type Bury<'a> = &'a dyn Fn(&Path) -> Result<()>;

/// How the names of this run, and of those that it may clean up after, begin.
pub fn prefix() -> String {
    std::env::var(LAB).map_or_else(|_| PREFIX.to_owned(), |lab| format!("{PREFIX}{lab}."))
}

/// A directory of this run; it goes with its owner.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    _lock: Flock<File>,
}

impl Scratch {
    /// Makes the directory, readable by all: the container's root may be another uid outside.
    ///
    /// It lies in `$TMPDIR`, /tmp, `$XDG_RUNTIME_DIR` or /var/tmp, the first in which programs may be executed.
    pub fn new() -> Result<Self> {
        Self::within(&base()?)
    }

    /// The same for who can end the containers that a dead run has left.
    pub fn new_after(bury: Bury<'_>) -> Result<Self> {
        let base = base()?;
        sweep_and(&base, &prefix(), Some(bury));
        Self::within(&base)
    }

    /// Makes it in a directory of the caller's choice, which must be sticky or the user's own.
    pub fn within(base: &Path) -> Result<Self> {
        sweep_and(base, &prefix(), None);
        for _ in 0..16 {
            let path = base.join(unique());
            fs::create_dir(&path).doing("mkdir(2)", &path)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).doing("chmod(2)", &path)?;
            // Between mkdir and flock another run's sweep may have taken it for a dead one.
            match lock(&path) {
                Some(lock) if path.exists() => return Ok(Self { path, _lock: lock }),
                _ => {}
            }
        }
        Err(Error::refused("make a directory in", base.display(), "others remove it as fast as it is made"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

// ANCHOR: drop
impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            term::warn(&error);
        }
    }
}
// ANCHOR_END: drop

/// A name that no other run has: the prefix, then time and pid in hexadecimal.
pub fn unique() -> String {
    let now = std::time::UNIX_EPOCH.elapsed().map_or(0, |now| now.as_nanos());
    format!("{}{now:x}-{:x}", prefix(), std::process::id())
}

/// Takes the lock of a directory, unless a living run has it.
pub fn lock(dir: &Path) -> Option<Flock<File>> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(dir).ok()?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).ok()
}

fn base() -> Result<PathBuf> {
    let asked = ["TMPDIR", "XDG_RUNTIME_DIR"].map(|name| std::env::var_os(name).map(PathBuf::from));
    let [tmpdir, runtime] = asked;
    let candidates = [tmpdir, Some("/tmp".into()), runtime, Some("/var/tmp".into())];
    let mut tried = Vec::new();
    for dir in candidates.into_iter().flatten() {
        match usable(&dir) {
            Ok(()) => return Ok(dir),
            Err(reason) => tried.push(format!("{} {reason}", dir.display())),
        }
    }
    let tried = tried.join(", ");
    let error = Error::refused("find a directory for the root", "", tried);
    Err(error.advise("set TMPDIR to a directory that you may write and that is not mounted noexec"))
}

/// A root holds programs, so its file system must allow execution.
fn usable(dir: &Path) -> std::result::Result<(), String> {
    let flags = statvfs(dir).map_err(|errno| errno.to_string())?.flags();
    if flags.contains(FsFlags::ST_NOEXEC) {
        return Err("is mounted noexec".into());
    }
    nix::unistd::access(dir, nix::unistd::AccessFlags::W_OK).map_err(|errno| errno.to_string())
}

/// Removes what killed runs of this user left in the directory under names that begin so, and says it. A run that lives
/// holds its directory's [`lock`].
pub fn sweep(base: &Path, prefix: &str) {
    sweep_and(base, prefix, None);
}

fn sweep_and(base: &Path, prefix: &str, bury: Option<Bury<'_>>) {
    let entries = fs::read_dir(base).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)) {
        let ours = entry.metadata().is_ok_and(|dir| dir.is_dir() && dir.uid() == geteuid().as_raw());
        let path = entry.path();
        if !ours {
            continue;
        }
        let Some(_lock) = lock(&path) else { continue };
        let containers = path.join(CONTAINERS);
        let buried = match bury {
            _ if !containers.exists() => Ok(()),
            Some(bury) => bury(&containers),
            None => continue,
        };
        match buried.and_then(|()| remove(&path)) {
            Ok(()) => term::note(format!("removed what a killed run left: {}", path.display())),
            Err(error) => term::warn(&error),
        }
    }
}

/// Removes a tree, unless something is mounted in it: then it is not all ours.
fn remove(path: &Path) -> Result<()> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let below =
        |line: &&str| line.split(' ').nth(4).is_some_and(|target| Path::new(target).starts_with(path));
    if let Some(mount) = mounts.lines().find(below) {
        return Err(Error::refused("remove", path.display(), format!("mounted below it: {mount}")));
    }
    match fs::remove_dir_all(path) {
        Err(error) if error.raw_os_error() == Some(Errno::EACCES as i32) => {
            open_up(path);
            fs::remove_dir_all(path)
        }
        outcome => outcome,
    }
    .doing("remove", path)
}

/// A container may leave directories that their owner cannot enter; the owner may change that.
fn open_up(dir: &Path) {
    let _ = fs::set_permissions(dir, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_whose_lock_is_held_is_not_swept_and_a_free_one_is() {
        let base = tempfile::tempdir().expect("a directory");
        let living = base.path().join("docker-dive.living");
        let dead = base.path().join("docker-dive.dead");
        let strange = base.path().join("somebody-else");
        for dir in [&living, &dead, &strange] {
            fs::create_dir(dir).expect("mkdir");
        }
        fs::create_dir(dead.join("closed")).expect("mkdir");
        fs::set_permissions(dead.join("closed"), fs::Permissions::from_mode(0o0)).expect("chmod");
        let held = lock(&living).expect("the lock");
        sweep(base.path(), PREFIX);
        assert!(living.exists() && strange.exists() && !dead.exists());
        drop(held);
        sweep(base.path(), PREFIX);
        assert!(!living.exists(), "its holder is gone");
    }

    #[test]
    fn what_holds_containers_is_removed_by_who_can_end_them_and_by_nobody_else() {
        let base = tempfile::tempdir().expect("a directory");
        let dead = base.path().join("docker-dive.dead");
        fs::create_dir_all(dead.join(CONTAINERS)).expect("mkdir");
        sweep_and(base.path(), PREFIX, None);
        assert!(dead.exists());
        sweep_and(base.path(), PREFIX, Some(&|_| Err(Error::refused("end", "a container", "it will not"))));
        assert!(dead.exists(), "a container may still be there");
        let buried = std::cell::RefCell::new(PathBuf::new());
        sweep_and(
            base.path(),
            PREFIX,
            Some(&|dir: &Path| {
                buried.replace(dir.to_owned());
                Ok(())
            }),
        );
        assert_eq!(buried.into_inner(), dead.join(CONTAINERS));
        assert!(!dead.exists());
    }
}
