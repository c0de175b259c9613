//! Whether a reader of the book comes by everything: each exercise, and each output that is kept.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use kit::Result;

use crate::exercise::compose::read;
use crate::exercise::course::{Course, Id};

/// A page that the table of contents lists.
struct Page {
    /// The lesson whose chapter it is: `lesson: 04` in its front matter.
    lesson: Option<u8>,
    /// Its directives: the name and the first word after it.
    says: Vec<(String, String)>,
}

/// What no page shows, a line each.
pub(crate) fn unreached(course: &Course) -> Result<Vec<String>> {
    let src = course.root.join("book/src");
    if !src.is_dir() {
        return Ok(vec!["there is no book/src here: --without-book proves the rest".to_owned()]);
    }
    let summary = read(&src.join("SUMMARY.md"))?;
    let pages: Vec<_> =
        listed(&summary).map(|page| Ok(Page::parse(&read(&src.join(page))?))).collect::<Result<_>>()?;
    let mut faults = without_card(&pages, course.exercises.iter().map(|exercise| exercise.id));
    faults.extend(not_shown(&pages, &snapshots(&course.root.join("tests/snapshots"))));
    Ok(faults)
}

/// The pages that SUMMARY.md links to. A line in a comment waits for its page.
fn listed(summary: &str) -> impl Iterator<Item = &str> {
    let lines = summary.lines().filter(|line| !line.trim_start().starts_with("<!--"));
    lines
        .filter_map(|line| line.split_once("](")?.1.split(')').next())
        .filter(|link| has_extension(link, "md"))
}

impl Page {
    fn parse(text: &str) -> Self {
        let front =
            text.strip_prefix("---\n").and_then(|rest| rest.split("\n---").next()).unwrap_or_default();
        let lesson = front.lines().find_map(|line| line.strip_prefix("lesson: ")?.trim().parse().ok());
        let directive = |rest: &str| {
            let mut words = rest.split("}}").next()?.split_whitespace();
            Some((words.next()?.to_owned(), words.next()?.to_owned()))
        };
        Self { lesson, says: text.split("{{#").skip(1).filter_map(directive).collect() }
    }

    fn says(&self, name: &str, word: &str) -> bool {
        self.says.iter().any(|(said, first)| said == name && first == word)
    }
}

/// The exercises whose lesson's chapter has no card for them: neither `{{#exercise 04.02}}` nor `{{#exercises 04}}`.
fn without_card(pages: &[Page], exercises: impl Iterator<Item = Id>) -> Vec<String> {
    let lacking = |id: Id| {
        let mut chapters = pages.iter().filter(|page| page.lesson == Some(id.lesson)).peekable();
        let Id { lesson, .. } = id;
        if chapters.peek().is_none() {
            return Some(format!("{id}: no page that SUMMARY.md lists is the chapter of lesson {lesson:02}"));
        }
        let all = format!("{lesson:02}");
        let has = chapters.any(|page| page.says("exercise", &id.to_string()) || page.says("exercises", &all));
        (!has).then(|| {
            format!("{id}: its chapter says neither {{{{#exercise {id}}}}} nor {{{{#exercises {all}}}}}")
        })
    };
    exercises.filter_map(lacking).collect()
}

/// Names of snapshots to their texts. The help of a command is in the reader's terminal, and is left out.
fn snapshots(dir: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let named = entries.filter_map(|path| {
        let name = path.file_name()?.to_str()?.strip_suffix(".snap")?.to_owned();
        Some((name, fs::read_to_string(&path).unwrap_or_default()))
    });
    named.filter(|(name, _)| !has_extension(name, "help")).collect()
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|own| own == extension)
}

/// The snapshots that no page shows, nor any other with the same text: what a user sees as root does is shown once.
fn not_shown(pages: &[Page], snapshots: &BTreeMap<String, String>) -> Vec<String> {
    let shown = |name: &str| pages.iter().any(|page| page.says("snap", name));
    let lacking = snapshots.iter().filter(|(name, text)| {
        !shown(name) && !snapshots.iter().any(|(other, same)| same == *text && shown(other))
    });
    lacking
        .map(|(name, _)| format!("tests/snapshots/{name}.snap: no page says {{{{#snap {name}}}}}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[&str]) -> impl Iterator<Item = Id> {
        ids.iter().map(|id| id.parse().expect("an exercise")).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn an_exercise_is_reached_from_its_own_chapter_alone() {
        let pages = [
            "---\nlesson: 04\n---\n# A\n{{#exercises 04}}\n",
            "---\ntemplate: lesson\nlesson: 01\n---\n{{#exercise 01.01}}\n{{#exercise 02.01}}\n",
            "---\nlesson: 02\n---\n{{#exercise 02.02}}\n",
        ]
        .map(Page::parse);
        assert!(without_card(&pages, ids(&["04.01", "04.09", "01.01", "02.02"])).is_empty());
        assert_eq!(
            without_card(&pages, ids(&["01.02", "02.01", "05.01"])),
            [
                "01.02: its chapter says neither {{#exercise 01.02}} nor {{#exercises 01}}",
                "02.01: its chapter says neither {{#exercise 02.01}} nor {{#exercises 02}}",
                "05.01: no page that SUMMARY.md lists is the chapter of lesson 05",
            ]
        );
    }

    #[test]
    fn a_snapshot_is_reached_if_a_page_shows_it_or_its_equal() {
        let pages = [Page::parse("a {{#snap step-04.root lines=3..9}} b {{#snap attack.root }}\n{{#snap}}")];
        let snapshots = |texts: &[(&str, &str)]| {
            texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        let reached = snapshots(&[("step-04.root", "a"), ("attack.root", "b"), ("step-04.user", "a")]);
        assert!(not_shown(&pages, &reached).is_empty());
        let lost =
            snapshots(&[("step-04.root", "a"), ("step-04", "b"), ("attack.user", "c"), ("step-05", "c")]);
        assert_eq!(
            not_shown(&pages, &lost),
            ["attack.user", "step-04", "step-05"]
                .map(|name| format!("tests/snapshots/{name}.snap: no page says {{{{#snap {name}}}}}"))
        );
    }

    #[test]
    fn only_a_page_that_is_listed_is_read_and_only_help_is_left_out() {
        let summary = "# Summary\n[Front](front.md)\n<!-- [Waits](waits.md) -->\n- [A](runs/a.md)\n<!-- - [B](b.md) -->\n";
        assert_eq!(listed(summary).collect::<Vec<_>>(), ["front.md", "runs/a.md"]);
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["step-04.help.snap", "step-04.root.snap", "attack.user.snap", "step-04.user.snap.new"] {
            fs::write(dir.path().join(name), name).expect("write");
        }
        assert_eq!(snapshots(dir.path()).into_keys().collect::<Vec<_>>(), ["attack.user", "step-04.root"]);
    }
}
