//! Another root for the mount namespace: pivot_root(2).

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, umount2};
use nix::sys::stat::Mode;
use nix::unistd::{chdir, fchdir, pivot_root};

use super::inode;
use super::mount::{Change, Extent, Propagation};
use crate::error::{Doing, Error, Kind, Result};

// ANCHOR: pivot_into
/// Makes a directory, by descriptor, the root of the mount namespace and of the caller, and lets go of the old one.
///
/// It has to be the root of a mount, attached, and neither it nor what it hangs on may be shared: EINVAL. Further
/// EPERM without `CAP_SYS_ADMIN`; EBUSY if it is on the same mount as the root that there is.
///
/// Both arguments of the call are ".": the new root is mounted there, and the old one on top of it. So no
/// directory inside is needed for the old one, and no path is resolved that an image could have prepared.
pub fn pivot_into(root: BorrowedFd<'_>) -> Result<()> {
    let slash = Path::new("/");
    let directory = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let old = open(slash, directory, Mode::empty()).doing("open(2) O_PATH|O_DIRECTORY", slash)?;
    fchdir(root).doing("fchdir(2)", root)?;
    pivot_root(".", ".").doing("pivot_root(2)", root)?;

    // Mounts below the old root may still be shared with the host: unmounted here, they would vanish there.
    fchdir(&old).doing("fchdir(2)", "the old root")?;
    let slave = Change { propagation: Some(Propagation::Slave), ..Change::default() };
    slave.apply(old.as_fd(), Extent::All)?;
    // Detached, for we ourselves still stand in it.
    umount2(".", MntFlags::MNT_DETACH).doing("umount2(2) MNT_DETACH", "the old root")?;
    chdir(slash).doing("chdir(2)", slash)?;

    let new = open(slash, directory, Mode::empty()).doing("open(2) O_PATH|O_DIRECTORY", slash)?;
    if inode::same(new.as_fd(), root)? {
        Ok(())
    } else {
        Err(Error::refused(Kind::System, "pivot_root(2)", root, "the root is another directory afterwards"))
    }
}
// ANCHOR_END: pivot_into
