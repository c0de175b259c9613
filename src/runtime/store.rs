//! What is known about containers, on disk: a directory for each.
//!
//! Making that directory is what claims the name: only one of many can. A lock on it tells a creator that lives from one
//! that died half way. What is about to be done stands in `state.json` before it is done, so that whoever finds it later can
//! undo it. The files are replaced, never written over; none is flushed to disk, for nothing here outlives a boot.

use std::fs::{self, DirBuilder, File};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::stat::fstat;
use serde::{Deserialize, Serialize};

use super::alive::Process;
use super::bundle::read_regular;
use super::cgroup::Place;
use crate::error::{Doing, Error, Kind, Result};
use crate::oci::state::{State, Status};
use crate::oci::{Spec, strict};

/// What a container's directory holds.
const STATE: &str = "state.json";
const CONFIG: &str = "config.json";
/// As long as it is there, the container waits to be started.
pub(super) const START: &str = "start.fifo";
/// Through it whoever starts the container learns whether its program was executed.
pub(super) const STARTED: &str = "started.fifo";

/// The longest id: a directory's name.
const ID_LIMIT: usize = 255;

/// The directory of all containers.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// What is written down about a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Its name.
    pub id: String,
    /// Its bundle.
    pub bundle: PathBuf,
    /// Its root file system.
    pub rootfs: PathBuf,
    /// When it was made, RFC 3339.
    pub created: String,
    /// The user who made it.
    pub owner: u32,
    /// Its first process, once it waits to be started.
    pub(super) init: Option<Process>,
    /// Its cgroups, and which directories of them are ours.
    pub(super) cgroups: Vec<Place>,
    /// The notes of its configuration.
    #[serde(default)]
    pub annotations: std::collections::BTreeMap<String, String>,
}

/// A container, by its directory. It is locked as long as this value lives, if it was taken so.
#[derive(Debug)]
pub struct Container {
    dir: PathBuf,
    lock: Option<Flock<File>>,
    /// What was written down.
    pub record: Record,
}

impl Record {
    /// The name of the user who made it, as the host's passwd(5) has it; their number, where it has none.
    pub fn owner_name(&self) -> String {
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let id = self.owner.to_string();
        let name = passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == id).then_some(name)
        });
        name.map_or(id.clone(), str::to_owned)
    }
}

impl Store {
    /// The store in a directory, which need not exist.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Claims a name, and writes down what is about to be done: which is found out only then, when nobody else can be about
    /// to do the same. Errors: [`Kind::AlreadyExists`], [`Kind::Invalid`] for what is no name, those of `plan`; nothing is left
    /// then.
    pub(super) fn claim(
        &self,
        id: &str,
        config: &[u8],
        plan: impl FnOnce() -> Result<Record>,
    ) -> Result<Container> {
        check_id(id)?;
        let dir = self.root.join(id);
        self.make_directory(&dir).map_err(|error| match error.kind() {
            Kind::AlreadyExists => taken(id),
            _ => error,
        })?;
        let begin = || {
            let lock = lock(&dir, FlockArg::LockExclusive)?;
            // Between the two calls somebody may have taken us for dead, and removed what is left.
            if fstat(&*lock).doing("fstat(2)", &dir)?.st_nlink == 0 {
                return Err(taken(id));
            }
            let container = Container { dir: dir.clone(), lock: Some(lock), record: plan()? };
            container.save()?;
            let path = dir.join(CONFIG);
            fs::write(&path, config).doing("write", &path)?;
            Ok(container)
        };
        begin().inspect_err(|_| {
            // Nothing stands in it that anybody could have relied on.
            let _ = remove_directory(&dir);
        })
    }

    fn make_directory(&self, dir: &Path) -> Result<()> {
        let make = |recursive, dir: &Path| {
            DirBuilder::new().mode(0o700).recursive(recursive).create(dir).doing("mkdir(2)", dir)
        };
        match make(false, dir) {
            Err(error) if error.kind() == Kind::NotFound => {
                make(true, &self.root)?;
                make(false, dir)
            }
            outcome => outcome,
        }
    }

    /// A container that is there. Errors: [`Kind::NotFound`], in the words that engines look for.
    pub fn load(&self, id: &str) -> Result<Container> {
        check_id(id)?;
        let dir = self.root.join(id);
        let path = dir.join(STATE);
        let text = read_regular(&path).map_err(|error| match error.kind() {
            Kind::NotFound => missing(id),
            _ => error,
        })?;
        Ok(Container { dir, lock: None, record: strict::parse(STATE, &text)? })
    }

    /// A container that nobody else changes meanwhile. Errors: as [`Store::load`]; [`Kind::Busy`] if somebody does.
    pub(super) fn load_locked(&self, id: &str) -> Result<Container> {
        let held = self.lock_directory(id)?;
        Ok(Container { lock: Some(held), ..self.load(id)? })
    }

    /// Takes the lock of what may be no more than a directory. Errors: as [`Store::load_locked`].
    pub(super) fn lock_directory(&self, id: &str) -> Result<Flock<File>> {
        check_id(id)?;
        let dir = self.root.join(id);
        lock(&dir, FlockArg::LockExclusiveNonblock).map_err(|error| match error.kind() {
            Kind::NotFound => missing(id),
            _ => error,
        })
    }

    /// Removes what is left of a container of which nothing is written down: its creator died before that.
    pub(super) fn remove_empty(&self, id: &str) -> Result<()> {
        remove_directory(&self.root.join(id))
    }

    /// The names of all containers, in order. A name that is no id is not ours.
    pub fn ids(&self) -> Result<Vec<String>> {
        let entries = match fs::read_dir(&self.root).doing("read", &self.root) {
            Err(error) if error.kind() == Kind::NotFound => return Ok(Vec::new()),
            outcome => outcome?,
        };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut ids: Vec<_> = names.filter(|name| check_id(name).is_ok()).collect();
        ids.sort();
        Ok(ids)
    }
}

impl Container {
    /// A file in its directory.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The lock, which a child must not keep.
    pub(super) fn lock(&self) -> Option<BorrowedFd<'_>> {
        self.lock.as_ref().map(|lock| lock.as_fd())
    }

    /// Writes down what is known by now, all or nothing.
    pub(super) fn save(&self) -> Result<()> {
        let text = serde_json::to_vec(&self.record)
            .map_err(|error| Error::refused(Kind::System, "write", STATE, error.to_string()))?;
        replace(&self.dir.join(STATE), &text)
    }

    /// The configuration that it was made with.
    pub fn spec(&self) -> Result<Spec> {
        strict::parse(CONFIG, &read_regular(&self.dir.join(CONFIG))?)
    }

    /// Where in its life it is.
    pub fn status(&self) -> Result<Status> {
        let Some(init) = &self.record.init else {
            // Nothing is known of an init yet: it is being made, if somebody still makes it.
            let made = self.lock.is_none() && lock(&self.dir, FlockArg::LockExclusiveNonblock).is_err();
            return Ok(if made { Status::Creating } else { Status::Stopped });
        };
        if !init.lives()? {
            return Ok(Status::Stopped);
        }
        if self.path(START).exists() {
            return Ok(Status::Created);
        }
        Ok(if super::pause::is_frozen(&self.record.cgroups) { Status::Paused } else { Status::Running })
    }

    /// What is told about it.
    pub fn state(&self) -> Result<State> {
        Ok(self.state_as(self.status()?))
    }

    /// The same, where the caller knows better than the disk.
    pub(super) fn state_as(&self, status: Status) -> State {
        let pid = self.record.init.as_ref().map(|init| init.pid).filter(|_| status != Status::Stopped);
        State {
            oci_version: crate::oci::VERSION.to_owned(),
            id: self.record.id.clone(),
            status,
            pid,
            bundle: self.record.bundle.display().to_string(),
            annotations: self.record.annotations.clone(),
        }
    }

    /// Removes its directory: it is no more. The lock is let go of last.
    pub(super) fn forget(self) -> Result<()> {
        remove_directory(&self.dir)
    }
}

fn lock(dir: &Path, how: FlockArg) -> Result<Flock<File>> {
    let file = File::open(dir).doing("open(2)", dir)?;
    Flock::lock(file, how).map_err(|(_, errno)| match errno {
        nix::errno::Errno::EAGAIN => {
            Error::refused(Kind::Busy, "lock", dir, "another process is changing this container")
        }
        errno => Error::call("flock(2)", dir, errno),
    })
}

/// Makes a file anew: whoever reads it sees the old one or the new one, and no half.
pub(super) fn replace(path: &Path, text: &[u8]) -> Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    fs::write(&new, text).doing("write", &new)?;
    fs::rename(&new, path).doing("rename(2) to", path)
}

/// Files first, of which we know that there are no directories among them; `state.json` last, so that what is left of a
/// removal can be removed again.
fn remove_directory(dir: &Path) -> Result<()> {
    let entries = match fs::read_dir(dir).doing("read", dir) {
        Err(error) if error.kind() == Kind::NotFound => return Ok(()),
        outcome => outcome?,
    };
    let names: Vec<_> =
        entries.flatten().map(|entry| entry.file_name()).filter(|name| name != STATE).collect();
    for name in names.into_iter().chain([STATE.into()]) {
        let path = dir.join(name);
        match fs::remove_file(&path).doing("unlink(2)", &path) {
            Err(error) if error.kind() == Kind::NotFound => {}
            outcome => outcome?,
        }
    }
    match fs::remove_dir(dir).doing("rmdir(2)", dir) {
        Err(error) if error.kind() == Kind::NotFound => Ok(()),
        outcome => outcome,
    }
}

/// Refuses what is no id: it is going to be a directory's name.
fn check_id(id: &str) -> Result<()> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '-' | '.');
    let reason = match id {
        "" => "it is empty",
        id if id.len() > ID_LIMIT => "it has more than 255 bytes",
        id if id.starts_with('.') => "it begins with a dot",
        id if !id.chars().all(good) => "it holds something else than letters, digits and _ + - .",
        _ => return Ok(()),
    };
    Err(Error::refused(Kind::Invalid, "invalid container ID format", id, reason))
}

fn taken(id: &str) -> Error {
    Error::refused(Kind::AlreadyExists, "create", id, "container with given ID already exists")
}

fn missing(id: &str) -> Error {
    Error::refused(Kind::NotFound, "load", id, "container does not exist")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str) -> Record {
        Record {
            id: id.to_owned(),
            bundle: "/b".into(),
            rootfs: "/b/rootfs".into(),
            created: super::super::time::now(),
            owner: 0,
            init: None,
            cgroups: Vec::new(),
            annotations: [("a".to_owned(), "b".to_owned())].into(),
        }
    }

    #[test]
    fn a_name_can_be_claimed_once_and_what_is_written_comes_back() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path().join("deep/store"));
        assert_eq!(store.ids().expect("none"), [""; 0]);
        let container = store.claim("web", b"{}", || Ok(record("web"))).expect("claimed");
        let error = store.claim("web", b"{}", || Ok(record("web"))).expect_err("taken");
        assert_eq!(error.kind(), Kind::AlreadyExists);
        assert!(error.to_string().contains("container with given ID already exists"), "{error}");
        assert_eq!(store.load("web").expect("loaded").record, container.record);
        assert_eq!(store.ids().expect("one"), ["web"]);
        container.forget().expect("forgotten");
        assert!(store.load("web").expect_err("gone").to_string().contains("container does not exist"));
    }

    #[test]
    fn a_creator_that_lives_is_told_from_one_that_died() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path().to_owned());
        let container = store.claim("web", b"{}", || Ok(record("web"))).expect("claimed");
        assert_eq!(store.load("web").expect("loaded").status().expect("status"), Status::Creating);
        assert_eq!(store.load_locked("web").expect_err("locked").kind(), Kind::Busy);
        drop(container);
        assert_eq!(store.load("web").expect("loaded").status().expect("status"), Status::Stopped);
        store.load_locked("web").expect("free").forget().expect("forgotten");
    }

    #[test]
    fn what_is_no_id_never_becomes_a_path() {
        let long = "a".repeat(256);
        for bad in ["", ".", "..", "../a", "a/b", "a b", ".a", "ä", "a\0", long.as_str()] {
            assert_eq!(check_id(bad).expect_err(bad).kind(), Kind::Invalid);
        }
        for good in ["a", "_", "+a", "-", "A.b_c-9+", &long[1..]] {
            check_id(good).expect(good);
        }
    }
}
