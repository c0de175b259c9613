//! A bundle: a directory with a configuration and, usually, a root file system.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use super::unsupported;
use crate::error::{Doing, Error, Kind, Result};
use crate::oci::{Spec, strict, validate};
use crate::sys::inode;

/// A bundle that was read, is valid, and asks for nothing that cannot be had.
#[derive(Debug)]
pub struct Bundle {
    /// Its directory, absolute and without links.
    pub dir: PathBuf,
    /// The configuration as it stood in the file: what the bundle's says later counts no more.
    pub text: Vec<u8>,
    /// The configuration.
    pub spec: Spec,
    /// The root file system, absolute and without links.
    pub root: PathBuf,
    /// What is odd about the configuration.
    pub warnings: Vec<String>,
}

impl Bundle {
    /// Reads the bundle in a directory. Errors name the file or the field.
    pub fn load(dir: &Path) -> Result<Self> {
        let dir = dir.canonicalize().doing("find the bundle", dir)?;
        let text = read_regular(&dir.join("config.json")).map_err(|error| match error.errno() {
            Some(Errno::ENOENT) => error.advise("a bundle holds a config.json: `spec` writes one"),
            _ => error,
        })?;
        let spec: Spec = strict::parse("config.json", &text)?;
        let warnings = validate::spec(&spec)?;
        unsupported::refuse(&spec)?;
        let root = spec.root.as_ref().map(|root| dir.join(&root.path)).unwrap_or_default();
        let root = root.canonicalize().doing("find the root file system (root.path)", &root)?;
        if !root.is_dir() {
            let reason = format!("{} is no directory", root.display());
            return Err(Error::refused(Kind::Invalid, "config.json", "root.path", reason));
        }
        Ok(Self { dir, text, spec, root, warnings })
    }
}

/// The contents of a file that somebody else has prepared. It is opened without waiting, for it could be a FIFO, and read
/// only when it is a regular file, as far as a configuration may be long.
pub fn read_regular(path: &Path) -> Result<Vec<u8>> {
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
    let file: OwnedFd = open(path, flags, Mode::empty()).doing("open(2)", path)?;
    inode::Expect::Regular.verify(file.as_fd())?;
    let mut text = Vec::with_capacity(8192);
    // One byte more than is accepted: so that it is noticed.
    let most = u64::try_from(strict::LIMIT).unwrap_or(u64::MAX).saturating_add(1);
    File::from(file).take(most).read_to_end(&mut text).doing("read", path)?;
    Ok(text)
}
