//! Two records side by side: what both did to make a container, and what only one of them did.
//!
//! Paths, ids and descriptors differ from run to run and from runtime to runtime, so calls are compared by
//! what they ask for: the name, the flags, the type of file system, the file that is written. Kinds of call are
//! shown in an order that keeps the order of both runs as far as they agree (the longest common subsequence).

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::record::{Call, Record};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const FIRST: Style = AnsiColor::Yellow.on_default();
const SECOND: Style = AnsiColor::Green.on_default();

/// A kind of call, and how often each of two runs made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// What it asks for.
    pub asks: String,
    /// How often in the first run.
    pub first: usize,
    /// How often in the second run.
    pub second: usize,
    /// What it is for.
    pub phrase: &'static str,
}

/// Aligns two runs. Calls that failed are left out: they made nothing.
pub fn align(first: &Record, second: &Record) -> Vec<Row> {
    let (first, second) = (kinds(&first.calls), kinds(&second.calls));
    let mut rows: Vec<Row> = Vec::new();
    for (side, kind) in merge(&first, &second) {
        let counts =
            [&first, &second].map(|kinds| kinds.iter().find(|other| other.is(kind)).map_or(0, |k| k.count));
        // A kind that both make at different points is shown where the first makes it.
        if side == Side::Second && counts[0] > 0 {
            continue;
        }
        let Kind { name, ref asks, phrase, .. } = *kind;
        rows.push(Row { name, asks: asks.clone(), first: counts[0], second: counts[1], phrase });
    }
    rows
}

/// The rows as text, with colour.
pub fn tell(names: [&str; 2], rows: &[Row]) -> String {
    let mut text = format!("\n{FIRST}A  {}{FIRST:#}\n{SECOND}B  {}{SECOND:#}\n", names[0], names[1]);
    let _ = writeln!(text, "\n{BOLD}{:>4} {:>4}   call{BOLD:#}", "A", "B");
    for row in rows {
        let style = match (row.first, row.second) {
            (_, 0) => FIRST,
            (0, _) => SECOND,
            _ => Style::new(),
        };
        let number = |count: usize| if count == 0 { "·".to_owned() } else { count.to_string() };
        let call = format!("{} {}", row.name, row.asks);
        let (first, second) = (number(row.first), number(row.second));
        let space = if call.chars().count() > 58 {
            format!("\n{:72}", "")
        } else {
            " ".repeat(60 - call.chars().count())
        };
        let _ = writeln!(
            text,
            "{style}{first:>4} {second:>4}   {call}{style:#}{space}{DIM}{}{DIM:#}",
            row.phrase
        );
    }
    let count = |which: fn(&&Row) -> bool| rows.iter().filter(which).count();
    let (both, first) = (count(|row| row.first > 0 && row.second > 0), count(|row| row.second == 0));
    let second = count(|row| row.first == 0);
    let _ = writeln!(
        text,
        "\n{BOLD}kinds of call: {both} are made by both, {first} by A alone, {second} by B alone{BOLD:#}"
    );
    text
}

/// Calls that ask for the same.
struct Kind {
    name: &'static str,
    asks: String,
    phrase: &'static str,
    count: usize,
}

impl Kind {
    fn is(&self, other: &Self) -> bool {
        self.name == other.name && self.asks == other.asks
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Both,
    First,
    Second,
}

/// In the order in which each was made first.
fn kinds(calls: &[Call]) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::new();
    for call in calls.iter().filter(|call| call.errno.is_none()) {
        let kind = Kind { name: name(call), asks: asks(call), phrase: call.phrase, count: 1 };
        match kinds.iter_mut().find(|other| other.is(&kind)) {
            Some(other) => other.count += 1,
            None => kinds.push(kind),
        }
    }
    kinds
}

/// The name of a call, without the variant of it: with a directory's descriptor, at an offset, in pieces.
fn name(call: &Call) -> &'static str {
    match call.decoded.name {
        "mkdirat" => "mkdir",
        "mknodat" => "mknod",
        "pwrite64" | "writev" => "write",
        name => name,
    }
}

/// What a call asks for, beside its name: what it would ask on another machine as well.
fn asks(call: &Call) -> String {
    let decoded = &call.decoded;
    let flags = decoded.flags.join("|");
    match name(call) {
        // What is mounted counts, or how a mount is changed; whether it is also nosuid is a detail.
        "mount" if decoded.is_about_a_mount() => {
            const DETAILS: [&str; 6] =
                ["MS_NOSUID", "MS_NODEV", "MS_NOEXEC", "MS_RELATIME", "MS_NOATIME", "MS_STRICTATIME"];
            let is_detail = |flag: &&String| DETAILS.contains(&flag.as_str());
            decoded.flags.iter().filter(|flag| !is_detail(flag)).cloned().collect::<Vec<_>>().join("|")
        }
        "mount" => decoded.args.get(2).map(|kind| kind.trim_matches('"').to_owned()).unwrap_or_default(),
        "fsopen" | "connect" => decoded.subject.clone(),
        "write" => decoded.subject.rsplit('/').next().unwrap_or_default().to_owned(),
        "fsconfig" => format!("{flags} {}", decoded.subject),
        _ => flags,
    }
}

/// Both lists as one that keeps the order of each, with what they have in common at one place where possible.
fn merge<'a>(first: &'a [Kind], second: &'a [Kind]) -> Vec<(Side, &'a Kind)> {
    // longest[i][j]: the length of the longest common subsequence of first[i..] and second[j..].
    let mut longest = vec![vec![0_usize; second.len() + 1]; first.len() + 1];
    for i in (0..first.len()).rev() {
        for j in (0..second.len()).rev() {
            longest[i][j] = if first[i].is(&second[j]) {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut merged) = (0, 0, Vec::new());
    while i < first.len() || j < second.len() {
        if i < first.len() && j < second.len() && first[i].is(&second[j]) {
            merged.push((Side::Both, &first[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == second.len() || (i < first.len() && longest[i + 1][j] >= longest[i][j + 1]) {
            merged.push((Side::First, &first[i]));
            i += 1;
        } else {
            merged.push((Side::Second, &second[j]));
            j += 1;
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::decode::Decoded;

    fn record(calls: &[(&'static str, &[&str])]) -> Record {
        let calls = calls.iter().map(|(name, flags)| {
            let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
            let decoded = Decoded { name, args: Vec::new(), flags, subject: String::new() };
            let (errno, child, result) = (None, None, Some(0));
            Call { process: 1, tid: 1, at: 0, decoded, result, errno, child, phrase: "" }
        });
        Record { calls: calls.collect(), ..Record::default() }
    }

    fn told(rows: &[Row]) -> Vec<(String, usize, usize)> {
        let call = |row: &Row| format!("{} {}", row.name, row.asks).trim_end().to_owned();
        rows.iter().map(|row| (call(row), row.first, row.second)).collect()
    }

    #[test]
    fn what_both_make_is_one_row_and_the_order_of_both_is_kept() {
        let first = record(&[
            ("unshare", &["CLONE_NEWNS"]),
            ("chroot", &[]),
            ("mount", &["MS_BIND"]),
            ("mount", &["MS_BIND"]),
        ]);
        let second = record(&[("unshare", &["CLONE_NEWNS"]), ("mount", &["MS_BIND"]), ("pivot_root", &[])]);
        let expected =
            [("unshare CLONE_NEWNS", 1, 1), ("chroot", 1, 0), ("mount MS_BIND", 2, 1), ("pivot_root", 0, 1)];
        assert_eq!(told(&align(&first, &second)), expected.map(|(call, a, b)| (call.to_owned(), a, b)));
    }

    #[test]
    fn a_call_that_both_make_at_different_points_is_not_told_twice() {
        let first = record(&[("chroot", &[]), ("sethostname", &[]), ("capset", &[])]);
        let second = record(&[("sethostname", &[]), ("capset", &[]), ("chroot", &[])]);
        let rows = align(&first, &second);
        assert_eq!(rows.len(), 3);
        assert!(rows.iter().all(|row| (row.first, row.second) == (1, 1)), "{rows:?}");
    }

    #[test]
    fn a_call_that_failed_made_nothing() {
        let mut first = record(&[("chroot", &[])]);
        first.calls[0].errno = Some("EPERM".into());
        assert_eq!(align(&first, &record(&[])), []);
    }
}
