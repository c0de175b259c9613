//! A /dev of the container's own: what programs expect, and no disk.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use kit::{Doing, Result};
use nix::mount::{MsFlags, mount};

use crate::NONE;

/// The nodes that the runtime specification requires (config-linux.md, "Default Devices"); the terminal
/// device stays the caller's.
const NODES: [&str; 6] = ["full", "null", "random", "tty", "urandom", "zero"];

const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Mounts it below the root; a root without a `dev` directory stays without.
pub fn mount_dev(root: &Path) -> Result<()> {
    let dev = root.join("dev");
    if !dev.is_dir() {
        return Ok(());
    }
    let tmpfs = |target: &Path, flags: MsFlags, options: &str| {
        let flags = flags | MsFlags::MS_NOSUID;
        mount(Some("tmpfs"), target, Some("tmpfs"), flags, Some(options)).doing("mount(2) tmpfs on", target)
    };
    tmpfs(&dev, MsFlags::empty(), "mode=755,size=64k")?;
    populate(&dev)?;

    let pts = make_dir(dev.join("pts"))?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let options = Some("newinstance,ptmxmode=0666,mode=0620");
    mount(Some("devpts"), &pts, Some("devpts"), flags, options).doing("mount(2) devpts on", &pts)?;
    tmpfs(&make_dir(dev.join("shm"))?, MsFlags::MS_NODEV | MsFlags::MS_NOEXEC, "mode=1777,size=64m")
}

// ANCHOR: populate
/// Puts the nodes and the links into an empty /dev.
///
/// The nodes are the host's, bound onto empty files: mknod(2) is refused in a user namespace, and a node made
/// there would not open. A node that the host lacks is left out.
pub fn populate(dev: &Path) -> Result<()> {
    for name in NODES {
        let (host, node) = (Path::new("/dev").join(name), dev.join(name));
        if !host.exists() {
            continue;
        }
        File::create(&node).doing("open(2) O_CREAT", &node)?;
        mount(Some(&host), &node, NONE, MsFlags::MS_BIND, NONE).doing("mount(2) MS_BIND on", &node)?;
    }
    for (link, target) in LINKS {
        let link = dev.join(link);
        symlink(target, &link).doing("symlink(2)", &link)?;
    }
    Ok(())
}
// ANCHOR_END: populate

fn make_dir(path: PathBuf) -> Result<PathBuf> {
    fs::create_dir(&path).doing("mkdir(2)", &path).map(|()| path)
}
