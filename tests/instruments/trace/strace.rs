//! What strace saw, and what the trace saw, as counts of the same kinds of call.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;
use workbook::trace::decode::TABLE;

use crate::kit::Lab;

/// How often each kind of call was made: a name, and the flags by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Calls(BTreeMap<String, usize>);

impl Calls {
    /// From the document of a trace.
    pub(super) fn of_trace(document: &Value) -> Self {
        let mut calls = Self::default();
        for call in document["calls"].as_array().into_iter().flatten() {
            let (name, args) = (call["name"].as_str().unwrap_or_default(), &call["args"]);
            let args: Vec<_> = args.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            calls.add(name, &args.join(", "));
        }
        calls
    }

    /// From what `strace -f -y -o` writes. A call that another thread interrupts is on two lines, of which the first
    /// has the arguments.
    pub(super) fn of_strace(text: &str) -> Self {
        let mut calls = Self::default();
        for line in text.lines() {
            let line = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
            let Some((name, args)) = line.split_once('(') else { continue };
            if TABLE.iter().any(|spec| spec.name == name) && concerns(name, args) {
                calls.add(name, args);
            }
        }
        calls
    }

    fn add(&mut self, name: &str, args: &str) {
        let words = named(args);
        let kind = [vec![name.to_owned()], words].concat().join(" ");
        *self.0.entry(kind).or_default() += 1;
    }

    pub(super) fn total(&self) -> usize {
        self.0.values().sum()
    }

    pub(super) fn kinds(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// With those of another run as well.
    pub(super) fn and(mut self, other: &Self) -> Self {
        for (kind, count) in &other.0 {
            *self.0.entry(kind.clone()).or_default() += count;
        }
        self
    }

    /// With one call of a kind fewer.
    pub(super) fn without(&self, kind: &str) -> Self {
        let mut fewer = self.clone();
        if let Some(count) = fewer.0.get_mut(kind) {
            *count -= 1;
        }
        fewer
    }

    /// Names each kind that differs.
    pub(super) fn same_as(&self, other: &Self) -> Result<(), String> {
        let kinds = self.0.keys().chain(other.0.keys());
        let count = |calls: &Self, kind: &str| calls.0.get(kind).copied().unwrap_or(0);
        let differences: std::collections::BTreeSet<String> = kinds
            .filter(|kind| count(self, kind) != count(other, kind))
            .map(|kind| format!("{kind}: {} here, {} there", count(self, kind), count(other, kind)))
            .collect();
        if differences.is_empty() {
            return Ok(());
        }
        Err(differences.into_iter().collect::<Vec<_>>().join("\n"))
    }
}

/// Runs a command under strace, which is told of the same calls.
pub(super) fn run(lab: &Lab, prefix: &[&str], command: &[&str]) -> Result<Calls, String> {
    let file = lab.dir().join("strace.txt");
    let (name, set) = (file.display().to_string(), set());
    let strace = ["strace", "-f", "-y", "-s", "64", "-e", "signal=none", "-e", &set, "-o", &name];
    let words = [prefix, &strace, command].concat();
    lab.run(words[0], &words[1..])?.succeeded()?;
    let text = fs::read_to_string(&file).map_err(|error| error.to_string())?;
    Ok(Calls::of_strace(&text))
}

/// The calls of the table. Releases that are still in use do not know the newest of them.
pub(super) fn set() -> String {
    let names = TABLE.iter().map(|spec| spec.name).filter(|name| *name != "open_tree_attr");
    format!("trace={}", names.collect::<Vec<_>>().join(","))
}

/// Whether a call of the table is one that makes a container; said once more, and in other words than the tracer's, so
/// that each keeps the other honest.
fn concerns(name: &str, args: &str) -> bool {
    match name {
        "clone" | "clone3" => !args.contains("CLONE_THREAD"),
        "write" | "pwrite64" | "writev" => {
            let link =
                args.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or("", |(link, _)| link);
            link.contains("/sys/fs/cgroup/")
                || ["/uid_map", "/gid_map", "/setgroups"].iter().any(|f| link.ends_with(f))
        }
        "mkdir" | "mkdirat" => args.contains("\"/sys/fs/cgroup"),
        "mknod" | "mknodat" => args.contains("S_IFCHR") || args.contains("S_IFBLK"),
        "prctl" if args.contains("PR_CAP_AMBIENT_IS_SET") => false,
        "prctl" => named(args).iter().any(|word| PRCTL.contains(&word.as_str())),
        "seccomp" => args.contains("SECCOMP_SET_MODE"),
        "connect" => args.contains(".sock\"") || args.contains("/run/containerd/s/"),
        _ => true,
    }
}

const PRCTL: [&str; 9] = [
    "PR_SET_NO_NEW_PRIVS",
    "PR_SET_SECCOMP",
    "PR_CAPBSET_DROP",
    "PR_CAP_AMBIENT",
    "PR_SET_SECUREBITS",
    "PR_SET_KEEPCAPS",
    "PR_SET_DUMPABLE",
    "PR_SET_PDEATHSIG",
    "PR_SET_CHILD_SUBREAPER",
];

/// Families of names that both tracers use. Others, such as strace's errnos and `MS_MGC_VAL`, are left out.
fn named(args: &str) -> Vec<String> {
    const FAMILIES: [&str; 12] = [
        "CLONE_",
        "MS_",
        "MNT_",
        "UMOUNT_",
        "PR_",
        "SECCOMP_",
        "SECBIT_",
        "S_IF",
        "FSCONFIG_",
        "MOVE_MOUNT_",
        "OPEN_TREE_",
        "MOUNT_ATTR_",
    ];
    let words = args.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let mut words: Vec<_> =
        words.filter(|word| FAMILIES.iter().any(|family| word.starts_with(family))).collect();
    words.sort_unstable();
    words.dedup();
    let known = |word: &&str| *word != "MS_MGC_VAL";
    words.into_iter().filter(known).map(str::to_owned).collect()
}
