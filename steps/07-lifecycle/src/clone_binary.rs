//! Attack A7, and its cure: nobody inside can write to the program that makes and enters containers.
//!
//! /proc/PID/exe leads to the file that a process executes, past every root and mount namespace. While `create`
//! becomes init, and while `exec` goes in, that file is ours, on the host. Who is root inside opens it, waits until
//! nobody executes it any more (until then writing is ETXTBSY), and writes into the runtime that the host's root will
//! run next (CVE-2019-5736).
//!
//! So before we go near a container we execute ourselves once more, from a file that cannot be written: the same file
//! on a mount of its own that is read-only and hangs nowhere, so that no remount reaches it (open_tree(2),
//! mount_setattr(2), Linux 5.12). Who may not make mounts copies the file into memory and seals it.

use std::ffi::{CString, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;

use kit::{Doing, Error, Result};
use nix::fcntl::{AtFlags, FcntlArg, SealFlag, fcntl};
use nix::mount::MsFlags;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::statvfs::{FsFlags, fstatvfs};
use nix::unistd::execveat;
use step_06::attach::copy_of;

/// Where the kernel shows what a process executes.
const EXE: &str = "/proc/self/exe";

// ANCHOR: execute_from_clone
/// Executes this program again from a file that cannot be written, with the same arguments; returns at once where it
/// is executed from one already. To be called before anything else is done.
pub fn execute_from_clone() -> Result<()> {
    let exe = File::open(EXE).doing("open(2)", EXE)?;
    if cannot_be_written(&exe)? {
        return Ok(());
    }
    let clone = detached(&exe).or_else(|_| sealed_copy(&exe))?;
    let args = std::env::args_os().map(c_string).collect::<Result<Vec<_>>>()?;
    let env = std::env::vars_os().map(|(name, value)| {
        let mut pair = name;
        pair.push("=");
        pair.push(value);
        c_string(pair)
    });
    let env = env.collect::<Result<Vec<_>>>()?;
    execveat(&clone, c"", &args, &env, AtFlags::AT_EMPTY_PATH).map(drop).doing("execveat(2)", EXE)
}
// ANCHOR_END: execute_from_clone

/// Whether it is on a read-only mount, or sealed.
pub fn cannot_be_written(exe: &File) -> Result<bool> {
    let mount = fstatvfs(exe).doing("fstatvfs(3)", EXE)?.flags();
    // What is not a file in memory has no seals: EINVAL.
    let seals = fcntl(exe, FcntlArg::F_GET_SEALS).map_or(SealFlag::empty(), SealFlag::from_bits_truncate);
    Ok(mount.contains(FsFlags::ST_RDONLY) || seals.contains(SealFlag::F_SEAL_WRITE))
}

// ANCHOR: detached
/// A mount of this one file, in no tree, read-only. EPERM without privilege.
pub fn detached(exe: &File) -> Result<OwnedFd> {
    copy_of(exe.as_fd(), false)?.set(MsFlags::MS_RDONLY, false).map(OwnedFd::from)
}
// ANCHOR_END: detached

// ANCHOR: sealed_copy
/// A copy in memory whose bytes nobody can change any more, not even through a descriptor opened for writing.
pub fn sealed_copy(exe: &File) -> Result<OwnedFd> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let mut copy: File = memfd_create(c"step-07", flags).doing("memfd_create(2)", "")?.into();
    io::copy(&mut &*exe, &mut copy).doing("copy", EXE)?;
    let seals =
        SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
    fcntl(&copy, FcntlArg::F_ADD_SEALS(seals)).doing("fcntl(2) F_ADD_SEALS", "")?;
    Ok(copy.into())
}
// ANCHOR_END: sealed_copy

fn c_string(text: OsString) -> Result<CString> {
    CString::new(text.into_vec()).map_err(|error| Error::refused("pass to execveat(2)", "a word", error))
}
