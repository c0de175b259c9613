//! A record as text: a block for each process, indented below the one that made it, a line for each call.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::record::{Call, Process, Record};
use super::tracer::Outcome;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Where phrases begin at the latest; a longer call has its phrase on the next line.
const COLUMN: usize = 62;

/// The whole trace, with colour; whoever prints it takes the colour out where it does not belong.
pub fn tell(record: &Record, outcome: Outcome, times: bool) -> String {
    let mut text = String::new();
    let processes = count(record.processes.len(), "process", "processes");
    let calls = count(record.calls.len(), "call", "calls");
    let rest = if record.left_out > 0 { "; others are left out" } else { "" };
    let _ = writeln!(text, "\n{BOLD}trace: {calls} that make a container, by {processes}{rest}{BOLD:#}");
    for warning in &record.warnings {
        let _ = writeln!(text, "{BAD}! {warning}{BAD:#}");
    }
    for process in order(&record.processes) {
        let calls: Vec<_> = record.calls.iter().filter(|call| call.process == process.number).collect();
        let indent = "  ".repeat(depth(&record.processes, process));
        let _ = writeln!(text, "\n{indent}{}", title(process));
        block(&mut text, &format!("{indent}  "), &calls, times);
        end(&mut text, &format!("{indent}  "), process);
    }
    if outcome.left > 0 {
        let left = count(outcome.left, "process goes", "processes go");
        let _ = writeln!(text, "\n{DIM}{left} on, no longer watched{DIM:#}");
    }
    text
}

/// The line above the calls of a process.
pub fn title(process: &Process) -> String {
    let Process { number, pid, name, .. } = process;
    let inside = process.pid_inside.map_or_else(String::new, |inside| format!(", {inside} inside"));
    let from = match (process.parent, process.made_by) {
        (Some(parent), Some(call)) => format!("  {call} by {parent}"),
        (Some(parent), None) => format!("  child of {parent}"),
        _ => String::new(),
    };
    format!("{BOLD}{number}  {name}{BOLD:#} {DIM}(pid {pid}{inside}){from}{DIM:#}")
}

/// One call as a line.
pub fn line(call: &Call, indent: &str, column: usize, times: bool) -> String {
    let plain = shortened(&call.decoded.text());
    let time = if times { format!("{DIM}{}{DIM:#} ", milliseconds(call.at)) } else { String::new() };
    let (outcome, outcome_width) = outcome(call);
    let width = plain.chars().count() + outcome_width;
    let name = call.decoded.name;
    let rest = &plain[name.len()..];
    let call_text = format!("{BOLD}{name}{BOLD:#}{rest}{outcome}");
    let space = if width <= column {
        " ".repeat(column - width + 2)
    } else {
        let time = if times { " ".repeat(milliseconds(0).len() + 1) } else { String::new() };
        format!("\n{time}{indent}{}", " ".repeat(column + 2))
    };
    format!("{time}{indent}{call_text}{space}{DIM}{}{DIM:#}", call.phrase)
}

/// The calls of one process; repetitions become a line that counts them.
fn block(text: &mut String, indent: &str, calls: &[&Call], times: bool) {
    let widths = calls.iter().map(|call| shortened(&call.decoded.text()).chars().count() + outcome(call).1);
    let column = widths.filter(|width| *width <= COLUMN).max().unwrap_or(COLUMN);
    let mut rest = calls;
    while let Some((first, others)) = rest.split_first() {
        let same = others.iter().take_while(|other| repeats(first, other)).count();
        let _ = writeln!(text, "{}", line(first, indent, column, times));
        let shown = if same > 1 {
            let time = if times { " ".repeat(milliseconds(0).len() + 1) } else { String::new() };
            let _ = writeln!(text, "{time}{indent}{DIM}… and {same} more like it{DIM:#}");
            same
        } else {
            0
        };
        rest = &others[shown..];
    }
}

/// Whether a call says no more than the one before: the next capability to drop, the next place in PATH.
fn repeats(first: &Call, other: &Call) -> bool {
    if first.errno != other.errno || first.decoded.name != other.decoded.name || other.child.is_some() {
        return false;
    }
    match first.decoded.name {
        "prctl" => first.decoded.flags == other.decoded.flags,
        "execve" => {
            first.errno.is_some() && basename(&first.decoded.subject) == basename(&other.decoded.subject)
        }
        "write" => first.decoded.subject == other.decoded.subject,
        _ => first.decoded.args == other.decoded.args,
    }
}

fn basename(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// A call whose paths are not longer than they need be: of a long name in a path, as runtimes make them from
/// hashes and times, the middle is left out.
fn shortened(text: &str) -> String {
    const KEPT: usize = 8;
    let is_part = |c: char| c.is_ascii_alphanumeric() || ['-', '.'].contains(&c);
    let mut short = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('/') {
        let (before, after) = rest.split_at(start + 1);
        let end = after.find(|c| !is_part(c)).unwrap_or(after.len());
        let (name, following) = after.split_at(end);
        short.push_str(before);
        if name.len() > 3 * KEPT {
            let _ = write!(short, "{}…{}", &name[..KEPT], &name[name.len() - KEPT / 2..]);
        } else {
            short.push_str(name);
        }
        rest = following;
    }
    short + rest
}

/// What a call led to, beyond the usual 0: with colour, and how wide it is without.
fn outcome(call: &Call) -> (String, usize) {
    let (style, text) = match (&call.errno, call.child, call.result) {
        (Some(errno), ..) => (BAD, format!(" = {errno}")),
        (None, Some(child), _) => (GOOD, format!(" → {child}")),
        (None, None, None) => (DIM, " …".to_owned()),
        (None, None, Some(_)) if returns_descriptor(call.decoded.name) => {
            (DIM, format!(" = {}", call.result.unwrap_or(0)))
        }
        (None, None, Some(_)) => return (String::new(), 0),
    };
    (format!("{style}{text}{style:#}"), text.chars().count())
}

fn returns_descriptor(name: &str) -> bool {
    ["fsopen", "fsmount", "fspick", "open_tree", "open_tree_attr"].contains(&name)
}

/// Below the calls of a process: its threads, and how it ended.
fn end(text: &mut String, indent: &str, process: &Process) {
    if process.threads > 0 {
        let threads = count(process.threads, "thread", "threads");
        let _ = writeln!(text, "{indent}{DIM}{threads}: clone with CLONE_THREAD, no container{DIM:#}");
    }
    match process.status {
        Some(0) | None => {}
        Some(status) => drop(writeln!(text, "{indent}{DIM}exit status {status}{DIM:#}")),
    }
}

/// Each process below the one that made it.
fn order(processes: &[Process]) -> Vec<&Process> {
    fn visit<'a>(processes: &'a [Process], parent: Option<usize>, ordered: &mut Vec<&'a Process>) {
        for process in processes.iter().filter(|process| process.parent == parent) {
            ordered.push(process);
            visit(processes, Some(process.number), ordered);
        }
    }
    let mut ordered = Vec::new();
    visit(processes, None, &mut ordered);
    ordered
}

fn depth(processes: &[Process], process: &Process) -> usize {
    let parents = std::iter::successors(process.parent, |number| processes.get(number - 1)?.parent);
    parents.count()
}

fn milliseconds(micros: u64) -> String {
    format!("{:>6}.{:03} ms", micros / 1000, micros % 1000)
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
