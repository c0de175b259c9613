//! The readings, one function a fact. Each answers with nothing where there is nothing to see.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use nix::time::{ClockId, clock_gettime};

use super::{Capabilities, IdRange, Mount, Root, Seccomp};

/// The text of a /proc/PID/status (proc(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status(pub String);

pub(super) fn status() -> Status {
    Status(fs::read_to_string("/proc/self/status").unwrap_or_default())
}

impl Status {
    /// A field's text.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    }

    /// A field in hexadecimal; 0 where it is missing.
    pub fn mask(&self, name: &str) -> u64 {
        self.field(name).and_then(|text| u64::from_str_radix(text, 16).ok()).unwrap_or(0)
    }

    /// A field in decimal; 0 where it is missing.
    pub fn number(&self, name: &str) -> u32 {
        self.field(name).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// The five sets.
    pub fn capabilities(&self) -> Capabilities {
        Capabilities {
            inheritable: self.mask("CapInh"),
            permitted: self.mask("CapPrm"),
            effective: self.mask("CapEff"),
            bounding: self.mask("CapBnd"),
            ambient: self.mask("CapAmb"),
        }
    }

    /// The state of seccomp(2).
    pub fn seccomp(&self) -> Seccomp {
        Seccomp { mode: self.number("Seccomp"), filters: self.number("Seccomp_filters") }
    }
}

pub(super) fn cwd() -> String {
    std::env::current_dir().map(|dir| dir.display().to_string()).unwrap_or_default()
}

pub(super) fn environment() -> Vec<String> {
    let mut names: Vec<_> =
        std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

pub(super) fn hostname() -> String {
    nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

pub(super) fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

pub(super) fn line(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// The lines of a map of ids, as `user_namespaces(7)` has them.
pub fn id_map(text: &str) -> Vec<IdRange> {
    text.lines()
        .filter_map(|line| {
            let mut numbers = line.split_whitespace().map(str::parse);
            let (inside, outside, count) = (numbers.next()?, numbers.next()?, numbers.next()?);
            Some(IdRange { inside: inside.ok()?, outside: outside.ok()?, count: count.ok()? })
        })
        .collect()
}

/// `pid_for_children` and `time_for_children` are left out: they are about children, not about us.
pub(super) fn namespaces() -> BTreeMap<String, u64> {
    names_in("/proc/self/ns")
        .into_iter()
        .filter(|kind| !kind.ends_with("_for_children"))
        .filter_map(|kind| {
            let inode = fs::metadata(format!("/proc/self/ns/{kind}")).ok()?.ino();
            Some((kind, inode))
        })
        .collect()
}

pub(super) fn mounts() -> Vec<Mount> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    text.lines().filter_map(mount).collect()
}

/// A line of mountinfo: proc(5) has its form.
pub fn mount(line: &str) -> Option<Mount> {
    let (mount, filesystem) = line.split_once(" - ")?;
    let fields: Vec<_> = mount.split(' ').collect();
    Some(Mount {
        root: (*fields.get(3)?).to_owned(),
        target: (*fields.get(4)?).to_owned(),
        options: (*fields.get(5)?).to_owned(),
        propagation: fields.get(6..)?.join(" "),
        kind: filesystem.split(' ').next()?.to_owned(),
    })
}

pub(super) fn root() -> Root {
    let (device, inode) = fs::metadata("/").map(|root| (root.dev(), root.ino())).unwrap_or_default();
    Root { device, inode, entries: names_in("/") }
}

/// The descriptor that reads the directory is our own, and left out.
pub(super) fn descriptors() -> BTreeMap<i32, String> {
    names_in("/proc/self/fd")
        .into_iter()
        .filter_map(|number| {
            let target = fs::read_link(format!("/proc/self/fd/{number}")).ok()?;
            Some((number.parse().ok()?, target.to_string_lossy().into_owned()))
        })
        .collect()
}

pub(super) fn links() -> Vec<String> {
    let Ok(interfaces) = nix::net::if_::if_nameindex() else { return Vec::new() };
    interfaces.iter().map(|link| link.name().to_string_lossy().into_owned()).collect()
}

/// Device nodes in a directory. By stat(2), for a directory lists a node that is bound onto a file as a file.
pub(super) fn devices(dir: &Path) -> Vec<String> {
    let is_device = |name: &String| {
        let kind = fs::symlink_metadata(dir.join(name)).map(|node| node.file_type());
        kind.is_ok_and(|kind| kind.is_char_device() || kind.is_block_device())
    };
    names_in(dir).into_iter().filter(is_device).collect()
}

/// The pids that /proc shows.
pub(super) fn processes() -> Vec<i32> {
    names_in("/proc").iter().filter_map(|name| name.parse().ok()).collect()
}

/// The pids among them whose state is `Z`.
pub(super) fn zombies() -> Vec<i32> {
    let is_zombie = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name in brackets may itself hold brackets and spaces: the state follows the last one.
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
    };
    processes().into_iter().filter(is_zombie).collect()
}

pub(super) fn uptime() -> i64 {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(0, |time| time.tv_sec())
}

fn names_in(dir: impl AsRef<Path>) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_mountinfo_with_optional_fields() {
        let line = "36 35 98:0 /mnt1 /mnt2 rw,noatime shared:1 master:2 - ext3 /dev/root rw,errors=continue";
        let mount = mount(line).expect("a mount");
        assert_eq!((mount.root.as_str(), mount.target.as_str()), ("/mnt1", "/mnt2"));
        assert_eq!((mount.kind.as_str(), mount.propagation.as_str()), ("ext3", "shared:1 master:2"));
    }

    #[test]
    fn a_private_mount_has_no_optional_field() {
        let mount = mount("22 27 0:21 / /proc rw,relatime - proc proc rw").expect("a mount");
        assert_eq!((mount.kind.as_str(), mount.propagation.as_str()), ("proc", ""));
        assert!(super::mount("22 27 0:21").is_none());
    }

    #[test]
    fn a_status_without_a_field_reads_as_zero() {
        let status = Status("Name:\tguest\nCapEff:\t00000000a80425fb\nSeccomp:\t2\n".into());
        assert_eq!(status.mask("CapEff"), 0xa804_25fb);
        assert_eq!((status.number("Seccomp"), status.number("Seccomp_filters")), (2, 0));
    }
}
