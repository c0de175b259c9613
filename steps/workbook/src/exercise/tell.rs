//! What `check` says: what was expected of the kernel, what was seen, where to look.

use std::collections::BTreeSet;

use anstream::println;
use anstyle::{AnsiColor, Style};
use kit::term;

use super::format::{Exercise, Run};
use super::hints::Hint;
use super::judge::{Outcome, Verdict};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
const OPEN: Style = AnsiColor::Yellow.on_default();

/// `04.02  Let go of the old root`
pub(crate) fn title(exercise: &Exercise) {
    println!("{BOLD}{}  {}{BOLD:#}", exercise.id, exercise.about.title);
}

/// All runs, fact by fact. Where one failure explains the next, that is said once.
pub(crate) fn outcomes(exercise: &Exercise, outcomes: &[Outcome]) {
    let mut before: Option<&Outcome> = None;
    for (run, seen) in exercise.about.runs.iter().zip(outcomes) {
        let same = |before: &Outcome| seen.ended() == Some("125") && before.stderr == seen.stderr;
        if before.is_some_and(same) {
            println!("\n  {BOLD}{}{BOLD:#}  {DIM}{}{DIM:#}", run.name, run.shown());
            println!("    {BAD}!{BAD:#} it ended in the same way");
            continue;
        }
        outcome(run, seen);
        before = Some(seen);
    }
}

/// One run.
fn outcome(run: &Run, outcome: &Outcome) {
    println!("\n  {BOLD}{}{BOLD:#}  {DIM}{}{DIM:#}", run.name, run.shown());
    if let Some(reason) = &outcome.skipped {
        println!("    {OPEN}{} skipped: {reason}{OPEN:#}", outcome.tier);
        return;
    }
    let names = outcome.facts.iter().map(|fact| fact.name.as_str());
    let missing = outcome.differences.iter().map(|difference| difference.fact.as_str());
    let width = names.chain(missing).map(|name| name.chars().count()).max().unwrap_or(0);
    let mut told = Vec::new();
    for fact in &outcome.facts {
        let Some(difference) = outcome.differences.iter().find(|difference| difference.fact == fact.name)
        else {
            println!("    {GOOD}={GOOD:#} {:<width$}  {}", fact.name, fact.value);
            continue;
        };
        if !told.contains(&fact.name) {
            told.push(fact.name.clone());
            differs(&fact.name, &difference.expected, &difference.seen, width);
        }
    }
    for difference in outcome.differences.iter().filter(|difference| !told.contains(&difference.fact)) {
        differs(&difference.fact, &difference.expected, &difference.seen, width);
    }
    if outcome.failed() && !outcome.stderr.is_empty() {
        println!("    {DIM}it said{DIM:#}");
        outcome.stderr.lines().take(12).for_each(|line| println!("    {DIM}|{DIM:#} {line}"));
    }
}

fn differs(name: &str, expected: &[String], seen: &[String], width: usize) {
    let nothing = ["nothing".to_owned()];
    let or_nothing = |values: &[String]| if values.is_empty() { nothing.to_vec() } else { values.to_vec() };
    let mut head = name;
    for value in or_nothing(expected) {
        println!("    {BAD}!{BAD:#} {head:<width$}  expected  {GOOD}{}{GOOD:#}", quoted(&value));
        head = "";
    }
    for value in or_nothing(seen) {
        println!("      {:<width$}  seen      {BAD}{}{BAD:#}", "", quoted(&value));
    }
}

fn quoted(value: &str) -> &str {
    if value.is_empty() { "(empty)" } else { value }
}

/// How it went, in a line, and what to do next.
pub(crate) fn verdict(exercise: &Exercise, outcomes: &[Outcome], verdict: Verdict, hint: Option<&Hint>) {
    println!();
    match verdict {
        Verdict::Passed => println!("  {GOOD}{}{GOOD:#}", summary(outcomes)),
        Verdict::Unchecked => println!("  {OPEN}{}{OPEN:#}", summary(outcomes)),
        Verdict::Failed => {
            println!("  {BAD}failed{BAD:#}");
            let look = exercise.about.look.join(", ");
            let mut rows = vec![("look", look.as_str())];
            if let Some(hint) = hint {
                rows.push(("hint", &hint.text));
            }
            let next = format!("cargo dive hint {}", exercise.id);
            rows.push(("more", &next));
            term::pairs(&rows);
        }
    }
}

/// `passed at T1; T2 skipped: no control group can be made`
pub(crate) fn summary(outcomes: &[Outcome]) -> String {
    passed(&tiers(outcomes), &skipped(outcomes))
}

/// The same, of what is written down.
pub(crate) fn passed(tiers: &[String], skipped: &[String]) -> String {
    let passed =
        if tiers.is_empty() { "not checked".to_owned() } else { format!("passed at {}", tiers.join(", ")) };
    [&[passed], skipped].concat().join("; ")
}

/// The tiers at which something was run.
pub(crate) fn tiers(outcomes: &[Outcome]) -> Vec<String> {
    let ran = outcomes.iter().filter(|outcome| outcome.skipped.is_none());
    let tiers: BTreeSet<_> = ran.map(|outcome| outcome.tier.to_string()).collect();
    tiers.into_iter().collect()
}

/// What was skipped, and why; each reason once.
pub(crate) fn skipped(outcomes: &[Outcome]) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for outcome in outcomes {
        let line = outcome.skipped.as_ref().map(|reason| format!("{} skipped: {reason}", outcome.tier));
        said.extend(line.filter(|line| !said.contains(line)));
    }
    said
}
