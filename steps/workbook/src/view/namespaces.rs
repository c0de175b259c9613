//! The namespaces of a process: namespaces(7).

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;

use super::Fact;
use super::process::Process;

/// Kind to inode: two processes share a namespace if the inodes agree.
pub type Namespaces = BTreeMap<String, Fact<u64>>;

/// The kinds in the order of their birth in the kernel, and what each of them holds.
pub const KINDS: [(&str, &str); 8] = [
    ("mnt", "mounts"),
    ("uts", "host name"),
    ("ipc", "shared memory, queues"),
    ("pid", "process ids"),
    ("net", "network"),
    ("user", "users, privileges"),
    ("cgroup", "cgroup root"),
    ("time", "clocks since boot"),
];

/// Reads /proc/PID/ns. A kind that this kernel lacks is left out.
pub(super) fn read(process: &Process) -> Namespaces {
    let inode = |kind: &str| process.stat(&format!("ns/{kind}")).map(|meta| meta.ino());
    let readings = KINDS.iter().map(|(kind, _)| ((*kind).to_owned(), inode(kind)));
    readings
        .filter(|(kind, reading)| !is_lacking(kind, reading))
        .map(|(kind, it)| (kind, Fact::of(it)))
        .collect()
}

/// The reader has each kind that the kernel has.
fn is_lacking(kind: &str, reading: &io::Result<u64>) -> bool {
    reading.is_err() && !std::path::Path::new(&format!("/proc/self/ns/{kind}")).exists()
}
