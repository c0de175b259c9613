//! The report for people: a table for five seconds, then what would mend the rest, then what is around.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::diagnosis::{Finding, Line, Report, Verdict};
use super::surroundings::Surroundings;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const HALF: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// With the escapes of a terminal; whoever prints it strips them where there is none.
pub(super) fn render(report: &Report) -> String {
    let mut text = format!("{BOLD}what this machine can do for you{BOLD:#}: {}\n", report.you);
    table(&mut text, "lesson", &report.lessons, |verdict| match verdict {
        Verdict::Runs => "runs",
        Verdict::Partly => "partly",
        Verdict::Forbidden => "forbidden",
    });
    let yes_or_no = |verdict| match verdict {
        Verdict::Runs => "yes",
        Verdict::Partly => "partly",
        Verdict::Forbidden => "no",
    };
    table(&mut text, "privilege", &report.tiers, yes_or_no);
    details(&mut text, report);
    table(&mut text, "tried once, in a child of its own", &report.abilities, yes_or_no);
    surroundings(&mut text, &report.surroundings);
    let news: Vec<_> = report.said.iter().filter(|line| !told_already(line)).collect();
    if !news.is_empty() {
        heading(&mut text, "said meanwhile");
        for line in news {
            put(&mut text, format_args!("  {line}"));
        }
    }
    text
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

fn heading(text: &mut String, title: &str) {
    put(text, format_args!("\n{BOLD}{title}{BOLD:#}"));
}

/// What the lessons say of a fallback is a finding of ours, with its remedy.
fn told_already(line: &str) -> bool {
    ["no cgroup, ", "a new /proc is EPERM"].iter().any(|beginning| line.starts_with(beginning))
}

fn table(text: &mut String, head: &str, lines: &[Line], word: impl Fn(Verdict) -> &'static str) {
    let width =
        lines.iter().map(|line| line.title.chars().count()).max().unwrap_or(0).max(head.chars().count());
    put(text, format_args!("\n  {BOLD}{head:<width$}  tier{BOLD:#}"));
    for line in lines {
        let style = match line.verdict {
            Verdict::Runs => GOOD,
            Verdict::Partly => HALF,
            Verdict::Forbidden => BAD,
        };
        let word = word(line.verdict);
        // The padding stands outside of the colour, and is left out where nothing follows.
        let padding = if line.brief.is_empty() { 0 } else { 11 - word.len() };
        let row = format!("  {:<width$}  {:<4}  {style}{word}{style:#}", line.title, line.tier);
        put(text, format_args!("{row}{:padding$}{}", "", line.brief));
    }
}

/// Each reason once, with everything that it concerns. The calls differ in names of directories, the remedies in
/// the step's name, so the first speaks for all.
fn details(text: &mut String, report: &Report) {
    let mut told: Vec<(Vec<&str>, &Finding)> = Vec::new();
    for line in report.lessons.iter().chain(&report.tiers).chain(&report.optional) {
        for finding in &line.findings {
            let same = told.iter_mut().find(|(_, other)| other.why == finding.why);
            match same {
                Some((subjects, _)) if subjects.contains(&line.title.as_str()) => {}
                Some((subjects, _)) => subjects.push(&line.title),
                None => told.push((vec![&line.title], finding)),
            }
        }
    }
    if told.is_empty() {
        heading(text, "nothing is missing");
        return;
    }
    heading(text, "what is missing, and what would mend it");
    for (subjects, finding) in told {
        put(text, format_args!("\n  {BOLD}{}{BOLD:#}", subjects.join(", ")));
        if let Some(call) = &finding.call {
            put(text, format_args!("    call    {call}"));
        }
        put(text, format_args!("    why     {}", finding.why));
        for (index, remedy) in finding.remedies.iter().enumerate() {
            let head = if index == 0 { "remedy" } else { "or" };
            put(text, format_args!("    {BOLD}{head:<6}{BOLD:#}  {}", remedy.command));
            put(text, format_args!("            {DIM}{}{DIM:#}", remedy.cost));
        }
    }
}

fn surroundings(text: &mut String, around: &Surroundings) {
    heading(text, "surroundings");
    let platform = format!("{:?}", around.machine.platform).to_lowercase();
    let groups = around.own_groups.iter().map(|group| {
        let owner = group.owner.map_or_else(|| "not shown here".into(), |uid| format!("uid {uid}"));
        format!(
            "{} ({}, {owner}{})",
            group.path.display(),
            group.version,
            if group.writable { ", writable" } else { "" }
        )
    });
    let directories = around.directories.iter().map(|dir| {
        let marks = [(!dir.writable, ", not writable"), (dir.noexec, ", noexec"), (dir.nosuid, ", nosuid")];
        let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
        format!("{} ({} MiB free{marks})", dir.path.display(), dir.free_mib)
    });
    let found: Vec<_> =
        around.tools.iter().filter(|tool| tool.path.is_some()).map(|tool| tool.name.as_str()).collect();
    let covered = if around.covered.is_empty() { "no".to_owned() } else { around.covered.join(" ") };
    let [soft, hard] = &around.limits.processes;
    let limits = format!(
        "{soft} processes (hard: {hard}); {} files; pids.max of our cgroup: {}",
        around.limits.files[0],
        around.limits.pids_max.as_deref().unwrap_or("none")
    );
    let filter = match (around.machine.seccomp, around.no_new_privs) {
        (false, false) => "none",
        (true, false) => "in force",
        (false, true) => "none; no_new_privs",
        (true, true) => "in force; no_new_privs",
    };
    let rows = [
        ("kernel", around.machine.release.clone()),
        ("platform", platform),
        ("cgroups", around.cgroups.clone()),
        ("own cgroup", groups.collect::<Vec<_>>().join("\n")),
        ("/proc covered", covered),
        ("seccomp", filter.into()),
        ("modules", around.security_modules.clone()),
        ("limits", limits),
        ("for a root", directories.collect::<Vec<_>>().join("\n")),
        ("found", found.join(" ")),
    ];
    for (name, value) in rows {
        for (index, line) in value.lines().enumerate() {
            let name = if index == 0 { name } else { "" };
            put(text, format_args!("  {name:<13}  {line}"));
        }
    }
}
