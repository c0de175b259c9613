//! The mounts of a process, and how they differ from another's.

use std::collections::BTreeMap;

use guest::report;
use serde::{Deserialize, Serialize};

/// A mount as a line of mountinfo has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Unique among all mounts of the machine, while it is mounted.
    pub id: i32,
    /// `MAJOR:MINOR` of the file system.
    pub device: String,
    /// Where it is mounted, below the process's root.
    pub target: String,
    /// The directory of the file system that is mounted there.
    pub root: String,
    /// The file system's type.
    pub kind: String,
    /// What is mounted, as mount(2) was told.
    pub source: String,
    /// The per-mount options.
    pub options: String,
    /// `shared:N`, `master:N` … ; empty for a private mount.
    pub propagation: String,
}

/// What a process has mounted that the reference has not, and the other way round.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountChanges {
    /// How many mounts both have.
    pub same: usize,
    /// Only here.
    pub added: Vec<Mount>,
    /// The same file system at the same place, with other options.
    pub changed: Vec<Mount>,
    /// Only the reference's.
    pub missing: Vec<Mount>,
}

/// The lines of a /proc/PID/mountinfo; a line of another form is left out.
pub fn parse(mountinfo: &str) -> Vec<Mount> {
    mountinfo.lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<Mount> {
    let report::Mount { target, root, kind, options, propagation } = report::mount(line)?;
    let mut fields = line.split(' ');
    let id = fields.next()?.parse().ok()?;
    let device = fields.nth(1)?.to_owned();
    let source = line.split_once(" - ")?.1.split(' ').nth(1).unwrap_or_default().to_owned();
    Some(Mount { id, device, target, root, kind, source, options, propagation })
}

/// Compares by what a path leads to. The ids tell nothing: a copied mount namespace has new ones throughout.
pub fn changes(own: &[Mount], reference: &[Mount]) -> MountChanges {
    let mut theirs: BTreeMap<Key<'_>, Vec<&Mount>> = BTreeMap::new();
    for mount in reference {
        theirs.entry(key(mount)).or_default().push(mount);
    }
    let mut changes = MountChanges::default();
    for mount in own {
        // Mounts may be stacked: each of theirs is the partner of one of ours only.
        match theirs.get_mut(&key(mount)).and_then(Vec::pop) {
            None => changes.added.push(mount.clone()),
            Some(partner) if partner.options == mount.options => changes.same += 1,
            Some(_) => changes.changed.push(mount.clone()),
        }
    }
    let left: Vec<i32> = theirs.into_values().flatten().map(|mount| mount.id).collect();
    changes.missing = reference.iter().filter(|mount| left.contains(&mount.id)).cloned().collect();
    changes
}

type Key<'a> = (&'a str, &'a str, &'a str, &'a str);

fn key(mount: &Mount) -> Key<'_> {
    (&mount.target, &mount.device, &mount.root, &mount.kind)
}

impl Mount {
    /// The mount in a phrase: `/proc (proc)`.
    pub fn phrase(&self) -> String {
        let Self { target, root, kind, source, options, .. } = self;
        let part = if root == "/" { String::new() } else { format!(", its {root}") };
        let from = if source == kind || source == "none" { String::new() } else { format!(" from {source}") };
        let read_only = if options.split(',').any(|option| option == "ro") { ", read-only" } else { "" };
        format!("{target} ({kind}{from}{part}{read_only})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "\
22 27 0:21 / /proc rw,relatime - proc proc rw
23 27 0:22 / /sys rw,relatime shared:3 - sysfs sysfs rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 27 0:40 / /mnt/a\\040b rw - tmpfs tmpfs rw
";

    #[test]
    fn a_copy_of_the_tree_differs_in_nothing_though_each_id_is_new() {
        let copy = HOST.replace("22 27", "522 527").replace("23 27", "523 527").replace("27 1", "527 1");
        let changes = changes(&parse(&copy), &parse(HOST));
        assert_eq!((changes.same, changes.added.len(), changes.missing.len()), (4, 0, 0));
    }

    #[test]
    fn added_missing_and_changed_mounts_are_told_apart() {
        let own = "\
90 80 0:55 / / rw - overlay overlay rw
91 90 0:56 / /proc rw - proc proc rw
92 90 0:22 / /sys ro,relatime - sysfs sysfs rw
";
        let changes = changes(&parse(own), &parse(HOST));
        let targets = |mounts: &[Mount]| mounts.iter().map(|mount| mount.target.clone()).collect::<Vec<_>>();
        assert_eq!(targets(&changes.added), ["/", "/proc"], "another file system at the same place");
        assert_eq!(targets(&changes.changed), ["/sys"]);
        assert_eq!(targets(&changes.missing), ["/proc", "/", "/mnt/a\\040b"]);
        assert_eq!(changes.same, 0);
    }

    #[test]
    fn of_two_mounts_on_one_place_only_one_is_the_partner() {
        let twice =
            "29 26 0:26 / /dev/pts rw - devpts devpts rw\n28 26 0:26 / /dev/pts rw - devpts devpts rw\n";
        let once = twice.lines().next().expect("a line");
        assert_eq!(changes(&parse(twice), &parse(once)).added.len(), 1);
        assert_eq!(changes(&parse(once), &parse(twice)).missing.len(), 1);
    }

    #[test]
    fn a_phrase_says_what_a_bind_mount_shows() {
        let line = "36 35 98:0 /srv/data /data ro,noatime shared:1 master:2 - ext3 /dev/root rw";
        assert_eq!(parse(line)[0].phrase(), "/data (ext3 from /dev/root, its /srv/data, read-only)");
        assert_eq!(parse(HOST)[0].phrase(), "/proc (proc)");
        assert!(parse("nothing of that form\n22 27").is_empty());
    }
}
