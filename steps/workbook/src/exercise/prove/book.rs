//! Whether a reader of the book comes by everything: each exercise, and each output that is kept of a step.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kit::Result;

use crate::exercise::compose::read;
use crate::exercise::course::Course;

/// What no page shows, a line each.
pub(crate) fn unreached(course: &Course) -> Result<Vec<String>> {
    let src = course.root.join("book/src");
    if !src.is_dir() {
        return Ok(vec!["there is no book/src here: --without-book proves the rest".to_owned()]);
    }
    let mut pages = Vec::new();
    collect(&src, &mut pages);
    let mut text = String::new();
    for page in pages {
        text += &read(&page)?;
    }
    let exercises = course.exercises.iter().map(|exercise| exercise.id.to_string());
    let mut faults = not_named(&text, "exercise", exercises);
    faults.extend(not_named(&text, "snap", snapshots(&course.root.join("tests/snapshots")).into_iter()));
    Ok(faults)
}

fn collect(dir: &Path, pages: &mut Vec<PathBuf>) {
    for path in fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
}

/// What the steps print. Their help is in the terminal, and the instruments' snapshots are for their tests.
fn snapshots(dir: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let names =
        entries.filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".snap").map(str::to_owned));
    names.filter(|name| name.starts_with("step-") && name.rsplit('.').next() != Some("help")).collect()
}

/// Those of the names that no `{{#directive NAME …}}` says.
fn not_named(text: &str, directive: &str, names: impl Iterator<Item = String>) -> Vec<String> {
    let begin = format!("{{{{#{directive} ");
    let said: BTreeSet<&str> =
        text.split(&begin).skip(1).filter_map(|rest| rest.split([' ', '}', '\n']).next()).collect();
    names
        .filter(|name| !said.contains(name.as_str()))
        .map(|name| format!("no page of the book says {begin}{name}}}}}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_page_names_is_told() {
        let text = "a {{#exercise 04.02}} b {{#snap step-04.root lines=3..9}} {{#exercise 01.01 }}";
        let names =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>().into_iter();
        assert!(not_named(text, "exercise", names(&["04.02", "01.01"])).is_empty());
        assert_eq!(
            not_named(text, "exercise", names(&["04.03"])),
            ["no page of the book says {{#exercise 04.03}}"]
        );
        assert!(not_named(text, "snap", names(&["step-04.root"])).is_empty());
        assert_eq!(not_named(text, "snap", names(&["step-04"])).len(), 1);
    }
}
