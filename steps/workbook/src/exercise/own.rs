//! `cargo dive own`: what the learner's container still takes from the lessons is copied beside it.
//!
//! It goes to a program of its own, `runtime`: the container stays what the exercises are checked in. All lessons come
//! at once, for a type that one of them hands to another must not be there twice.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use clap::Args as ClapArgs;
use kit::{Error, Result, term};
use nix::errno::Errno;

use super::compose::{self, Files};
use super::course::Course;
use super::uses::{replace_path, taken};
use super::work::Work;

/// What `cargo dive own` is asked.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Solve the exercises first: each of your modules that stands in your container stands in your runtime as well. What comes
from the lessons is yours to change from then on, and no lesson changes it any more. kit and guest are no lessons, and stay.")]
pub struct Args {}

/// Copies.
pub fn run(_: &Args) -> Result<u8> {
    let course = Course::find()?;
    let work = Work::open(&course)?;
    let (container, runtime) = (work.container(), work.runtime());
    if !container.join("main.rs").is_file() {
        let error = Error::call("read", work.shown(&container.join("main.rs")).display(), Errno::ENOENT);
        return Err(error.advise("cargo dive start"));
    }
    if runtime.exists() {
        let error = Error::call("copy to", work.shown(&runtime).display(), Errno::EEXIST);
        return Err(error.advise("it is yours already; to make it anew, move it out of src/bin"));
    }
    let files = owned(&course, compose::reached(&container, "main.rs")?)?;
    compose::write(&files, &runtime)?;
    let lessons: Vec<_> = files.keys().filter_map(|name| name.strip_suffix("/mod.rs")).collect();
    term::pairs(&[
        ("yours", work.shown(&runtime).display().to_string()),
        ("out of the lessons", lessons.join(", ")),
        ("run it", format!("cargo run {} --bin runtime", work.package())),
    ]);
    Ok(0)
}

/// The files of a container with the lessons that it uses, and those that they use, as modules: none is a crate any more.
pub(crate) fn owned(course: &Course, container: Files) -> Result<Files> {
    let mut lessons: BTreeMap<u8, Files> = BTreeMap::new();
    let mut wanted = used(&container);
    while let Some(lesson) = wanted.pop() {
        if let Entry::Vacant(place) = lessons.entry(lesson) {
            let files = compose::reached(&course.lesson(lesson)?.join("src"), "lib.rs")?;
            wanted.extend(used(&files));
            place.insert(files);
        }
    }
    let numbers: Vec<_> = lessons.keys().copied().collect();
    let mut files: Files =
        container.into_iter().map(|(name, text)| (name, as_modules(&text, None))).collect();
    for (lesson, of_lesson) in lessons {
        let moved = of_lesson.into_iter().map(|(name, text)| {
            let name = if name == "lib.rs" { "mod.rs" } else { &name };
            (format!("lesson_{lesson:02}/{name}"), as_modules(&text, Some(lesson)))
        });
        files.extend(moved);
    }
    if let Some(main) = files.get_mut("main.rs") {
        *main = declared(main, &numbers);
    }
    Ok(files)
}

/// The lessons that files name.
fn used(files: &Files) -> Vec<u8> {
    let names = files.values().flat_map(|text| taken(text));
    names.filter_map(|name| name.strip_prefix("step_")?.split("::").next()?.parse().ok()).collect()
}

/// `step_02::spawn` becomes `crate::lesson_02::spawn`, and what was a lesson's own `crate::` is below its module.
fn as_modules(text: &str, lesson: Option<u8>) -> String {
    let mut result = String::new();
    for line in text.split_inclusive('\n') {
        let comment = line.trim_start().starts_with("//");
        let mut line = line.to_owned();
        if let Some(lesson) = lesson.filter(|_| !comment) {
            line = replace_path(&line, "crate::", &format!("crate::lesson_{lesson:02}::"));
        }
        for number in 0..=99 {
            if line.contains("step_") {
                let home = if comment { "" } else { "crate::" };
                let (old, new) = (format!("step_{number:02}"), format!("{home}lesson_{number:02}"));
                line = replace_path(&line, &old, &new);
            }
        }
        result += &line;
    }
    result
}

/// main.rs with the modules, above those that it has.
fn declared(main: &str, lessons: &[u8]) -> String {
    let mut modules = String::from(DECLARED);
    for lesson in lessons {
        let _ = writeln!(modules, "#[allow(dead_code, unused_imports)]\nmod lesson_{lesson:02};");
    }
    let mut at = 0;
    for line in main.split_inclusive('\n') {
        if line.starts_with("mod ") {
            return format!("{}{modules}\n{}", &main[..at], &main[at..]);
        }
        at += line.len();
    }
    format!("{main}\n{modules}")
}

const DECLARED: &str = "\
// What your container took from the lessons, with all that stands around it there. It is yours now. Without the
// attribute the compiler names what of it nothing uses.
";

/// What a program of the learner's takes from the lessons, a line for each, `step_02` and the names; none if it is not there.
pub(crate) fn takes(dir: &Path) -> Vec<(String, String)> {
    let Ok(files) = compose::reached(dir, "main.rs") else { return vec![] };
    let mut lessons: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let names: BTreeSet<_> = files.values().flat_map(|text| taken(text)).collect();
    for (lesson, name) in names.iter().map(|path| path.split_once("::").unwrap_or((path, "itself"))) {
        lessons.entry(lesson.to_owned()).or_default().push(name.to_owned());
    }
    lessons.into_iter().map(|(lesson, names)| (lesson, names.join(", "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lesson_s_crate_becomes_a_module_and_keeps_its_own_paths() {
        let text = "//! As `step_00::exec`.\nuse crate::birth;\nuse step_00::{Child, spawn};\nfn f() { step_00::exec(); my_crate::f(); }\n";
        assert_eq!(
            as_modules(text, Some(2)),
            "//! As `lesson_00::exec`.\nuse crate::lesson_02::birth;\nuse crate::lesson_00::{Child, spawn};\nfn f() { crate::lesson_00::exec(); my_crate::f(); }\n"
        );
        assert_eq!(
            as_modules("use crate::pivot;\nuse step_02;\n", None),
            "use crate::pivot;\nuse crate::lesson_02;\n"
        );
    }

    #[test]
    fn modules_are_declared_above_those_that_are_there() {
        let main = declared("//! Doc.\nuse a::b;\n\nmod pivot;\nfn main() {}\n", &[0, 2]);
        let at = |words: &str| main.find(words).expect(words);
        assert!(
            at("use a::b") < at("mod lesson_00;") && at("mod lesson_02;") < at("\n\nmod pivot;"),
            "{main}"
        );
        assert!(declared("fn main() {}\n", &[0]).ends_with("mod lesson_00;\n"));
    }

    #[test]
    fn every_lesson_can_be_owned_and_nothing_of_it_stays_a_crate() {
        let course = Course { root: Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), exercises: vec![] };
        let newest = (0..99).take_while(|lesson| course.lesson(*lesson).is_ok()).last().expect("lessons");
        let files = compose::program(&course, newest).expect("its program");
        assert!(!used(&files).is_empty(), "it uses lessons, or this proves nothing");
        let owned = owned(&course, files).expect("owned");
        assert!(owned.contains_key("lesson_00/mod.rs") && owned.contains_key("lesson_02/ids.rs"));
        for (name, text) in &owned {
            assert!(taken(text).is_empty(), "{name} takes {:?}", taken(text));
        }
    }
}
