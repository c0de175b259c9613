//! User-mode Linux: Debian's package `user-mode-linux`, a kernel that is an ordinary program.
//!
//! It keeps the machine's memory in a file, which must lie where programs may be executed, and reads the host's
//! files with the rights of whoever runs it. What it lacks: cpuset, hugetlb, time namespaces, a second CPU.

use std::ffi::OsString;
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use kit::scratch::Scratch;
use kit::{Doing, Error, Result};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{AccessFlags, access};
use step_03::limits::Bytes;

use super::keeper::Part;
use super::{INSIDE, Machine};

const PROGRAM: &str = "linux.uml";

/// Its second serial line; the first is the kernel's.
const LINE: &str = "/dev/ttyS1";

/// The program, in PATH or where its package puts it, or unpacked in the cache.
pub(super) fn find() -> Result<PathBuf> {
    super::find(PROGRAM).ok_or_else(|| {
        let advice = "sudo apt-get install user-mode-linux";
        let error = Error::refused("find User-mode Linux", PROGRAM, "it is not in PATH");
        let Some(cache) = super::cache() else { return error.advise(advice) };
        let cache = cache.display();
        error.advise(format_args!(
            "{advice}; or without root: mkdir -p {cache} && cd {cache} && apt-get download user-mode-linux && \
             dpkg-deb -x user-mode-linux_*.deb ."
        ))
    })
}

/// A machine, not started yet.
pub(super) fn machine(program: &Path, memory: Bytes, writable: bool) -> Result<Machine> {
    let modules = modules(program)?;
    let scratch = match shared_memory(memory.0) {
        Some(dir) => Scratch::within(dir)?,
        None => Scratch::new()?,
    };
    let (ours, theirs) = UnixStream::pair().doing("socketpair(2)", "")?;
    let init = fs::read_link("/proc/self/exe").doing("readlink(2)", "/proc/self/exe")?;
    let number = theirs.as_raw_fd();
    let words: Vec<OsString> = vec![
        program.into(),
        format!("mem={}M", (memory.0 >> 20).max(64)).into(),
        "root=/dev/root".into(),
        "rootfstype=hostfs".into(),
        "rootflags=/".into(),
        // Until somebody asks for a directory that may be written, the kernel itself refuses to.
        if writable { "rw" } else { "ro" }.into(),
        setting("init=", &init)?,
        "con=null".into(),
        "con0=null,fd:1".into(),
        "ssl=null".into(),
        format!("ssl1=fd:{number}").into(),
        setting("uml_dir=", scratch.path())?,
        "quiet".into(),
        "--".into(),
        INSIDE.into(),
        LINE.into(),
    ];
    let env = [setting("TMPDIR=", scratch.path())?, setting("HOME=", scratch.path())?];
    Ok(Machine {
        parts: vec![Part::new(&words, &env, vec![theirs.into()])?],
        line: ours.into(),
        modules: modules.into_os_string(),
        patience: 60,
        scratch,
    })
}

/// A kernel's command line is split at spaces, so a path must not have any.
fn setting(name: &str, value: &Path) -> Result<OsString> {
    let splits = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'"';
    if value.as_os_str().as_bytes().iter().any(splits) {
        let error =
            Error::refused("put on a kernel's command line", value.display(), "it has a space or a quote");
        return Err(error.advise("move the checkout, or set TMPDIR, to a path without"));
    }
    let mut setting = OsString::from(name);
    setting.push(value);
    Ok(setting)
}

/// `…/lib/uml/modules` beside `…/bin/linux.uml`: so the package lays them, wherever it is unpacked.
fn modules(program: &Path) -> Result<PathBuf> {
    let real = program.canonicalize().doing("find", program)?;
    let prefix = real.parent().and_then(Path::parent).unwrap_or(Path::new("/usr"));
    Ok(prefix.join("lib/uml/modules"))
}

/// The tmpfs of the host, if it is large enough and programs may be executed from it: a file elsewhere would be
/// written to the disk.
fn shared_memory(size: u64) -> Option<&'static Path> {
    let dir = Path::new("/dev/shm");
    let filesystem = statvfs(dir).ok()?;
    let free = filesystem.blocks_available() * filesystem.fragment_size();
    let fits = free >= size && !filesystem.flags().contains(FsFlags::ST_NOEXEC);
    (fits && access(dir, AccessFlags::W_OK).is_ok()).then_some(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_the_kernel_would_split_is_refused() {
        assert_eq!(setting("init=", Path::new("/a/b")).expect("whole"), "init=/a/b");
        for path in ["/a b", "/a\tb", "/a\"b"] {
            assert!(setting("init=", Path::new(path)).is_err(), "{path}");
        }
    }
}
