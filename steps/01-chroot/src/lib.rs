//! Lesson 01: a process in a root directory of its own.
//!
//! Every path that begins with `/` begins at the root directory of the process that says it. chroot(2), in
//! Unix since 1979, moves that root: one field of the process, inherited by its children. Nothing is copied,
//! hidden or unmounted; the rest of the tree is still there, and only names for it are gone.
//!
//! Two things follow at once. Programs inside need *their* files below the new root, the loader first of all:
//! [`loader`] tells why a program that is plainly there gives ENOENT. And whoever may call chroot may call it
//! again, which is the way out: attack A1.

use std::path::Path;

use kit::{Doing, Result};
use nix::unistd::{chdir, chroot};

pub mod loader;

pub use loader::exec;

// ANCHOR: chroot_into
/// Makes a directory the root of the calling process.
///
/// The order matters. chroot(2) does not move the working directory: a process that stood outside stays
/// outside, and `..` leads on to the host's root. So it goes in first, makes the place where it stands the
/// root, and then names its working directory anew, below that root.
///
/// Errors: EPERM without `CAP_SYS_CHROOT`, ENOENT, ENOTDIR, EACCES.
pub fn chroot_into(root: &Path) -> Result<()> {
    chdir(root).doing("chdir(2)", root)?;
    chroot(".").doing("chroot(2)", root)?;
    chdir("/").doing("chdir(2)", "/")
}
// ANCHOR_END: chroot_into
