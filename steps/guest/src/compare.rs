//! A report beside the host's, in tokens that hold on any machine: `mnt:NEW`, `pid 1`, `the host's`.

use serde::{Deserialize, Serialize};

use crate::Report;
use crate::capability;

/// One fact of both reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// What it is about.
    pub fact: String,
    /// As the host's process sees it.
    pub host: String,
    /// As the guest sees it.
    pub guest: String,
    /// Whether the guest sees its own.
    pub own: bool,
}

/// Kinds of namespaces in the order of their birth in the kernel: namespaces(7).
const KINDS: [&str; 8] = ["mnt", "uts", "ipc", "pid", "net", "user", "cgroup", "time"];

/// The two reports, fact by fact.
pub fn compare(host: &Report, guest: &Report) -> Vec<Row> {
    let mut rows = vec![
        row("pid", "PID", pid(host, guest), new(host, guest, "pid")),
        row("parent", "PARENT", parent(host, guest), guest.parent != host.pid),
        row("processes seen", "the host's", processes(guest), new(host, guest, "pid") && guest.processes > 0),
        own("hostname", "HOST", host.hostname != guest.hostname, &guest.hostname),
        user(host, guest),
        own("root directory", "the host's", root(host) != root(guest), "its own"),
        mounts(host, guest),
        own("devices", "the host's", host.devices != guest.devices, &listed(&guest.devices)),
        own("network links", "the host's", new(host, guest, "net"), &listed(&guest.links)),
        capabilities(host, guest),
        own("seccomp", "as it is", host.seccomp != guest.seccomp, "changed"),
        own("no_new_privs", "as it is", host.no_new_privs != guest.no_new_privs, "changed"),
    ];
    let cgroup = host.cgroup.paths != guest.cgroup.paths || new(host, guest, "cgroup");
    rows.push(own("cgroup", "the host's", cgroup, "its own"));
    rows.push(row("descriptors", &numbers(host), numbers(guest), false));
    rows.push(row("zombies", "", guest.zombies_of_own(host).to_string(), false));
    rows
}

/// Each namespace as `kind:NEW` or `kind:HOST`, in the order of [`KINDS`]; those the kernel lacks are left out.
pub fn namespaces(host: &Report, guest: &Report) -> Vec<String> {
    let known = KINDS.iter().filter(|kind| guest.namespaces.contains_key(**kind));
    known.map(|kind| format!("{kind}:{}", if new(host, guest, kind) { "NEW" } else { "HOST" })).collect()
}

fn new(host: &Report, guest: &Report, kind: &str) -> bool {
    guest.namespaces.contains_key(kind) && host.namespaces.get(kind) != guest.namespaces.get(kind)
}

fn row(fact: &str, host: &str, guest: String, own: bool) -> Row {
    Row { fact: fact.to_owned(), host: host.to_owned(), guest, own }
}

/// A fact that is either the host's, said in the host's word, or the guest's own.
fn own(fact: &str, host: &str, own: bool, guest: &str) -> Row {
    row(fact, host, if own { guest } else { host }.to_owned(), own)
}

fn pid(host: &Report, guest: &Report) -> String {
    if new(host, guest, "pid") { guest.pid.to_string() } else { "a PID of the host's".to_owned() }
}

fn parent(host: &Report, guest: &Report) -> String {
    match guest.parent {
        parent if parent == host.pid => "this step".to_owned(),
        0 => "0: outside of what it sees".to_owned(),
        parent => parent.to_string(),
    }
}

fn processes(guest: &Report) -> String {
    match guest.processes {
        0 => "none: no /proc".to_owned(),
        few @ 1..=3 => few.to_string(),
        _ => "the host's".to_owned(),
    }
}

fn user(host: &Report, guest: &Report) -> Row {
    let who = |report: &Report| match report.user.uid {
        0 => "root".to_owned(),
        _ => "USER".to_owned(),
    };
    let mapped = new(host, guest, "user");
    let inside = if mapped && guest.user.uid == 0 {
        let outside = guest.user.uid_map.first().map_or(0, |range| range.outside);
        let outside = if outside == host.user.uid { who(host) } else { outside.to_string() };
        format!("root, which is {outside} outside")
    } else {
        who(guest)
    };
    row("user", &who(host), inside, mapped)
}

fn root(report: &Report) -> (u64, u64) {
    (report.root.device, report.root.inode)
}

/// In a chroot, mountinfo shows nothing above the root: the host's mounts are out of sight and still there.
/// The tree is the guest's own when its `/` is a mount, and not the host's.
fn mounts(host: &Report, guest: &Report) -> Row {
    let namespace = new(host, guest, "mnt");
    let own = namespace && root(host) != root(guest) && guest.mounts.iter().any(|mount| mount.target == "/");
    let seen = match (namespace, own) {
        (_, true) => "its own only",
        (true, _) => "a copy of the host's",
        (false, _) => "the host's",
    };
    row("mounts", "the host's", seen.to_owned(), own)
}

fn capabilities(host: &Report, guest: &Report) -> Row {
    let all = (1 << capability::NAMES.len()) - 1;
    // A machine may have fewer to give than its kernel knows.
    let word = |mask: u64| match mask {
        0 => "none".to_owned(),
        mask if mask & all == all || mask == host.capabilities.bounding => "all there are".to_owned(),
        mask => format!("{} of {}", mask.count_ones(), capability::NAMES.len()),
    };
    let (before, now) = (host.capabilities.effective, guest.capabilities.effective);
    let mapped = new(host, guest, "user");
    let held = word(now) + if mapped { ", inside its user namespace" } else { "" };
    row("capabilities", &word(before), held, mapped || before != now)
}

fn numbers(report: &Report) -> String {
    report.descriptors.keys().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(" ") }
}

impl Report {
    /// The zombies that the other report does not know.
    fn zombies_of_own(&self, other: &Self) -> usize {
        self.zombies.iter().filter(|pid| !other.zombies.contains(pid)).count()
    }
}
