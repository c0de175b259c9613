//! The program that this process executes, in a form that nobody can write.
//!
//! A process that enters a container still shows its own program as /proc/PID/exe. A container that makes us execute
//! ourselves in it, or catches us before execve(2), could open that and write to it once nobody executes it: then it
//! has replaced the host's runtime. So whoever is about to enter a container first executes itself again, from a mount
//! that is read-only and hangs nowhere; or, where no mount is to be had, from a sealed copy in memory.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::copy;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use nix::fcntl::{AtFlags, FcntlArg, OFlag, SealFlag, fcntl, open};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::Mode;
use nix::sys::statvfs::{FsFlags, fstatvfs};
use nix::unistd::execveat;

use super::mount::{Attributes, Change, Extent, Tree};
use crate::error::{Doing, Error, Kind, Result};

/// The seals without which a file in memory can be changed.
const SEALS: SealFlag = SealFlag::F_SEAL_SEAL
    .union(SealFlag::F_SEAL_SHRINK)
    .union(SealFlag::F_SEAL_GROW)
    .union(SealFlag::F_SEAL_WRITE);

/// Returns if the program cannot be written through /proc/self/exe; otherwise executes it again so that it cannot, with
/// the same arguments and environment, and does not return.
///
/// Errors: those of open(2), `memfd_create(2)`, execveat(2); [`Kind::System`] if it stays writable all the same.
pub fn execute_unwritable() -> Result<()> {
    let exe = Path::new("/proc/self/exe");
    let program = open(exe, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).doing("open(2)", exe)?;
    if is_unwritable(program.as_fd())? {
        return Ok(());
    }
    let copy = match read_only(program.as_fd()) {
        Ok(mount) => mount,
        // Mounts belong to root; a copy in memory can be made by everybody, and costs its size.
        Err(error) if error.kind() == Kind::Denied => sealed(program)?,
        Err(error) => return Err(error),
    };
    if !is_unwritable(copy.as_fd())? {
        return Err(Error::refused(Kind::System, "execute again", exe, "the copy can be written as well"));
    }
    let args = std::env::args_os().map(|arg| CString::new(arg.into_vec()));
    let env = std::env::vars_os()
        .map(|(name, value)| CString::new([name.into_vec(), value.into_vec()].join(&b'=')));
    let collected =
        args.collect::<Result<Vec<_>, _>>().and_then(|args| Ok((args, env.collect::<Result<Vec<_>, _>>()?)));
    let (args, env) = collected
        .map_err(|_| Error::refused(Kind::System, "execute again", exe, "an argument with a NUL byte"))?;
    let done =
        execveat(&copy, c"", &args, &env, AtFlags::AT_EMPTY_PATH).doing("execveat(2) AT_EMPTY_PATH", exe);
    done.map(|never| match never {})
}

fn is_unwritable(program: BorrowedFd<'_>) -> Result<bool> {
    if fstatvfs(program).doing("fstatvfs(3)", program)?.flags().contains(FsFlags::ST_RDONLY) {
        return Ok(true);
    }
    // EINVAL: it is no file in memory.
    Ok(fcntl(program, FcntlArg::F_GET_SEALS)
        .is_ok_and(|seals| SealFlag::from_bits_truncate(seals).contains(SEALS)))
}

fn read_only(program: BorrowedFd<'_>) -> Result<OwnedFd> {
    let tree = Tree::copy_of(program, Extent::One)?;
    tree.change(&Change { set: Attributes::RDONLY, ..Change::default() }, Extent::One)?;
    Ok(tree.into())
}

fn sealed(program: OwnedFd) -> Result<OwnedFd> {
    let name: &CStr = c"dive-runtime";
    let doing = "memfd_create(2)";
    let memory = memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING).doing(doing, "")?;
    let mut memory = File::from(memory);
    copy(&mut File::from(program), &mut memory).doing("copy /proc/self/exe into", "memory")?;
    fcntl(&memory, FcntlArg::F_ADD_SEALS(SEALS)).doing("fcntl(2) F_ADD_SEALS", "")?;
    Ok(memory.into())
}
