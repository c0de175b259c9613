//! Parts of the kernel that are files.
//!
//! The kernel asks modprobe(8) for what it misses, and a machine whose host has kmod gets it so. Where the host has
//! none, what the lessons need is loaded beforehand.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::kmod::{ModuleInitFlags, finit_module};
use nix::unistd::{AccessFlags, access};

/// What the lessons take for granted: disks that are files, links, bridges, address translation.
const USED: [&str; 14] = [
    "loop",
    "veth",
    "bridge",
    "tun",
    "iptable_filter",
    "iptable_nat",
    "nf_tables",
    "nft_chain_nat",
    "xt_MASQUERADE",
    "xt_addrtype",
    "xt_comment",
    "xt_conntrack",
    "xt_nat",
    "xt_tcpudp",
];

/// A directory of modules of one kernel, with the file `modules.dep` that says which needs which.
pub(super) struct Modules {
    dir: PathBuf,
    dependencies: String,
}

impl Modules {
    /// Reads which modules there are. A kernel without any is no error: it may have everything built in.
    pub(super) fn of(dir: &Path) -> Self {
        let dependencies = fs::read_to_string(dir.join("modules.dep")).unwrap_or_default();
        Self { dir: dir.to_owned(), dependencies }
    }

    /// Loads what makes a file system known, unless the kernel knows it.
    pub(super) fn load_filesystem(&self, name: &str) -> Result<()> {
        let known = fs::read_to_string("/proc/filesystems").doing("read", "/proc/filesystems")?;
        if known.lines().any(|line| line.rsplit('\t').next() == Some(name)) || self.load(name)? {
            return Ok(());
        }
        let error =
            Error::refused("find the kernel module", name, format!("it is not in {}", self.dir.display()));
        Err(error.advise("the kernel and its modules must be of one version: are they of one package?"))
    }

    /// Loads what the lessons need. Loop devices in any case: their device node is not there until then, and so
    /// nobody would ask for the module.
    pub(super) fn load_used(&self) -> Result<()> {
        let asked_for = ["/sbin/modprobe", "/usr/sbin/modprobe"]
            .iter()
            .any(|path| access(*path, AccessFlags::X_OK).is_ok());
        let names = if asked_for { &USED[..1] } else { &USED };
        names.iter().try_for_each(|name| self.load(name).map(drop))
    }

    /// Loads a module and before it those that it needs. Whether there is one of that name.
    fn load(&self, name: &str) -> Result<bool> {
        let Some(files) = files(&self.dependencies, name) else { return Ok(false) };
        files.iter().try_for_each(|file| load(&self.dir.join(file)))?;
        Ok(true)
    }
}

/// The files of a module, in the order in which they are loaded. A line of modules.dep is `FILE: NEEDED…`, in
/// which each file stands before those that it needs itself.
pub(in super::super) fn files<'a>(dependencies: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let is_asked = |file: &str| {
        let base = file.rsplit('/').next().unwrap_or(file);
        base.split('.').next().is_some_and(|stem| stem.replace('-', "_") == name.replace('-', "_"))
    };
    let (file, needed) =
        dependencies.lines().filter_map(|line| line.split_once(':')).find(|(file, _)| is_asked(file))?;
    Some(needed.split_whitespace().rev().chain([file]).collect())
}

/// Loads each file of a directory, in the order of their names.
pub(super) fn load_all(dir: &Path) -> Result<()> {
    let mut files: Vec<_> =
        fs::read_dir(dir).doing("list", dir)?.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files.iter().try_for_each(|file| load(file))
}

/// Loads a file. One that is loaded already is no error.
fn load(file: &Path) -> Result<()> {
    let module = File::open(file).doing("open(2) kernel module", file)?;
    match finit_module(&module, c"", flags(file)) {
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(errno) => Err(Error::call("finit_module(2)", file.display(), errno)),
    }
}

/// Later Debian packages compress their modules; the kernel can unpack them itself (Linux 5.17).
fn flags(file: &Path) -> ModuleInitFlags {
    const COMPRESSED: libc::c_uint = 4;
    let plain = file.extension().is_some_and(|extension| extension == "ko");
    if plain { ModuleInitFlags::empty() } else { ModuleInitFlags::from_bits_retain(COMPRESSED) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_module_needs_is_loaded_before_it() {
        let text = "kernel/net/bridge/br_netfilter.ko: kernel/net/bridge/bridge.ko kernel/net/802/stp.ko\n\
                    kernel/fs/overlayfs/overlay.ko.xz:\nkernel/drivers/a-b.ko:\n";
        let expected =
            ["kernel/net/802/stp.ko", "kernel/net/bridge/bridge.ko", "kernel/net/bridge/br_netfilter.ko"];
        assert_eq!(files(text, "br_netfilter").expect("found"), expected);
        assert_eq!(files(text, "overlay").expect("found"), ["kernel/fs/overlayfs/overlay.ko.xz"]);
        assert_eq!(files(text, "a_b").expect("found"), ["kernel/drivers/a-b.ko"]);
        assert_eq!(files(text, "bridge"), None, "only what has a line of its own");
    }

    #[test]
    fn only_what_is_compressed_is_unpacked() {
        assert!(flags(Path::new("/m/a.ko")).is_empty());
        assert!(!flags(Path::new("/m/a.ko.xz")).is_empty());
    }
}
