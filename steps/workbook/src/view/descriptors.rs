//! Open descriptors, and where they lead.
//!
//! A descriptor keeps its target whatever the process's root and mounts become. One that was opened outside
//! and came along is a way out: through a directory, by `openat(fd, "..")`, to all that lies above it.

use std::fs;
use std::os::unix::fs::FileTypeExt;

use serde::{Deserialize, Serialize};

use super::mounts::Mount;
use super::process::{Process, field, identity};
use super::{Fact, View};

/// An open descriptor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// Its number.
    pub number: i32,
    /// Where its link leads, as the reader sees it.
    pub target: String,
    /// What it is open on.
    pub kind: Kind,
    /// How it was opened.
    pub access: Access,
    /// The id of the mount on which the target lies.
    pub mount: i32,
    /// Device and inode of the target.
    pub identity: (u64, u64),
}

/// What a descriptor is open on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A directory: all that lies below it is in reach, and above it too unless a root is in between.
    Directory,
    /// A regular file.
    File,
    /// A character or block device.
    Device,
    /// A named pipe or a socket's node.
    Node,
    /// A socket.
    Socket,
    /// A namespace, which setns(2) enters.
    Namespace,
    /// Pipes, events, memory: what has no place in a tree of files.
    Anonymous,
}

/// How a descriptor was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// `O_RDONLY`.
    Read,
    /// `O_WRONLY`.
    Write,
    /// `O_RDWR`.
    ReadWrite,
    /// `O_PATH`: neither, but enough for openat(2) and fchdir(2).
    Path,
}

/// A descriptor that leads out of what the process can name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leak {
    /// The descriptor.
    pub descriptor: Descriptor,
    /// Where its target lies.
    pub place: Place,
    /// Whether it is a way to more than its one target: a directory, a block device, a namespace.
    pub way_out: bool,
}

/// Where a target lies that is not below the process's own root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// On a mount of the reference's mount namespace, or in its network or other namespace.
    Reference,
    /// Above or beside the root, on the mount that also holds the root.
    BesideRoot,
    /// On a mount that neither process's tree shows: detached, or of a third mount namespace.
    Elsewhere,
}

/// The descriptors, by number. A descriptor that was closed in the meantime is left out.
pub(super) fn read(process: &Process) -> Fact<Vec<Descriptor>> {
    let mut numbers: Vec<i32> = match process.names("fd") {
        Ok(names) => names.iter().filter_map(|name| name.parse().ok()).collect(),
        Err(error) => return Fact::of(Err(error)),
    };
    numbers.sort_unstable();
    Fact::Known(numbers.into_iter().filter_map(|number| descriptor(process, number)).collect())
}

fn descriptor(process: &Process, number: i32) -> Option<Descriptor> {
    let target = process.link(&format!("fd/{number}")).ok()?;
    let info = process.read(&format!("fdinfo/{number}")).ok()?;
    let meta = process.stat(&format!("fd/{number}")).ok();
    let flags = field(&info, "flags").and_then(|flags| i32::from_str_radix(flags, 8).ok()).unwrap_or(0);
    Some(Descriptor {
        number,
        kind: kind(&target, meta.as_ref().map(fs::Metadata::file_type)),
        access: access(flags),
        mount: field(&info, "mnt_id").and_then(|id| id.parse().ok()).unwrap_or(-1),
        identity: meta.as_ref().map(identity).unwrap_or_default(),
        target,
    })
}

/// What the kernel keeps outside of any tree has a link of the form `kind:[inode]` or a name of its own.
fn kind(target: &str, file_type: Option<fs::FileType>) -> Kind {
    if target.starts_with("socket:[") {
        return Kind::Socket;
    }
    if !target.starts_with('/') {
        return if namespace(target).is_some() { Kind::Namespace } else { Kind::Anonymous };
    }
    let made_of_memory = ["/memfd:", "/SYSV", "/[aio]", "/dmabuf:", "/anon_hugepage", "/dev/zero (deleted)"];
    match file_type {
        _ if made_of_memory.iter().any(|name| target.starts_with(name)) => Kind::Anonymous,
        Some(kind) if kind.is_dir() => Kind::Directory,
        Some(kind) if kind.is_char_device() || kind.is_block_device() => Kind::Device,
        Some(kind) if kind.is_fifo() || kind.is_socket() => Kind::Node,
        _ => Kind::File,
    }
}

fn access(flags: i32) -> Access {
    match flags & libc::O_ACCMODE {
        _ if flags & libc::O_PATH != 0 => Access::Path,
        libc::O_RDONLY => Access::Read,
        libc::O_WRONLY => Access::Write,
        _ => Access::ReadWrite,
    }
}

/// `mnt:[4026531841]` in its parts; the kinds are those of /proc/PID/ns.
fn namespace(target: &str) -> Option<(&str, u64)> {
    let (kind, rest) = target.split_once(":[")?;
    let known = super::namespaces::KINDS.iter().any(|(name, _)| *name == kind);
    Some((kind, rest.strip_suffix(']')?.parse().ok()?)).filter(|_| known)
}

/// The descriptors that lead out of what the view's process can name.
pub fn leaks(view: &View, reference: &View) -> Fact<Vec<Leak>> {
    let (open, own) = match (&view.descriptors, &view.mounts) {
        (Fact::Known(open), Fact::Known(own)) => (open, own),
        (Fact::Unreadable { unreadable }, _) | (_, Fact::Unreadable { unreadable }) => {
            return Fact::unreadable(unreadable);
        }
    };
    let around = Around { view, own, reference, theirs: reference.mounts.known().map_or(&[], Vec::as_slice) };
    Fact::Known(open.iter().filter_map(|open| around.leak(open)).collect())
}

/// What decides whether a descriptor leads out.
struct Around<'a> {
    view: &'a View,
    own: &'a [Mount],
    reference: &'a View,
    theirs: &'a [Mount],
}

impl Around<'_> {
    fn leak(&self, open: &Descriptor) -> Option<Leak> {
        let place = match open.kind {
            Kind::Anonymous => return None,
            Kind::Socket => self.of_socket(&open.target)?,
            Kind::Namespace => self.of_namespace(&open.target)?,
            Kind::Device if LEADS_NOWHERE.contains(&open.target.as_str()) => return None,
            _ => self.of_path(open)?,
        };
        let device = open.kind == Kind::Device && !is_terminal(&open.target);
        let way_out = device || matches!(open.kind, Kind::Directory | Kind::Namespace);
        Some(Leak { descriptor: open.clone(), place, way_out })
    }

    /// Of a network that is not the process's own. What neither network lists may be of any family.
    fn of_socket(&self, target: &str) -> Option<Place> {
        let inode = target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()?;
        let foreign = self.reference.sockets.contains_key(&inode) && !self.view.sockets.contains_key(&inode);
        foreign.then_some(Place::Reference)
    }

    /// A namespace of its own is none to leak into, and one that it shares leads nowhere new.
    fn of_namespace(&self, target: &str) -> Option<Place> {
        let (kind, inode) = namespace(target)?;
        let is = |of: &View| of.namespaces.get(kind).and_then(Fact::known) == Some(&inode);
        if is(self.view) {
            return None;
        }
        Some(if is(self.reference) { Place::Reference } else { Place::Elsewhere })
    }

    /// mountinfo shows a process the mounts below its root: what lies on one of them, it can name. The mount
    /// that holds a root which is only a directory of it is not shown; there the paths decide.
    fn of_path(&self, open: &Descriptor) -> Option<Place> {
        let shows = |mounts: &[Mount]| mounts.iter().any(|mount| mount.id == open.mount);
        if shows(self.own) {
            return None;
        }
        let root = self.view.root.known();
        if let Some(root) = root.filter(|root| root.mount.known() == Some(&open.mount)) {
            return if below(&open.target, &root.path) { None } else { Some(Place::BesideRoot) };
        }
        Some(if shows(self.theirs) { Place::Reference } else { Place::Elsewhere })
    }
}

/// Whether a path is that directory or lies in it.
fn below(path: &str, dir: &str) -> bool {
    let rest = path.strip_prefix(dir.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whichever node it was that was opened, behind it is the same nothing for all.
const LEADS_NOWHERE: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

fn is_terminal(target: &str) -> bool {
    target == "/dev/tty" || target == "/dev/console" || target.starts_with("/dev/pts/")
}

impl Leak {
    /// The leak in a phrase.
    pub fn phrase(&self) -> String {
        let Descriptor { number, target, kind, access, .. } = &self.descriptor;
        let kind = match kind {
            Kind::Directory => "directory",
            Kind::Device => "device",
            Kind::Node => "node",
            Kind::Namespace => "namespace",
            Kind::Socket => "socket",
            Kind::File | Kind::Anonymous => "file",
        };
        let access = match access {
            Access::Read => "to read",
            Access::Write => "to write",
            Access::ReadWrite => "to read and write",
            Access::Path => "as a path",
        };
        let place = match (self.place, &self.descriptor.kind) {
            (Place::Reference, Kind::Namespace) => "the reference's",
            (Place::Reference, Kind::Socket) => "of the reference's network",
            (Place::Reference, _) => "on a mount of the reference's",
            (Place::BesideRoot, _) => "outside of its root",
            (Place::Elsewhere, Kind::Namespace) => "of another process",
            (Place::Elsewhere, _) => "on a mount that neither tree shows",
        };
        format!("{number}: {kind} {target}, open {access}, {place}")
    }
}

#[cfg(test)]
#[path = "descriptors/tests.rs"]
mod tests;
