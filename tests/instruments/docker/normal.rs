//! What of a trace is another thing with each run: numbers of processes, threads and descriptors, names that an engine
//! makes of random numbers. Each becomes a letter, and the columns are laid out anew.

use std::fmt::Write;

use crate::kit::Lab;

/// Where phrases begin at the latest, as in the trace itself.
const COLUMN: usize = 62;

/// The text of `cargo dive trace`, with what is the run's own taken out.
pub(super) fn trace(lab: &Lab, text: &str) -> String {
    let text = places(lab, text);
    let mut daemon = false;
    let lines = text.trim_matches('\n').lines().map(|line| numbers(&names(line))).filter(|line| {
        if line.contains("(pid N") {
            daemon = line.ends_with("(pid N)")
                && ["containerd", "dockerd"].iter().any(|name| line.contains(&format!("  {name} ")));
        }
        // A daemon has its threads already. Only when all of them are busy it makes one more.
        !(daemon && line.contains("CLONE_THREAD"))
    });
    aligned(&lines.collect::<Vec<_>>())
}

/// The case's directory, and where its binaries lie.
fn places(lab: &Lab, text: &str) -> String {
    let text = text.replace(&lab.bin("").display().to_string(), "target/debug/");
    text.replace(&lab.dir().display().to_string(), "/tmp")
}

/// Names that are long rows of hexadecimal digits: of containers, layers, networks. Those that the trace has shortened
/// are so as well.
fn names(line: &str) -> String {
    let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let mut named = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(is_digit) {
        let (before, after) = rest.split_at(start);
        let end = after.find(|c| !is_digit(c)).unwrap_or(after.len());
        let (digits, following) = after.split_at(end);
        let whole = !before.ends_with(|c: char| c.is_ascii_alphanumeric())
            && !following.starts_with(|c: char| c.is_ascii_alphanumeric());
        named.push_str(before);
        // The trace's way to write a long name: its beginning, and its end.
        let tail = following.strip_prefix('…').filter(|tail| tail.starts_with(is_digit));
        if let (8, Some(tail)) = (digits.len(), tail) {
            named.push_str("ID");
            rest = tail.trim_start_matches(is_digit);
        } else if whole && digits.len() >= 12 {
            named.push_str("ID");
            rest = following;
        } else {
            named.push_str(digits);
            rest = following;
        }
    }
    (named + rest).replace("ID\"…", "ID\"")
}

/// The text of anything else that a command in the machine prints.
pub(super) fn text(lab: &Lab, text: &str) -> String {
    let text = places(lab, text);
    let lines = text.trim_matches('\n').lines().map(|line| {
        let words = ["pid=", "fd=", "\"Created\": "];
        let line = words.iter().fold(names(line.trim_end()), |line, before| number_after(&line, before));
        // How long ago something was is told in words.
        match line.split_once("\"Status\": \"Exited (0) ") {
            Some((before, _)) => format!("{before}\"Status\": \"Exited (0) …\","),
            None => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

/// Numbers behind certain words.
fn numbers(line: &str) -> String {
    let mut line = line.to_owned();
    for before in ["(pid ", "net:[", "/proc/", "setns(", "connect(", "cgroup="] {
        line = number_after(&line, before);
    }
    let line = number_before(&line.replace(" thread: ", " threads: "), " threads: ");
    let line = number_before(&line, " more like it");
    let Some((before, cgroup)) = line.split_once("cgroup=N<") else { return line };
    let after = cgroup.split_once('>').map_or("", |(_, after)| after);
    format!("{before}cgroup=N</sys/fs/cgroup/…>{after}")
}

fn number_after(line: &str, before: &str) -> String {
    let mut parts = line.split(before);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        let number = if rest.len() < part.len() { "N" } else { "" };
        let _ = write!(text, "{before}{number}{rest}");
    }
    text
}

fn number_before(line: &str, after: &str) -> String {
    let Some((before, rest)) = line.split_once(after) else { return line.to_owned() };
    let words = before.trim_end_matches(|c: char| c.is_ascii_digit());
    format!("{words}N{after}{rest}")
}

/// A call, and the phrase beside it or on the line below it.
enum Row<'a> {
    Call { indent: usize, call: &'a str, phrase: Option<&'a str> },
    Other(&'a str),
}

fn rows(lines: &[String]) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for line in lines {
        let indent = line.len() - line.trim_start().len();
        let text = line.trim_start();
        let is_call = text.split_once('(').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        });
        if is_call {
            let (call, phrase) = match text.split_once("  ") {
                Some((call, phrase)) => (call, Some(phrase.trim_start())),
                None => (text, None),
            };
            rows.push(Row::Call { indent, call, phrase });
            continue;
        }
        match rows.last_mut() {
            Some(Row::Call { phrase: phrase @ None, .. }) if !text.is_empty() => *phrase = Some(text),
            _ => rows.push(Row::Other(line)),
        }
    }
    rows
}

/// As the trace lays it out: the phrases of a process below each other.
fn aligned(lines: &[String]) -> String {
    let rows = rows(lines);
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        let (indent, call, phrase) = match row {
            Row::Other(line) => {
                text += line;
                text.push('\n');
                continue;
            }
            Row::Call { indent, call, phrase } => (*indent, *call, phrase.unwrap_or_default()),
        };
        let column = column(&rows, at);
        let width = call.chars().count();
        let space = if width <= column {
            " ".repeat(column - width + 2)
        } else {
            format!("\n{}", " ".repeat(indent + column + 2))
        };
        let _ = writeln!(text, "{}{call}{space}{phrase}", " ".repeat(indent));
    }
    text
}

/// Of the process whose call is in this row: its rows reach from its title to the empty line.
fn column(rows: &[Row<'_>], at: usize) -> usize {
    let ends = |row: &Row<'_>| matches!(row, Row::Other(line) if line.is_empty());
    let start = rows[..at].iter().rposition(ends).unwrap_or(0);
    let end = rows[at..].iter().position(ends).map_or(rows.len(), |length| at + length);
    let widths = rows[start..end].iter().filter_map(|row| match row {
        Row::Call { call, .. } => Some(call.chars().count()).filter(|width| *width <= COLUMN),
        Row::Other(_) => None,
    });
    widths.max().unwrap_or(24)
}

/// Two runs become the same; two that differ in a flag, in an errno, in who made whom, or in one call do not.
pub(super) fn planted(lab: &Lab) {
    let run = |pid: &str, id: &str, flag: &str| {
        let text = "trace: 2 calls that make a container, by 2 processes\n\n1  runc (pid PID)\n  mkdirat(AT_FDCWD, \"/a/ID\")\n\
                    \x20                       makes it\n  clone(FLAG) → 2  a child\n  7 threads: clone with CLONE_THREAD, no container\n";
        trace(lab, &text.replace("PID", pid).replace("ID", id).replace("FLAG", flag))
    };
    let one = run("4711", "f92c2838e089dfd4fe379a22", "CLONE_NEWNS");
    assert_ne!(one, run("12", "c6f7375…64f9", "CLONE_NEWNS"), "seven digits are no name");
    assert_eq!(one, run("12", "cc6f7375…64f9", "CLONE_NEWNS"));
    assert!(one.contains("(pid N)") && one.contains("N threads") && one.contains("/a/ID"), "{one}");
    assert_ne!(one, run("4711", "f92c2838e089dfd4fe379a22", "CLONE_NEWPID"));
    assert_ne!(one, run("4711", "overlay", "CLONE_NEWNS"), "a name in words stays");
    assert!(one.contains("→ 2"), "who was made stays: {one}");
}
