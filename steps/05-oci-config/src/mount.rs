//! `mounts`: a list of mount(2) calls as data.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use kit::{Doing, Result};
use nix::mount::{MsFlags, mount};
use nix::sys::statvfs::{FsFlags, statvfs};

use crate::field::Field;

const NONE: Option<&str> = None;

/// One mount.
#[derive(Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where, below the root.
    pub destination: PathBuf,
    /// The file system's type; `cgroup` means the container's own group, in whatever version the host has.
    pub kind: String,
    /// What: a name, or a path that is relative to the bundle.
    pub source: String,
    /// Options that are flags of mount(2).
    pub flags: MsFlags,
    /// Changes of propagation, each a call of its own.
    pub propagation: Vec<MsFlags>,
    /// Options that are the file system's own business.
    pub data: String,
}

/// Options that set a flag, and those that clear it: config.md, "Linux mount options".
const SET: &[(&str, MsFlags)] = &[
    ("ro", MsFlags::MS_RDONLY),
    ("nosuid", MsFlags::MS_NOSUID),
    ("nodev", MsFlags::MS_NODEV),
    ("noexec", MsFlags::MS_NOEXEC),
    ("sync", MsFlags::MS_SYNCHRONOUS),
    ("dirsync", MsFlags::MS_DIRSYNC),
    ("noatime", MsFlags::MS_NOATIME),
    ("nodiratime", MsFlags::MS_NODIRATIME),
    ("relatime", MsFlags::MS_RELATIME),
    ("strictatime", MsFlags::MS_STRICTATIME),
    ("bind", MsFlags::MS_BIND),
    ("rbind", MsFlags::MS_BIND.union(MsFlags::MS_REC)),
];
const CLEAR: &[(&str, MsFlags)] = &[
    ("rw", MsFlags::MS_RDONLY),
    ("suid", MsFlags::MS_NOSUID),
    ("dev", MsFlags::MS_NODEV),
    ("exec", MsFlags::MS_NOEXEC),
    ("async", MsFlags::MS_SYNCHRONOUS),
    ("atime", MsFlags::MS_NOATIME),
    ("diratime", MsFlags::MS_NODIRATIME),
    ("norelatime", MsFlags::MS_RELATIME),
    ("nostrictatime", MsFlags::MS_STRICTATIME),
    ("defaults", MsFlags::empty()),
];
const PROPAGATION: &[(&str, MsFlags)] = &[
    ("private", MsFlags::MS_PRIVATE),
    ("shared", MsFlags::MS_SHARED),
    ("slave", MsFlags::MS_SLAVE),
    ("unbindable", MsFlags::MS_UNBINDABLE),
];
/// Options that later lessons teach; passed to the file system they would be refused or, worse, taken.
const LATER: [&str; 4] = ["idmap", "ridmap", "tmpcopyup", "copy-symlink"];

impl Mount {
    pub(crate) fn from_field(field: &Field<'_>) -> Result<Self> {
        let destination = field.need("destination")?.text()?;
        let text = |key: &str| field.get(key)?.map_or(Ok(String::new()), |field| field.text());
        let mut made = Self {
            // A relative one is resolved from "/" (config.md).
            destination: Path::new("/").join(&destination),
            kind: text("type")?,
            source: text("source")?,
            flags: MsFlags::empty(),
            propagation: vec![],
            data: String::new(),
        };
        let options = field.get("options")?.map_or(Ok(vec![]), |options| options.list())?;
        for option in options {
            let name = option.text()?;
            let recursive = name.strip_prefix('r').filter(|_| name != "rbind");
            let recursive = recursive.is_some_and(|rest| SET.iter().any(|(set, _)| *set == rest));
            if recursive || LATER.contains(&name.as_str()) {
                return Err(option
                    .refuse(format!("{name:?} is dive-runtime's: without it the mount would be another")));
            }
            made.take(&name);
        }
        if made.kind.is_empty() && !made.flags.contains(MsFlags::MS_BIND) {
            return Err(field.refuse("needs a type, or bind among its options"));
        }
        if made.flags.contains(MsFlags::MS_BIND) && made.source.is_empty() {
            return Err(field.refuse("a bind mount needs a source"));
        }
        Ok(made)
    }

    fn take(&mut self, name: &str) {
        let find = |table: &[(&str, MsFlags)], name: &str| {
            table.iter().find(|(n, _)| *n == name).map(|(_, flag)| *flag)
        };
        if let Some(flag) = find(SET, name) {
            self.flags |= flag;
        } else if let Some(flag) = find(CLEAR, name) {
            self.flags -= flag;
        } else if let Some(flag) = find(PROPAGATION, name) {
            self.propagation.push(flag);
        } else if let Some(flag) = name.strip_prefix('r').and_then(|name| find(PROPAGATION, name)) {
            self.propagation.push(flag | MsFlags::MS_REC);
        } else {
            let comma = if self.data.is_empty() { "" } else { "," };
            self.data = format!("{}{comma}{name}", self.data);
        }
    }

    /// Its target below the root; made if it is missing: a file if a file is to be bound there.
    pub fn target(&self, root: &Path) -> Result<PathBuf> {
        let target = root.join(self.destination.strip_prefix("/").unwrap_or(&self.destination));
        if target.exists() {
            return Ok(target);
        }
        let file = self.is_bind() && Path::new(&self.source).is_file();
        let dir = if file { target.parent().unwrap_or(&target) } else { &target };
        fs::create_dir_all(dir).doing("mkdir(2) the mount's destination", dir)?;
        if file {
            File::create(&target).doing("open(2) O_CREAT the mount's destination", &target)?;
        }
        Ok(target)
    }

    /// Mounts it, in init, while the host's tree is still there. A bind mount takes its flags in a second call.
    pub fn mount(&self, target: &Path, bundle: &Path) -> Result<()> {
        if self.is_bind() {
            let source = bundle.join(&self.source);
            let bind = self.flags & (MsFlags::MS_BIND | MsFlags::MS_REC);
            let doing = format!("mount(2) MS_BIND of {:?} on", source.display());
            mount(Some(&source), target, NONE, bind, NONE).doing(doing, target)?;
            remount(target, self.flags - MsFlags::MS_REC)?;
        } else {
            let (source, kind) = (Some(self.source.as_str()), Some(self.kind.as_str()));
            let data = Some(self.data.as_str());
            mount(source, target, kind, self.flags, data)
                .doing(format!("mount(2) {} on", self.kind), target)?;
        }
        self.propagation.iter().try_for_each(|flag| {
            mount(NONE, target, NONE, *flag, NONE).doing(format!("mount(2) {flag:?} on"), target)
        })
    }

    fn is_bind(&self) -> bool {
        self.flags.contains(MsFlags::MS_BIND)
    }
}

// ANCHOR: remount
/// Gives a mount flags that its bind could not take. Those that it has already stay: in a user namespace they
/// are locked, and a remount that would clear one is EPERM.
pub fn remount(target: &Path, flags: MsFlags) -> Result<()> {
    let now = statvfs(target).doing("statvfs(3)", target)?.flags();
    let mut kept = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | flags;
    for (have, keep) in [
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_RDONLY, MsFlags::MS_RDONLY),
    ] {
        if now.contains(have) {
            kept |= keep;
        }
    }
    mount(NONE, target, NONE, kept, NONE).doing(format!("mount(2) {flags:?} again on"), target)
}
// ANCHOR_END: remount
