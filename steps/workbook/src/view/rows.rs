//! The facts as lines of words, each with a mark: what both the text and the drawing show.

use guest::report::IdRange;

use super::cgroup::{Layout, Limit, Reading, Unit};
use super::mounts::{Mount, MountChanges};
use super::{Cgroup, Compared, Fact, capabilities, namespaces};

/// What a row says about containment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Neither here nor there.
    Plain,
    /// The process's own, or taken from it: contained.
    Own,
    /// The reference's as well: not contained.
    Shared,
    /// A way out.
    Leak,
    /// Out of the reader's sight.
    Unreadable,
}

/// A fact in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it is about.
    pub fact: String,
    /// In words.
    pub lines: Vec<String>,
    /// What it says about containment.
    pub mark: Mark,
}

/// Facts that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Their heading.
    pub title: &'static str,
    /// The facts; the same ones in the same order for each process.
    pub rows: Vec<Row>,
}

/// How many mounts or descriptors are named before the rest is only counted.
const SHOWN: usize = 8;

/// All facts about a process; `all` names each mount and descriptor, however many.
pub fn sections(of: &Compared, all: bool) -> Vec<Section> {
    let shown = if all { usize::MAX } else { SHOWN };
    vec![
        Section { title: "process", rows: process(of) },
        Section { title: "namespaces", rows: own_namespaces(of) },
        Section { title: "ids", rows: ids(of) },
        Section { title: "privileges", rows: privileges(of) },
        Section { title: "cgroup", rows: cgroup(of) },
        Section { title: "files", rows: files(of, shown) },
    ]
}

fn row(fact: &str, mark: Mark, line: impl Into<String>) -> Row {
    Row { fact: fact.to_owned(), lines: vec![line.into()], mark }
}

/// A row of a fact that may be out of sight.
fn fact<T>(name: &str, fact: &Fact<T>, form: impl FnOnce(&T) -> (Mark, Vec<String>)) -> Row {
    let (mark, lines) = match fact.as_known() {
        Ok(value) => form(value),
        Err(why) => (Mark::Unreadable, vec![why]),
    };
    Row { fact: name.to_owned(), lines, mark }
}

fn process(of: &Compared) -> Vec<Row> {
    let view = &of.view;
    let state = if view.is_zombie() {
        format!(
            "{}: it has ended, its parent has not asked for the status; the kernel keeps little of it",
            view.state
        )
    } else {
        view.state.clone()
    };
    vec![
        fact("command", &view.command, |words| (Mark::Plain, vec![command(words, &view.name)])),
        row("state", Mark::Plain, state),
        row("pid", Mark::Plain, pids(&view.pids, view.pid)),
        row("parent", Mark::Plain, view.parent.to_string()),
    ]
}

/// The arguments, shortened; the name in brackets, as ps(1) has it, where there are none.
pub(super) fn command(words: &[String], name: &str) -> String {
    if words.is_empty() {
        return format!("[{name}]");
    }
    let line = words.join(" ").replace(char::is_control, "?");
    if line.chars().count() <= 160 { line } else { line.chars().take(159).chain(['…']).collect() }
}

pub(super) fn pids(chain: &[i32], pid: i32) -> String {
    match chain {
        [first, .., own] => {
            let between = chain.len() - 2;
            let levels =
                if between == 0 { String::new() } else { format!(", {} pid namespaces below", between + 1) };
            format!("{first}, which is {own} in its own pid namespace{levels}")
        }
        _ => pid.to_string(),
    }
}

fn own_namespaces(of: &Compared) -> Vec<Row> {
    let known = namespaces::KINDS.iter().filter(|(kind, _)| of.view.namespaces.contains_key(*kind));
    known
        .map(|(kind, holds)| {
            let inode = &of.view.namespaces[*kind];
            fact(kind, inode, |inode| {
                let (mark, word) = ownership(of.difference.own_namespaces.get(*kind));
                (mark, vec![format!("{word:<8}{inode}  {holds}")])
            })
        })
        .collect()
}

/// The mark and the word for it.
pub(super) fn ownership(own: Option<&Fact<bool>>) -> (Mark, &'static str) {
    match own.and_then(Fact::known) {
        Some(true) => (Mark::Own, "own"),
        Some(false) => (Mark::Shared, "shared"),
        None => (Mark::Unreadable, "unknown"),
    }
}

fn ids(of: &Compared) -> Vec<Row> {
    let (ids, user) = (&of.view.ids, ownership(of.difference.own_namespaces.get("user")).0);
    let groups: Vec<_> = ids.groups.iter().map(ToString::to_string).collect();
    let map = |name: &str, map: &Fact<Vec<IdRange>>| fact(name, map, |ranges| (user, self::map(ranges)));
    vec![
        row("uid", Mark::Plain, identity(&ids.uid)),
        row("gid", Mark::Plain, identity(&ids.gid)),
        row("groups", Mark::Plain, or_none(groups.join(" "))),
        map("uid map", &ids.uid_map),
        map("gid map", &ids.gid_map),
        fact("setgroups", &ids.setgroups, |word| (Mark::Plain, vec![word.clone()])),
    ]
}

/// One number where real, effective, saved and file system id agree.
fn identity(ids: &[u32]) -> String {
    match ids {
        [real, rest @ ..] if rest.iter().all(|id| id == real) => real.to_string(),
        [real, effective, saved, files] => {
            format!("real {real}, effective {effective}, saved {saved}, files {files}")
        }
        _ => "unknown".into(),
    }
}

pub(super) fn map(ranges: &[IdRange]) -> Vec<String> {
    match ranges {
        [] => vec!["none written".into()],
        [IdRange { inside: 0, outside: 0, count: u32::MAX }] => vec!["every id is itself".into()],
        _ => ranges.iter().map(range).collect(),
    }
}

fn range(range: &IdRange) -> String {
    let IdRange { inside, outside, count } = *range;
    let span = |first: u32| match count {
        1 => first.to_string(),
        _ => format!("{first}-{}", u64::from(first) + u64::from(count) - 1),
    };
    format!("{} inside is {} outside", span(inside), span(outside))
}

fn privileges(of: &Compared) -> Vec<Row> {
    let (view, all) = (&of.view, capabilities::all());
    let inside = if of.difference.owns("user") { ", over what its user namespace owns" } else { "" };
    let mut rows: Vec<_> = view
        .capabilities
        .each()
        .into_iter()
        .map(|(name, set)| {
            let all_of_the_host = set.mask & all == all && inside.is_empty();
            let mark = match name {
                "effective" if all_of_the_host => Mark::Shared,
                "effective" if of.difference.fewer_capabilities || !inside.is_empty() => Mark::Own,
                _ => Mark::Plain,
            };
            let inside = if set.mask == 0 { "" } else { inside };
            row(name, mark, set.phrase(all) + inside)
        })
        .collect();
    rows.push(row("seccomp", if view.seccomp.mode == 0 { Mark::Shared } else { Mark::Own }, seccomp(of)));
    let (mark, word) =
        if view.no_new_privs { (Mark::Own, "on: execve(2) grants nothing") } else { (Mark::Shared, "off") };
    rows.push(row("no_new_privs", mark, word));
    rows.push(fact("label", &view.label, |label| {
        let mark = ownership(Some(&of.difference.own_label)).0;
        (mark, vec![label.clone().unwrap_or_else(|| "none".into())])
    }));
    rows
}

pub(super) fn seccomp(of: &Compared) -> String {
    let seccomp = of.view.seccomp;
    match (seccomp.mode, seccomp.filters) {
        (0, _) => "off".into(),
        (1, _) => "strict: read, write, _exit, sigreturn".into(),
        (2, 1) => "1 filter".into(),
        (2, count) => format!("{count} filters"),
        (mode, _) => format!("mode {mode}"),
    }
}

fn cgroup(of: &Compared) -> Vec<Row> {
    let cgroup = &of.view.cgroup;
    let own = ownership(Some(&of.difference.own_cgroup)).0;
    let mut rows = vec![fact("group", cgroup, |cgroup| (own, groups(cgroup)))];
    for resource in ["memory", "swap", "pids", "cpu", "cpus"] {
        rows.push(fact(resource, cgroup, |cgroup| {
            match cgroup.limits.iter().find(|limit| limit.resource == resource) {
                Some(limit) => resource_row(limit, cgroup),
                None => (Mark::Unreadable, vec!["not read".into()]),
            }
        }));
    }
    rows
}

fn resource_row(limit: &Limit, cgroup: &Cgroup) -> (Mark, Vec<String>) {
    match limit.reading.as_known() {
        Err(why) => (Mark::Unreadable, vec![why]),
        Ok(reading) => {
            let mark = if reading.limit.is_some() { Mark::Own } else { Mark::Shared };
            let mut lines = vec![amounts(limit.unit, reading)];
            lines.extend(
                reading.at.iter().filter(|at| !is_own(at, cgroup)).map(|at| format!("set above it, on {at}")),
            );
            (mark, lines)
        }
    }
}

fn is_own(at: &str, cgroup: &Cgroup) -> bool {
    cgroup.paths.values().any(|path| path == at)
}

/// The trees by their path: those that agree share a line, for there may be a dozen.
pub(super) fn groups(cgroup: &Cgroup) -> Vec<String> {
    let mut paths: Vec<(&str, Vec<&str>)> = Vec::new();
    for (names, path) in &cgroup.paths {
        let names = if names.is_empty() { "v2" } else { names.strip_prefix("name=").unwrap_or(names) };
        match paths.iter_mut().find(|(known, _)| known == path) {
            Some((_, list)) => list.push(names),
            None => paths.push((path, vec![names])),
        }
    }
    let layout = match cgroup.layout {
        Layout::None => "no cgroup tree is mounted here",
        Layout::V1 => "version 1",
        Layout::V2 => "version 2",
        Layout::Hybrid => "hybrid: versions 1 and 2",
    };
    let one = paths.len() == 1;
    let line = |(path, names): (&str, Vec<&str>)| {
        if one { path.to_owned() } else { format!("{path}  ({})", names.join(" ")) }
    };
    let mut lines: Vec<_> = paths.into_iter().map(line).collect();
    lines.push(layout.to_owned());
    lines
}

/// `48.2 MiB of 512 MiB`.
pub(super) fn amounts(unit: Unit, reading: &Reading) -> String {
    let amount = |value| amount(unit, value);
    let words = match (reading.used, reading.limit) {
        (Some(used), Some(limit)) => format!("{} of {}", amount(used), amount(limit)),
        (None, Some(limit)) => match reading.machine {
            Some(all) => format!("{} of {}", figure(unit, limit), amount(all)),
            None => format!("at most {}", amount(limit)),
        },
        (Some(used), None) => format!("no limit; {} in use", amount(used)),
        (None, None) => "no limit".into(),
    };
    match &reading.detail {
        Some(detail) => format!("{words}; {detail}"),
        None => words,
    }
}

#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn amount(unit: Unit, value: u64) -> String {
    let trimmed = |number: f64| format!("{number:.1}").trim_end_matches(".0").to_owned();
    match unit {
        Unit::Bytes => {
            let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
            let power = (value.max(1).ilog2() / 10).min(4);
            let unit = units.get(power as usize).unwrap_or(&"bytes");
            format!("{} {unit}", trimmed(value as f64 / f64::from(1 << 10_u32).powi(power.cast_signed())))
        }
        Unit::Tasks => value.to_string(),
        Unit::MilliCpus => format!("{} CPUs' time", figure(unit, value)),
        Unit::Cpus => format!("{value} CPUs"),
    }
}

/// An amount without its unit.
#[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
fn figure(unit: Unit, value: u64) -> String {
    match unit {
        Unit::MilliCpus => {
            format!("{:.2}", value as f64 / 1000.0).trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => value.to_string(),
    }
}

fn files(of: &Compared, shown: usize) -> Vec<Row> {
    let (view, difference) = (&of.view, &of.difference);
    let root = fact("root", &view.root, |root| {
        let (mark, word) = match difference.own_root.known() {
            Some(true) => (Mark::Own, "own"),
            Some(false) => (Mark::Shared, "shared"),
            None => (Mark::Unreadable, "not comparable"),
        };
        let path = if root.path == "/" { String::new() } else { format!(": {}", root.path) };
        (mark, vec![format!("{word}{path}")])
    });
    let count = fact("mounts", &view.mounts, |mounts| {
        let (mark, word) = ownership(Some(&changed(&difference.mounts)));
        let word = if word == "shared" { "the same as the reference's" } else { word };
        (mark, vec![mounts_in_words(mounts.len(), &difference.mounts, word)])
    });
    let list = |name: &str, of: fn(&MountChanges) -> &[Mount]| {
        fact(name, &difference.mounts, |changes| {
            let phrases = of(changes).iter().map(Mount::phrase).collect();
            (Mark::Plain, listed(phrases, shown))
        })
    };
    let leaks = fact("leading out", &difference.leaks, |leaks| {
        let mark = if leaks.iter().any(|leak| leak.way_out) { Mark::Leak } else { Mark::Plain };
        (mark, listed(leaks.iter().map(super::descriptors::Leak::phrase).collect(), shown))
    });
    vec![
        root,
        count,
        list("added", |changes| &changes.added),
        list("changed", |changes| &changes.changed),
        list("missing", |changes| &changes.missing),
        fact("descriptors", &view.descriptors, |open| (Mark::Plain, vec![format!("{} open", open.len())])),
        leaks,
    ]
}

fn changed(mounts: &Fact<MountChanges>) -> Fact<bool> {
    mounts.clone().map(|it| !(it.added.is_empty() && it.changed.is_empty() && it.missing.is_empty()))
}

pub(super) fn mounts_in_words(count: usize, changes: &Fact<MountChanges>, word: &str) -> String {
    match changes.known() {
        Some(it) if changed(changes).known() == Some(&true) => {
            let [added, other, missing] = [&it.added, &it.changed, &it.missing].map(Vec::len);
            format!("{count}: {added} added, {other} changed, {missing} missing, {} the same", it.same)
        }
        _ => format!("{count}, {word}"),
    }
}

fn listed(mut phrases: Vec<String>, shown: usize) -> Vec<String> {
    let more = phrases.len().saturating_sub(shown);
    if more > 0 {
        phrases.truncate(shown);
        phrases.push(format!("and {more} more (--all)"));
    }
    if phrases.is_empty() { vec!["none".into()] } else { phrases }
}

fn or_none(text: String) -> String {
    if text.is_empty() { "none".into() } else { text }
}
