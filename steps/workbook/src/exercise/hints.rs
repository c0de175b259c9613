//! The hint that fits what was seen.

use super::format::{Exercise, Seen};
use super::judge::Outcome;

/// How a hint is found that no exercise has to write.
pub(crate) const UNWRITTEN: &str = "unwritten";

/// A hint with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hint {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// The first hint of the exercise that fits; what every exercise has goes before and after its own.
pub(crate) fn fitting(exercise: &Exercise, outcomes: &[Outcome]) -> Option<Hint> {
    let failed: Vec<_> = outcomes.iter().filter(|outcome| outcome.failed()).collect();
    let hint = |name: &str, text: String| Some(Hint { name: name.to_owned(), text });
    if let Some(id) = failed.iter().find_map(|outcome| unwritten(outcome)) {
        let own = id == exercise.id.to_string();
        let file = format!("src/bin/container/{}.rs", exercise.about.module);
        return hint(
            UNWRITTEN,
            if own {
                format!("{file} still ends in `todo(\"{id}\")`: nothing is written yet")
            } else {
                format!(
                    "your container also holds {id}, which is not written yet: finish it first, or `cargo dive solution {id} --write`"
                )
            },
        );
    }
    let own = exercise.hints.seen.iter().find(|seen| failed.iter().any(|outcome| fits(seen, outcome)));
    if let Some(seen) = own {
        return hint(&seen.name, seen.hint.trim().to_owned());
    }
    failed.iter().find_map(|outcome| common(outcome)).and_then(|(name, text)| hint(name, text.to_owned()))
}

/// The exercise whose function says that it is not written.
fn unwritten(outcome: &Outcome) -> Option<String> {
    let (_, rest) = outcome.stderr.split_once("exercise \"")?;
    let (id, rest) = rest.split_once('"')?;
    rest.starts_with(": is not written yet").then(|| id.to_owned())
}

fn fits(seen: &Seen, outcome: &Outcome) -> bool {
    if seen.run.as_ref().is_some_and(|run| *run != outcome.run) {
        return false;
    }
    if seen.says.as_ref().is_some_and(|text| !outcome.stderr.contains(text)) {
        return false;
    }
    let values: Vec<&str> = match &seen.fact {
        Some(fact) => match outcome.differences.iter().find(|difference| difference.fact == *fact) {
            Some(difference) => difference.seen.iter().map(String::as_str).collect(),
            None => return false,
        },
        None => outcome.facts.iter().map(|fact| fact.value.as_str()).collect(),
    };
    let text = values.join("\n");
    seen.has.as_ref().is_none_or(|piece| text.contains(piece))
        && seen.lacks.as_ref().is_none_or(|piece| !text.contains(piece))
}

/// What may happen in any exercise.
fn common(outcome: &Outcome) -> Option<(&'static str, &'static str)> {
    let ended = outcome.ended()?;
    if ended.starts_with("not done") {
        return Some((
            "waits",
            "it waits for something that never comes. Which process waits, and in which call? `cat /proc/PID/wchan` and `cargo dive trace` tell",
        ));
    }
    match ended {
        "127" => Some((
            "not-found",
            "127: the command was not found below the root in which the container ended up",
        )),
        "126" => Some(("not-executable", "126: the command was found, and the kernel refused to execute it")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercise::facts::Fact;
    use crate::exercise::format::Tier;
    use crate::exercise::judge::Difference;

    fn outcome(stderr: &str) -> Outcome {
        Outcome {
            run: "report".into(),
            tier: Tier::T1,
            skipped: None,
            facts: vec![Fact { name: "mounted".into(), value: "/ /boot".into() }],
            stderr: stderr.into(),
            differences: vec![Difference {
                fact: "mounted".into(),
                expected: vec!["/".into()],
                seen: vec!["/ /boot".into()],
            }],
            by: "root".into(),
        }
    }

    fn seen() -> Seen {
        let (name, hint) = ("n".into(), "h".into());
        Seen { name, run: None, fact: None, has: None, lacks: None, says: None, hint }
    }

    #[test]
    fn a_hint_fits_only_if_all_that_it_names_holds() {
        let of = |change: fn(&mut Seen)| {
            let mut rule = seen();
            change(&mut rule);
            fits(&rule, &outcome("step: umount2(2): EBUSY: Device or resource busy"))
        };
        assert!(of(|rule| rule.fact = Some("mounted".into())));
        assert!(!of(|rule| rule.fact = Some("pid".into())), "that fact is as expected");
        assert!(of(|rule| rule.has = Some("/boot".into())));
        assert!(!of(|rule| rule.lacks = Some("/boot".into())));
        assert!(of(|rule| rule.says = Some("EBUSY".into())));
        assert!(!of(|rule| rule.says = Some("EINVAL".into())));
        assert!(!of(|rule| {
            rule.says = Some("EBUSY".into());
            rule.run = Some("another".into());
        }));
    }

    #[test]
    fn what_is_not_written_is_noticed_and_whose_it_is() {
        let said = |text: &str| unwritten(&outcome(text));
        assert_eq!(said("container: exercise \"04.02\": is not written yet (…)"), Some("04.02".into()));
        assert_eq!(said("container: exercise \"04.02\": something else"), None);
    }
}
