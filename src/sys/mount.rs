//! Trees of mounts that hang nowhere until they are finished.
//!
//! mount(2) works on paths: what it has mounted is visible before its flags are set, and where it lands is decided
//! by whoever owns the names. Here a tree is made by itself, given its flags, and then hung onto a descriptor
//! that was verified before: a copy ([`Tree::copy_of`]) or a new file system ([`Configuration`]), then
//! [`Tree::change`], then [`Tree::attach`]. A tree that is dropped before is gone, with nothing to clean up.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::mount::{MntFlags, umount2};

use super::{outcome, owned};
use crate::error::{Doing, Result};

mod configuration;
pub use configuration::Configuration;

bitflags::bitflags! {
    /// Flags of a mount, as mount_setattr(2) and fsmount(2) have them (`MOUNT_ATTR_*`).
    ///
    /// Access times are no flag but a choice of one: neither of the two below means `relatime`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Attributes: u64 {
        /// Nothing can be changed through it: EROFS.
        const RDONLY = libc::MOUNT_ATTR_RDONLY;
        /// Set-user-id bits and file capabilities count for nothing.
        const NOSUID = libc::MOUNT_ATTR_NOSUID;
        /// Device nodes do not open.
        const NODEV = libc::MOUNT_ATTR_NODEV;
        /// Nothing is executed.
        const NOEXEC = libc::MOUNT_ATTR_NOEXEC;
        /// Access times are not written.
        const NOATIME = libc::MOUNT_ATTR_NOATIME;
        /// Access times are written at each access.
        const STRICTATIME = libc::MOUNT_ATTR_STRICTATIME;
        /// Access times of directories are not written.
        const NODIRATIME = libc::MOUNT_ATTR_NODIRATIME;
        /// Symbolic links are not followed (Linux 5.14).
        const NOSYMFOLLOW = libc::MOUNT_ATTR_NOSYMFOLLOW;
    }
}

impl Attributes {
    /// Their names, joined as C has them.
    pub fn names(self) -> String {
        self.iter_names().map(|(name, _)| name).collect::<Vec<_>>().join("|")
    }
}

/// Whether what is mounted on one side of a copy appears on the other (mount_namespaces(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// On neither.
    Private,
    /// On both.
    Shared,
    /// On this side only, from its master.
    Slave,
    /// On neither, and it cannot be bound.
    Unbindable,
}

impl Propagation {
    fn flag(self) -> (u64, &'static str) {
        match self {
            Self::Private => (libc::MS_PRIVATE, "MS_PRIVATE"),
            Self::Shared => (libc::MS_SHARED, "MS_SHARED"),
            Self::Slave => (libc::MS_SLAVE, "MS_SLAVE"),
            Self::Unbindable => (libc::MS_UNBINDABLE, "MS_UNBINDABLE"),
        }
    }
}

/// Whether what hangs on a mount is meant as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The one mount.
    One,
    /// It, and all below it (`AT_RECURSIVE`).
    All,
}

impl Extent {
    fn flag(self) -> (u32, &'static str) {
        match self {
            Self::One => (0, ""),
            Self::All => (libc::AT_RECURSIVE.cast_unsigned(), " AT_RECURSIVE"),
        }
    }
}

/// What is to change about a mount.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// Flags to be set. To set one about access times replaces the others about them.
    pub set: Attributes,
    /// Flags to be cleared. Those that were there when a user namespace copied the mount are locked in it: EPERM.
    pub clear: Attributes,
    /// Its propagation, if that is to change.
    pub propagation: Option<Propagation>,
    /// A user namespace by whose maps the owners of files are to be translated (Linux 5.12): once, and only on a
    /// tree that hangs nowhere.
    pub id_map: Option<BorrowedFd<'a>>,
}

impl Default for Change<'_> {
    /// None at all.
    fn default() -> Self {
        Self { set: Attributes::empty(), clear: Attributes::empty(), propagation: None, id_map: None }
    }
}

impl Change<'_> {
    /// Carries it out on the mount in which the descriptor was opened, whose root it has to be: mount_setattr(2),
    /// Linux 5.12. Recursively it is all or nothing: no mount is changed if one cannot be.
    ///
    /// Errors name the flags: EPERM for a locked flag, EINVAL if it is no mount's root.
    pub fn apply(&self, mount: BorrowedFd<'_>, extent: Extent) -> Result<()> {
        let (recursive, extent) = extent.flag();
        let flags = recursive | libc::AT_EMPTY_PATH.cast_unsigned();
        let mut args = self.arguments();
        let (fd, size) = (mount.as_raw_fd(), size_of_val(&args));
        // SAFETY: the path is empty and ends in NUL; the structure lives through the call, the size is its own.
        let answer =
            unsafe { libc::syscall(libc::SYS_mount_setattr, fd, c"".as_ptr(), flags, &raw mut args, size) };
        outcome(answer, format_args!("mount_setattr(2){extent}{}", self.names()), mount, "5.12").map(drop)
    }

    fn arguments(&self) -> libc::mount_attr {
        let atime = Attributes::NOATIME | Attributes::STRICTATIME;
        let mut clear = self.clear.bits();
        // The kernel takes access times as one field, which is cleared as a whole or not at all.
        if (self.set | self.clear).intersects(atime) {
            clear |= libc::MOUNT_ATTR__ATIME;
        }
        let id_map = if self.id_map.is_some() { libc::MOUNT_ATTR_IDMAP } else { 0 };
        libc::mount_attr {
            attr_set: self.set.bits() | id_map,
            attr_clr: clear,
            propagation: self.propagation.map_or(0, |propagation| propagation.flag().0),
            userns_fd: self.id_map.map_or(0, |fd| u64::from(fd.as_raw_fd().cast_unsigned())),
        }
    }

    fn names(&self) -> String {
        let some = |flags: Attributes| (!flags.is_empty()).then(|| flags.names());
        let parts = [
            some(self.set).map(|names| format!(" set {names}")),
            some(self.clear).map(|names| format!(" clear {names}")),
            self.propagation.map(|propagation| format!(" {}", propagation.flag().1)),
            self.id_map.map(|_| " MOUNT_ATTR_IDMAP".to_owned()),
        ];
        parts.into_iter().flatten().collect()
    }
}

/// A mount, with or without others on it, that hangs nowhere. As a descriptor it is the directory or file at its
/// root: paths can be opened from it.
#[derive(Debug)]
pub struct Tree(OwnedFd);

impl Tree {
    /// A copy of what is mounted at a place, as a bind mount is: open_tree(2) with `OPEN_TREE_CLONE`, Linux 5.2.
    /// The place may be any directory or file. With [`Extent::All`] what is mounted below it comes along.
    ///
    /// Errors: EPERM without `CAP_SYS_ADMIN`; EINVAL if a user namespace would see what a mount there covers.
    pub fn copy_of(place: BorrowedFd<'_>, extent: Extent) -> Result<Self> {
        let (recursive, extent) = extent.flag();
        let flags =
            libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | libc::AT_EMPTY_PATH.cast_unsigned() | recursive;
        // SAFETY: the path is empty and ends in NUL; the call keeps no pointer.
        let answer = unsafe { libc::syscall(libc::SYS_open_tree, place.as_raw_fd(), c"".as_ptr(), flags) };
        let number = outcome(answer, format_args!("open_tree(2) OPEN_TREE_CLONE{extent}"), place, "5.2")?;
        // SAFETY: the kernel has just made it.
        Ok(Self(unsafe { owned(number) }))
    }

    /// Another descriptor of the same tree.
    pub fn try_clone(&self) -> Result<Self> {
        self.0.try_clone().doing("fcntl(2) F_DUPFD_CLOEXEC", self.as_fd()).map(Self)
    }

    /// Changes it. Errors: as [`Change::apply`].
    pub fn change(&self, change: &Change<'_>, extent: Extent) -> Result<()> {
        change.apply(self.as_fd(), extent)
    }

    /// Hangs it onto a place, which is covered by it: move_mount(2), Linux 5.2. A directory goes onto a directory,
    /// anything else onto a file. The value stays a descriptor of the mount's root, which is attached from now on.
    ///
    /// Errors: EINVAL if one is a directory and the other not, or if it is attached in another mount namespace; ELOOP
    /// onto itself.
    pub fn attach(&self, onto: BorrowedFd<'_>) -> Result<()> {
        let flags = libc::MOVE_MOUNT_F_EMPTY_PATH | libc::MOVE_MOUNT_T_EMPTY_PATH;
        let (from, to, empty) = (self.0.as_raw_fd(), onto.as_raw_fd(), c"".as_ptr());
        // SAFETY: both paths are empty and end in NUL; the call keeps no pointer.
        let answer = unsafe { libc::syscall(libc::SYS_move_mount, from, empty, to, empty, flags) };
        outcome(answer, "move_mount(2) onto", onto, "5.2").map(drop)
    }
}

impl AsFd for Tree {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<Tree> for OwnedFd {
    fn from(tree: Tree) -> Self {
        tree.0
    }
}

/// Takes the mount whose root a descriptor is out of the tree, and all on it: umount2(2) with `MNT_DETACH`. It
/// vanishes at once; whoever holds it open may go on. Errors: EINVAL if it is no mount's root, or locked.
pub fn detach(mount: BorrowedFd<'_>) -> Result<()> {
    let link = format!("/proc/self/fd/{}", mount.as_raw_fd());
    umount2(link.as_str(), MntFlags::MNT_DETACH).doing("umount2(2) MNT_DETACH", mount)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(set: Attributes, clear: Attributes) -> (u64, u64) {
        let args = Change { set, clear, ..Change::default() }.arguments();
        (args.attr_set, args.attr_clr)
    }

    #[test]
    fn access_times_are_cleared_as_a_whole_or_not_at_all() {
        let none = Attributes::empty();
        assert_eq!(change(Attributes::RDONLY, Attributes::NODEV), (1, 4));
        assert_eq!(change(Attributes::NOATIME, none), (0x10, 0x70));
        assert_eq!(change(none, Attributes::NOATIME), (0, 0x70));
        assert_eq!(change(Attributes::NODIRATIME, none), (0x80, 0));
    }

    #[test]
    fn an_error_names_every_flag() {
        let everything = Change {
            set: Attributes::RDONLY | Attributes::NOSUID,
            clear: Attributes::NOEXEC,
            propagation: Some(Propagation::Slave),
            id_map: None,
        };
        assert_eq!(everything.names(), " set RDONLY|NOSUID clear NOEXEC MS_SLAVE");
        let dir = std::fs::File::open("/proc/self").expect("open");
        let error = everything.apply(dir.as_fd(), Extent::All).expect_err("no mount's root").to_string();
        assert!(
            error.starts_with("mount_setattr(2) AT_RECURSIVE set RDONLY|NOSUID clear NOEXEC MS_SLAVE"),
            "{error}"
        );
    }
}
