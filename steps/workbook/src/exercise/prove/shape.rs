//! What an exercise must have on disk, before anything of it is built.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::exercise::format::{Exercise, Run};

/// What is missing, or is there for nothing.
pub(crate) fn faults(exercise: &Exercise) -> Vec<String> {
    let mut faults = Vec::new();
    if exercise.about.tier.is_none() {
        faults.push("exercise.toml has no tier, which its card in the book shows".to_owned());
    }
    if exercise.is_code() {
        for path in [exercise.stub(), exercise.solution()] {
            if !path.is_file() {
                faults.push(format!("there is no {}", path.display()));
            }
        }
        if exercise.wrong().is_empty() {
            faults.push("there is no wrong answer in wrong/".to_owned());
        }
        let unnamed = exercise.wrong().into_iter().filter(|source| named_hint(source).is_none());
        faults.extend(
            unnamed.map(|source| format!("the first line of {} is not `// hint: NAME`", source.display())),
        );
        faults.extend(strange_snapshots(exercise));
        faults.extend(hints_without_answer(exercise));
    }
    faults.into_iter().map(|fault| format!("{}: {fault}", exercise.id)).collect()
}

/// The hint that the first line of a wrong answer names.
pub(crate) fn named_hint(source: &Path) -> Option<String> {
    let text = fs::read_to_string(source).ok()?;
    text.lines().next()?.strip_prefix("// hint: ").map(|name| name.trim().to_owned())
}

/// A snapshot that no run reads proves nothing.
fn strange_snapshots(exercise: &Exercise) -> Vec<String> {
    let of = |run: &Run| ["", ".root", ".user"].map(|by| format!("{}{by}", run.name));
    let read: BTreeSet<_> = exercise.about.runs.iter().flat_map(of).collect();
    let entries = fs::read_dir(exercise.dir.join("expected")).into_iter().flatten().flatten();
    let names =
        entries.filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".snap").map(str::to_owned));
    names
        .filter(|name| !read.contains(name))
        .map(|name| format!("no run reads expected/{name}.snap"))
        .collect()
}

/// A hint that no wrong answer asks for may never fire, and nobody would see it.
fn hints_without_answer(exercise: &Exercise) -> Vec<String> {
    let asked: BTreeSet<_> = exercise.wrong().iter().filter_map(|source| named_hint(source)).collect();
    let hints = exercise.hints.seen.iter().filter(|seen| !asked.contains(&seen.name));
    hints.map(|seen| format!("no wrong answer shows that the hint {:?} fires", seen.name)).collect()
}
