//! What was seen beside what is expected.
//!
//! The snapshot is read, never written: a learner cannot accept one by accident.

use std::fs;
use std::path::PathBuf;

use kit::{Doing, Result};
use serde::{Deserialize, Serialize};

use super::facts::{Fact, STATUS};
use super::format::{Exercise, Run, Tier};

/// What one run came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) run: String,
    pub(crate) tier: Tier,
    /// Why it was not run, if it was not.
    pub(crate) skipped: Option<String>,
    /// What was seen.
    pub(crate) facts: Vec<Fact>,
    /// Standard error, as the learner may read it.
    pub(crate) stderr: String,
    /// Where that is not what is expected.
    pub(crate) differences: Vec<Difference>,
    /// `root` or `user`: who ran it.
    pub(crate) by: String,
}

/// One fact that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Difference {
    pub(crate) fact: String,
    pub(crate) expected: Vec<String>,
    pub(crate) seen: Vec<String>,
}

/// What became of all runs of an exercise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Each that was run is as expected.
    Passed,
    Failed,
    /// This machine allows none of them.
    Unchecked,
}

impl Outcome {
    pub(crate) fn failed(&self) -> bool {
        !self.differences.is_empty()
    }

    /// The exit status, if it was run.
    pub(crate) fn ended(&self) -> Option<&str> {
        self.facts.iter().find(|fact| fact.name == STATUS).map(|fact| fact.value.as_str())
    }
}

/// The verdict.
pub(crate) fn verdict(outcomes: &[Outcome]) -> Verdict {
    if outcomes.iter().any(Outcome::failed) {
        Verdict::Failed
    } else if outcomes.iter().all(|outcome| outcome.skipped.is_some()) {
        Verdict::Unchecked
    } else {
        Verdict::Passed
    }
}

/// The snapshot of a run: that of who ran it, if there is one.
pub(crate) fn snapshot(exercise: &Exercise, run: &Run, by: &str) -> PathBuf {
    let expected = exercise.dir.join("expected");
    let own = expected.join(format!("{}.{by}.snap", run.name));
    if own.is_file() { own } else { expected.join(format!("{}.snap", run.name)) }
}

/// The facts in a snapshot. Errors name its file.
pub(crate) fn expected(exercise: &Exercise, run: &Run, by: &str) -> Result<Vec<Fact>> {
    let path = snapshot(exercise, run, by);
    let text = fs::read_to_string(&path).doing("read", &path)?;
    Ok(parse(&text))
}

/// Below insta's header, a fact a line.
fn parse(text: &str) -> Vec<Fact> {
    let content =
        text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")).map_or(text, |(_, rest)| rest);
    let facts = content.lines().filter(|line| !line.is_empty());
    facts
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
            Fact { name: name.to_owned(), value: value.to_owned() }
        })
        .collect()
}

/// A snapshot as `cargo insta review` takes it.
pub(crate) fn written(exercise: &Exercise, run: &Run, facts: &[Fact]) -> String {
    let source = exercise.dir.iter().rev().take(4).collect::<Vec<_>>();
    let source: PathBuf = source.into_iter().rev().collect();
    let lines: Vec<_> =
        facts.iter().map(|fact| format!("{}: {}", fact.name, fact.value).trim_end().to_owned()).collect();
    format!(
        "---\nsource: {}\ndescription: {:?}\n---\n{}\n",
        source.join("exercise.toml").display(),
        run.shown(),
        lines.join("\n")
    )
}

/// The facts that differ, in the order in which they are expected, then what nobody expected.
pub(crate) fn differences(expected: &[Fact], seen: &[Fact]) -> Vec<Difference> {
    let values = |facts: &[Fact], name: &str| -> Vec<String> {
        facts.iter().filter(|fact| fact.name == name).map(|fact| fact.value.clone()).collect()
    };
    let mut names: Vec<&str> = Vec::new();
    for fact in expected.iter().chain(seen) {
        if !names.contains(&fact.name.as_str()) {
            names.push(&fact.name);
        }
    }
    let of = |name: &str| Difference {
        fact: name.to_owned(),
        expected: values(expected, name),
        seen: values(seen, name),
    };
    names.into_iter().map(of).filter(|difference| difference.expected != difference.seen).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(text: &str) -> Vec<Fact> {
        parse(text)
    }

    #[test]
    fn a_snapshot_is_read_below_its_header() {
        let with =
            facts("---\nsource: x\ndescription: \"a: b\"\n---\nexit status: 0\nstdout: a: b\nempty:\n");
        assert_eq!(with.len(), 3);
        assert_eq!((with[1].name.as_str(), with[1].value.as_str()), ("stdout", "a: b"));
        assert_eq!((with[2].name.as_str(), with[2].value.as_str()), ("empty", ""));
    }

    #[test]
    fn what_differs_is_told_and_nothing_else() {
        let (expected, seen) = (facts("a: 1\nb: 2\nb: 3\n"), facts("a: 1\nb: 2\nc: 4\n"));
        let differences = differences(&expected, &seen);
        let told: Vec<_> =
            differences.iter().map(|d| (d.fact.as_str(), d.expected.len(), d.seen.len())).collect();
        assert_eq!(told, [("b", 2, 1), ("c", 0, 1)]);
        assert!(super::differences(&expected, &expected).is_empty());
    }

    #[test]
    fn nothing_that_was_run_is_no_success() {
        let outcome = |skipped: bool, failed: bool| Outcome {
            run: "a".into(),
            tier: Tier::T1,
            skipped: skipped.then(|| "why".to_owned()),
            facts: vec![],
            stderr: String::new(),
            differences: if failed {
                vec![Difference { fact: "a".into(), expected: vec![], seen: vec![] }]
            } else {
                vec![]
            },
            by: "user".into(),
        };
        assert_eq!(verdict(&[outcome(true, false)]), Verdict::Unchecked);
        assert_eq!(verdict(&[outcome(true, false), outcome(false, false)]), Verdict::Passed);
        assert_eq!(verdict(&[outcome(false, true), outcome(false, false)]), Verdict::Failed);
    }
}
