//! The file that a command names, in the words that engines look for: `executable file not found in $PATH` is 127 to Docker.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::{SFlag, stat};
use nix::unistd::{AccessFlags, faccessat};

use crate::error::{Error, Kind, Result};

/// Where programs are looked for if the container's environment says nothing of it.
const SEARCH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The file of a command: as it is, if there is a slash in it, otherwise from the search path.
///
/// Errors: [`Kind::CommandNotFound`], [`Kind::NotExecutable`].
pub(super) fn find(args: &[CString], search: Option<&str>) -> Result<CString> {
    let name = args.first().map(CString::as_c_str).unwrap_or_default();
    if name.to_bytes().contains(&b'/') {
        return executable(name).map(|()| name.to_owned()).map_err(|errno| refused(args, name, errno));
    }
    let mut found = Errno::ENOENT;
    for directory in search.unwrap_or(SEARCH).split(':') {
        let directory = if directory.is_empty() { "." } else { directory };
        let path = [directory.as_bytes(), b"/", name.to_bytes()].concat();
        let Ok(path) = CString::new(path) else { continue };
        match executable(&path) {
            Ok(()) => return Ok(path),
            // Another directory may have one that can be executed.
            Err(Errno::EACCES) => found = Errno::EACCES,
            Err(_) => {}
        }
    }
    match found {
        Errno::ENOENT => Err(told(args, Kind::CommandNotFound, "executable file not found in $PATH")),
        errno => Err(refused(args, name, errno)),
    }
}

/// Whether this user could execute it. It is asked before the container is told to be ready, so that `create` fails and not
/// `start`.
fn executable(path: &CStr) -> nix::Result<()> {
    let found = stat(path)?;
    if SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits()) != SFlag::S_IFREG {
        return Err(Errno::EACCES);
    }
    faccessat(nix::fcntl::AT_FDCWD, path, AccessFlags::X_OK, AtFlags::AT_EACCESS)
}

/// Why a file is not executed.
pub(super) fn refused(args: &[CString], file: &CStr, errno: Errno) -> Error {
    let path = Path::new(std::ffi::OsStr::from_bytes(file.to_bytes())).display().to_string();
    match errno {
        Errno::ENOENT if stat(file).is_ok() => told(
            args,
            Kind::CommandNotFound,
            format!("{path}: no such file or directory: what it is to be interpreted by is missing"),
        ),
        Errno::ENOENT | Errno::ENOTDIR => {
            told(args, Kind::CommandNotFound, format!("stat {path}: no such file or directory"))
        }
        Errno::EACCES => told(args, Kind::NotExecutable, "permission denied"),
        Errno::ENOEXEC => told(args, Kind::NotExecutable, format!("{path}: exec format error")),
        errno => Error::call("execve(2)", path, errno),
    }
}

fn told(args: &[CString], kind: Kind, reason: impl std::fmt::Display) -> Error {
    let name = args.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Error::refused(kind, "exec:", name, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, search: Option<&str>) -> Result<CString> {
        find(&[CString::new(name).expect("no NUL")], search)
    }

    #[test]
    fn a_name_is_searched_and_a_path_is_not() {
        assert_eq!(found("sh", Some("/nowhere:/bin")).expect("found"), c"/bin/sh".to_owned());
        assert_eq!(found("/bin/sh", Some("/nowhere")).expect("found"), c"/bin/sh".to_owned());
        let error = found("sh", Some("/nowhere")).expect_err("not there");
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (Kind::CommandNotFound, "exec: \"sh\": executable file not found in $PATH")
        );
    }

    #[test]
    fn what_cannot_be_executed_is_told_from_what_is_not_there() {
        for (path, kind) in [
            ("/etc/passwd", Kind::NotExecutable),
            ("/etc", Kind::NotExecutable),
            ("/none", Kind::CommandNotFound),
        ] {
            assert_eq!(found(path, None).expect_err(path).kind(), kind, "{path}");
        }
        assert_eq!(found("passwd", Some("/etc")).expect_err("no program").kind(), Kind::NotExecutable);
    }
}
