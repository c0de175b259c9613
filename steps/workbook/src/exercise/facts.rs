//! What was seen of the kernel, as facts: a name and a value that is the same on any machine.

use std::collections::BTreeSet;

use guest::Report;
use guest::compare::{compare, namespaces};
use guest::report::Mount;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One fact. A fact of several lines is several facts of one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fact {
    /// What it is about.
    pub(crate) name: String,
    /// A token, or a line of output.
    pub(crate) value: String,
}

/// What a run left to look at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traces {
    /// The exit status, or that it was given up.
    pub(crate) ended: String,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// What the lab found behind it.
    pub(crate) left: Vec<String>,
}

/// Facts that every run has.
pub(crate) const STATUS: &str = "exit status";
pub(crate) const LEFT: &str = "left behind";
/// The value of a fact of which nothing was seen.
pub(crate) const UNSEEN: &str = "not seen";

/// The rows of `guest::compare`.
const ROWS: [&str; 15] = [
    "pid",
    "parent",
    "processes seen",
    "hostname",
    "user",
    "root directory",
    "mounts",
    "devices",
    "network links",
    "capabilities",
    "seccomp",
    "no_new_privs",
    "cgroup",
    "descriptors",
    "zombies",
];

/// Facts of the report by itself.
const OWN: [&str; 13] = [
    "namespaces",
    "mounted",
    "mount targets",
    "propagation",
    "working directory",
    "environment",
    "umask",
    "uid map",
    "gid map",
    "setgroups",
    "groups",
    "limits",
    "root entries",
];

/// Whether there is a fact of that name. The error lists those that there are.
pub(crate) fn known(name: &str) -> Result<(), String> {
    let parts = ["namespace ", "mount ", "/"];
    let whole = ["stdout", "stderr"];
    if ROWS.contains(&name) || OWN.contains(&name) || whole.contains(&name) {
        return Ok(());
    }
    if parts.iter().any(|prefix| name.starts_with(prefix)) {
        return Ok(());
    }
    let all: Vec<_> = whole.iter().chain(&OWN).chain(&ROWS).copied().collect();
    Err(format!(
        "keep: there is no fact {name:?}; there are {}, namespace KIND, mount TARGET, and /a/pointer into JSON",
        all.join(", ")
    ))
}

/// The facts to keep of what was seen, between those that every run has. Without any to keep, standard output is
/// facts already: `name: value` a line.
pub(crate) fn of(traces: &Traces, keep: &[String], host: &Report) -> Vec<Fact> {
    let mut facts = vec![fact(STATUS, &traces.ended)];
    if keep.is_empty() {
        facts.extend(traces.stdout.lines().filter_map(|line| {
            let (name, value) = line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, "")))?;
            Some(fact(name, value))
        }));
    }
    let json: Option<Value> = serde_json::from_str(&traces.stdout).ok();
    let report: Option<Report> = json.clone().and_then(|json| serde_json::from_value(json).ok());
    for name in keep {
        let lines = match name.as_str() {
            "stdout" => Some(traces.stdout.lines().map(str::to_owned).collect()),
            "stderr" => Some(traces.stderr.lines().map(str::to_owned).collect()),
            name if name.starts_with('/') => {
                json.as_ref().and_then(|json| json.pointer(name)).map(|value| vec![plain(value)])
            }
            name => report.as_ref().and_then(|guest| of_report(name, host, guest)).map(|value| vec![value]),
        };
        let lines: Vec<String> = lines.unwrap_or_else(|| vec![UNSEEN.to_owned()]);
        if lines.is_empty() {
            facts.push(fact(name, ""));
        }
        facts.extend(lines.iter().map(|line| fact(name, line)));
    }
    let left: BTreeSet<_> = traces.left.iter().map(|leak| leftover(leak)).collect();
    if left.is_empty() {
        facts.push(fact(LEFT, "nothing"));
    }
    facts.extend(left.iter().map(|leak| fact(LEFT, leak)));
    facts
}

fn fact(name: &str, value: &str) -> Fact {
    Fact { name: name.to_owned(), value: value.trim_end().to_owned() }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn of_report(name: &str, host: &Report, guest: &Report) -> Option<String> {
    if let Some(kind) = name.strip_prefix("namespace ") {
        let prefix = format!("{kind}:");
        return namespaces(host, guest).into_iter().find(|token| token.starts_with(&prefix));
    }
    if let Some(target) = name.strip_prefix("mount ") {
        // The last one covers those before it.
        let mount = guest.mounts.iter().rev().find(|mount| mount.target == target);
        return Some(mount.map_or_else(|| "none".to_owned(), mount_token));
    }
    let targets = || guest.mounts.iter().map(|mount| mount.target.as_str());
    let sorted = |names: BTreeSet<String>| names.into_iter().collect::<Vec<_>>().join(" ");
    let ranges = |ranges: &[guest::report::IdRange], own: u32| -> String {
        let who = |outside: u32| if outside == own { "CALLER".to_owned() } else { outside.to_string() };
        let lines =
            ranges.iter().map(|range| format!("{}:{}:{}", range.inside, who(range.outside), range.count));
        lines.collect::<Vec<_>>().join(" ")
    };
    Some(match name {
        "namespaces" => namespaces(host, guest).join(" "),
        "mounted" => {
            sorted(targets().map(|target| format!("/{}", target.split('/').nth(1).unwrap_or(""))).collect())
        }
        "mount targets" => sorted(targets().map(str::to_owned).collect()),
        "propagation" => sorted(guest.mounts.iter().map(|mount| propagation(mount).to_owned()).collect()),
        "working directory" => guest.cwd.clone(),
        "environment" => guest.environment.join(" "),
        "umask" => guest.umask.clone()?,
        "uid map" => ranges(&guest.user.uid_map, host.user.uid),
        "gid map" => ranges(&guest.user.gid_map, host.user.gid),
        "setgroups" => guest.user.setgroups.clone()?,
        "groups" => guest.user.groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        "limits" => {
            let limits = &guest.cgroup.limits;
            let value = |limit: &Option<String>| limit.clone().unwrap_or_else(|| "none".to_owned());
            format!(
                "memory {}, pids {}, cpu {}",
                value(&limits.memory),
                value(&limits.pids),
                value(&limits.cpu)
            )
        }
        "root entries" => sorted(guest.root.entries.iter().cloned().collect()),
        row => compare(host, guest).into_iter().find(|found| found.fact == row)?.guest,
    })
}

/// `tmpfs rw nosuid nodev private`: how access times are kept is the host's affair.
fn mount_token(mount: &Mount) -> String {
    let options = mount.options.split(',').filter(|option| !option.contains("atime"));
    let options: Vec<_> = options.collect();
    format!("{} {} {}", mount.kind, options.join(" "), propagation(mount))
}

fn propagation(mount: &Mount) -> &'static str {
    let has = |word: &str| mount.propagation.split(' ').any(|token| token.starts_with(word));
    match (has("shared:"), has("master:")) {
        (true, _) => "shared",
        (false, true) => "slave",
        (false, false) if has("unbindable") => "unbindable",
        (false, false) => "private",
    }
}

/// `mount /run/x`, `process sleep`: the kind of a leak and its name, of the line that the lab tells.
fn leftover(leak: &str) -> String {
    let leak = leak.strip_prefix("leaked: ").unwrap_or(leak);
    let (kind, rest) = leak.split_once(' ').unwrap_or((leak, ""));
    let name = match kind {
        "mount" => rest.split(' ').nth(4).unwrap_or(rest),
        "process" => rest.split_once(' ').map_or(rest, |(_, name)| name),
        _ => rest,
    };
    format!("{kind} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(stdout: &str, keep: &[&str]) -> Vec<String> {
        let traces = Traces { ended: "0".into(), stdout: stdout.into(), ..Traces::default() };
        let keep: Vec<_> = keep.iter().map(|name| (*name).to_owned()).collect();
        let facts = of(&traces, &keep, &Report::of_self());
        facts.into_iter().map(|fact| format!("{}: {}", fact.name, fact.value)).collect()
    }

    #[test]
    fn lines_are_facts_where_nothing_is_kept() {
        let expected = ["exit status: 0", "memory.max: 64", "empty: ", "left behind: nothing"];
        assert_eq!(seen("memory.max: 64\nno fact\nempty:\n", &[]), expected);
    }

    #[test]
    fn what_cannot_be_read_is_not_seen() {
        assert_eq!(seen("", &["pid"])[1], "pid: not seen");
        assert_eq!(
            seen("{\"zombies\": 3}", &["/zombies", "/none", "pid"])[1..4],
            ["/zombies: 3", "/none: not seen", "pid: not seen"]
        );
    }

    #[test]
    fn a_report_is_read_in_tokens() {
        let report = serde_json::to_string(&Report::of_self()).expect("JSON");
        let facts = seen(&report, &["namespace mnt", "root directory", "mount /nowhere"]);
        assert_eq!(
            facts[1..4],
            ["namespace mnt: mnt:HOST", "root directory: the host's", "mount /nowhere: none"]
        );
    }

    #[test]
    fn each_row_of_the_comparison_has_its_name_here() {
        let own = Report::of_self();
        let rows: Vec<_> = compare(&own, &own).into_iter().map(|row| row.fact).collect();
        assert_eq!(rows, ROWS);
        assert!(known("moutns").is_err_and(|error| error.contains("mounts")));
    }

    #[test]
    fn a_leak_is_told_without_the_numbers_of_this_machine() {
        let mount = "leaked: mount 91 23 0:5 / /run/planted rw - tmpfs none rw";
        assert_eq!(leftover(mount), "mount /run/planted");
        assert_eq!(leftover("leaked: process 812 sleep"), "process sleep");
    }
}
