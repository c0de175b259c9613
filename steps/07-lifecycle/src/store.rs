//! The state directory: one directory a container, whose making is the lock.
//!
//! Of two commands that make the same directory, mkdir(2) lets one succeed, whatever they do at the same time. And
//! flock(2) on it tells a creator that works from one that was killed: the kernel drops the lock with its holder.

use std::fs::{self, DirBuilder, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use kit::{Doing, Error, Result, Tier, scratch};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{close, geteuid};
use serde_json::Value;

use crate::{Container, Record};

/// The length of a file name, which an id is.
const LONGEST: usize = 255;

/// A directory of containers.
#[derive(Debug)]
pub struct Store(PathBuf);

/// The right to work on a container; it goes with the process that has it.
#[derive(Debug)]
pub struct Claim {
    dir: PathBuf,
    lock: Flock<File>,
}

impl Store {
    /// Opens it, and makes it if it is missing: /run/docker-dive, `$XDG_RUNTIME_DIR/docker-dive` for who is not
    /// root, or a directory of the caller's choice. Nobody else may read it, and nobody else may have made it.
    pub fn open(given: Option<&Path>) -> Result<Self> {
        let dir = match given {
            Some(dir) => dir.to_owned(),
            None => usual()?,
        };
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&dir);
        made.doing("mkdir(2) the state directory", &dir)?;
        let dir = dir.canonicalize().doing("find the state directory", &dir)?;
        let found = fs::metadata(&dir).doing("stat(2)", &dir)?;
        if found.uid() != geteuid().as_raw() || found.mode() & 0o022 != 0 {
            let error = Error::refused("trust the state directory", dir.display(), "others may write to it");
            return Err(error.advise("another one: --root DIR"));
        }
        Ok(Self(dir))
    }

    // ANCHOR: claim
    /// Takes an id for a new container. EEXIST if there is one of that name.
    pub fn claim(&self, id: &str) -> Result<Claim> {
        let dir = self.dir_of(id)?;
        match DirBuilder::new().mode(0o700).create(&dir) {
            Err(error) if error.raw_os_error() == Some(Errno::EEXIST as i32) => {
                let error = Error::call("create a container", id, Errno::EEXIST);
                return Err(error.advise("there is one of that name: state tells of it, delete removes it"));
            }
            made => made.doing("mkdir(2)", &dir)?,
        }
        let file = File::open(&dir).doing("open(2)", &dir)?;
        let lock = Flock::lock(file, FlockArg::LockExclusive)
            .map_err(|(_, errno)| Error::call("flock(2)", dir.display(), errno))?;
        // Between mkdir and flock a `delete --force` may have taken it for what a dead creator left.
        if dir.exists() {
            return Ok(Claim { dir, lock });
        }
        Err(Error::refused("create a container", id, "another command has removed it meanwhile"))
    }
    // ANCHOR_END: claim

    /// A container that is there. ENOENT if there is none.
    pub fn container(&self, id: &str) -> Result<Container> {
        let dir = self.dir_of(id)?;
        if !dir.is_dir() {
            return Err(Error::call("find the container", id, Errno::ENOENT)
                .advise("is it in another state directory (--root)?"));
        }
        Ok(Container { record: Record::read(&dir, id)?, dir })
    }

    /// Those that there are, by name.
    pub fn ids(&self) -> Result<Vec<String>> {
        let entries = fs::read_dir(&self.0).doing("readdir(3)", &self.0)?.flatten();
        let mut ids: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        ids.sort();
        Ok(ids)
    }

    /// Where a container is, or would be. Refuses an id that would lead elsewhere.
    pub fn dir_of(&self, id: &str) -> Result<PathBuf> {
        check(id)?;
        Ok(self.0.join(id))
    }
}

impl Claim {
    /// The container's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Takes a container that is there from whoever has it no more: for `delete`. EBUSY while its creator lives.
    pub fn of(dir: &Path) -> Result<Self> {
        // Who asks for the state holds the lock for a moment.
        for _ in 0..50 {
            match scratch::lock(dir) {
                Some(lock) => return Ok(Self { dir: dir.to_owned(), lock }),
                None => sleep(Duration::from_millis(2)),
            }
        }
        let id = dir.file_name().unwrap_or_default().to_string_lossy();
        Err(Error::call("lock the container", id, Errno::EBUSY).advise("another command is at work on it"))
    }

    /// For init, who was born with a copy of the lock: it is to go with the creator, however that ends. To unlock it
    /// would unlock it for both.
    pub fn drop_copy(&self) -> Result<()> {
        close(self.lock.as_raw_fd()).doing("close(2)", "the copy of the lock")
    }

    /// Begins the record: from here on whoever comes later knows what to undo.
    pub fn intend(&self, record: Record, document: &Value) -> Result<Container> {
        let container = Container { dir: self.dir.clone(), record };
        container.keep_config(document)?;
        container.write()?;
        Ok(container)
    }
}

/// Whether somebody holds the file's lock. Asking takes it for a moment, shared, so that two may ask.
pub fn is_locked(path: &Path) -> Result<bool> {
    let file = match File::open(path) {
        Err(error) if error.raw_os_error() == Some(Errno::ENOENT as i32) => return Ok(false),
        opened => opened.doing("open(2)", path)?,
    };
    match Flock::lock(file, FlockArg::LockSharedNonblock) {
        Ok(_) => Ok(false),
        Err((_, Errno::EWOULDBLOCK)) => Ok(true),
        Err((_, errno)) => Err(Error::call("flock(2)", path.display(), errno)),
    }
}

fn usual() -> Result<PathBuf> {
    if Tier::of_self() == Tier::Root {
        return Ok("/run/docker-dive".into());
    }
    let dir = std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty());
    dir.map(|dir| Path::new(&dir).join("docker-dive")).ok_or_else(|| {
        let error = Error::refused("find the state directory", "XDG_RUNTIME_DIR", "is not set");
        error.advise("a directory of yours: --root DIR")
    })
}

/// An id is a file's name, and nothing that a shell or another program would take for something else.
fn check(id: &str) -> Result<()> {
    let first = |c: char| c.is_ascii_alphanumeric() || "_+-".contains(c);
    let good = id.starts_with(first) && id.chars().all(|c| first(c) || c == '.') && id.len() <= LONGEST;
    if good {
        return Ok(());
    }
    Err(Error::refused(
        "name a container",
        id,
        "an id is letters, digits, and _ + - . but not at its beginning",
    ))
}
