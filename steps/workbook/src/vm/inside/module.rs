//! A part of the kernel that is a file.

use std::fs::{self, File};
use std::path::Path;

use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::kmod::{ModuleInitFlags, finit_module};

/// Loads the module that makes a file system known, unless the kernel knows it.
pub(super) fn load_filesystem(name: &str, file: &Path) -> Result<()> {
    let known = fs::read_to_string("/proc/filesystems").doing("read", "/proc/filesystems")?;
    if known.lines().any(|line| line.rsplit('\t').next() == Some(name)) {
        return Ok(());
    }
    load(file)
}

/// Loads a module. One that is there already, or that the kernel has built in, is no error.
pub(super) fn load(file: &Path) -> Result<()> {
    let module = File::open(file).doing("open(2) kernel module", file).map_err(|error| {
        error.advise("the kernel and its modules must be of one version: are they of one package?")
    })?;
    match finit_module(&module, c"", ModuleInitFlags::empty()) {
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(errno) => Err(Error::call("finit_module(2)", file.display(), errno)),
    }
}
