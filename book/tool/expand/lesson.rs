//! What a lesson stands on and what it adds: `{{#lesson 04}}`, read out of its manifest, its sources and its exercises.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;

use super::exercise;
use super::manual::Reference;
use super::minutes::Time;
use crate::page::Page;
use crate::{Tree, files, read};

/// Names that are imported, by the lesson that they are from (two digits).
type Imports = BTreeMap<String, BTreeSet<String>>;

/// A list: the chapter, what the lesson takes from others, the calls that no lesson before it makes, the exercises.
pub fn told(
    tree: &Tree,
    page: &Page,
    lesson: &str,
    times: &BTreeMap<String, Time>,
    called: &BTreeMap<Reference, Vec<String>>,
) -> Result<String, String> {
    let prefix = format!("{lesson}-");
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let dir = tree.lessons().into_iter().find(|dir| lesson.len() == 2 && name(dir).starts_with(&prefix));
    let dir = dir.ok_or_else(|| format!("lesson: there is no lesson `{lesson}`"))?;
    let time = times.get(lesson).ok_or_else(|| format!("lesson: {lesson} has no chapter"))?;
    let way = page.way_to(&time.page);

    let taken = imports(&dir, lesson);
    agrees(&dir, &taken)?;
    let of = |(lesson, names): (&String, &BTreeSet<String>)| {
        let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
        format!("{} of {lesson}", names.join(", "))
    };
    let taken = taken.iter().map(of).collect::<Vec<_>>();
    let first = called.iter().filter(|(_, lessons)| lessons.first() == Some(&name(&dir)));
    let first = first.map(|(reference, _)| reference.link(false)).collect::<Vec<_>>();
    let exercises = exercise::of_lesson(tree, lesson)?.into_iter();
    let exercises = exercises.map(|one| format!("[{0}]({way}#exercise-{0}) {1}", one.id, one.title));
    let rows = [
        ("takes", if taken.is_empty() { "nothing: it is the first".into() } else { taken.join("; ") }),
        ("new calls", first.join(", ")),
        ("exercises", exercises.collect::<Vec<_>>().join("; ")),
    ];
    let mut text = format!("- **chapter** [{}]({way}), `{}`\n", time.title, super::shown(tree.root(), &dir));
    for (what, told) in rows.iter().filter(|(_, told)| !told.is_empty()) {
        let _ = writeln!(text, "- **{what}** {told}");
    }
    // What the page adds below belongs to the same list.
    Ok(text.trim_end().to_owned())
}

/// A manifest names the lessons that are built upon, and no other: it is the map of prerequisites.
fn agrees(dir: &Path, taken: &Imports) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Manifest {
        #[serde(default)]
        dependencies: toml::Table,
    }
    let path = dir.join("Cargo.toml");
    let text = read(&path).map_err(|error| format!("lesson: {error}"))?;
    let manifest: Manifest =
        toml::from_str(&text).map_err(|error| format!("lesson: {}: {error}", path.display()))?;
    let named = manifest.dependencies.keys().filter_map(|name| name.strip_prefix("step-"));
    let named: BTreeSet<&str> = named.collect();
    let used: BTreeSet<&str> = taken.keys().map(String::as_str).collect();
    match named.symmetric_difference(&used).next() {
        None => Ok(()),
        Some(lesson) if named.contains(lesson) => {
            Err(format!("lesson: {} names step-{lesson}, from which nothing is taken", path.display()))
        }
        Some(lesson) => Err(format!("lesson: {} does not name step-{lesson}", path.display())),
    }
}

/// Every `step_NN::…` of its sources that is not its own.
fn imports(dir: &Path, own: &str) -> Imports {
    let mut imports = Imports::new();
    for text in files(&dir.join("src")).iter().filter_map(|path| read(path).ok()) {
        let code: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let code = code.join(" ");
        for piece in code.split("step_").skip(1) {
            let Some((lesson, tree)) = piece.split_once("::").filter(|(lesson, _)| *lesson != own) else {
                continue;
            };
            if lesson.len() == 2 && lesson.bytes().all(|byte| byte.is_ascii_digit()) {
                names(tree, "", imports.entry(lesson.to_owned()).or_default());
            }
        }
    }
    imports
}

/// Reads `a::{self, B}` of a use declaration, or the path of an expression; what remains of the text comes back.
fn names<'text>(text: &'text str, prefix: &str, found: &mut BTreeSet<String>) -> &'text str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start_matches([',', ' ']);
            if rest.is_empty() || rest.starts_with('}') {
                return rest.strip_prefix('}').unwrap_or(rest);
            }
            let after = names(rest, prefix, found);
            if after.len() == rest.len() {
                return rest;
            }
            rest = after;
        }
    }
    let end = text.find(|byte: char| !byte.is_alphanumeric() && byte != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let longer =
        rest.strip_prefix("::").filter(|rest| rest.starts_with(|c: char| c == '{' || c.is_alphabetic()));
    match longer {
        Some(rest) => return names(rest, &format!("{prefix}{name}::"), found),
        None if name == "self" => found.insert(prefix.trim_end_matches("::").to_owned()),
        None => !name.is_empty() && found.insert(format!("{prefix}{name}")),
    };
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::planted::Planted;

    const SOURCE: &str = "// use step_03::Not;\nuse step_02::ids::{self, Maps};\nuse step_02::{Clone3,\n    spawn};\n\
                          fn a() { step_00::exec(step_04::own()) }\nuse step_00::supervise::{a::B, c};\n";

    fn shown(manifest: &str) -> Result<String, String> {
        let planted = Planted::new();
        planted.file("steps/04-pivot-root/Cargo.toml", manifest);
        planted.file("steps/04-pivot-root/src/main.rs", SOURCE);
        let exercise = "title = \"Let go\"\nminutes = 15\ntier = \"T1\"\n";
        planted.file("steps/04-pivot-root/exercises/02-detach/exercise.toml", exercise);
        let page = Page::parse(Path::new("appendix/map.md"), "# Map\n", &mut Vec::new());
        let time = Time { page: "runs/04.md".into(), title: "04 The".into(), read: 10, exercises: 15 };
        let times = BTreeMap::from([("04".to_owned(), time)]);
        let call = |name: &str, lessons: &[&str]| {
            (Reference::parse(name).unwrap(), lessons.iter().map(|&lesson| lesson.to_owned()).collect())
        };
        let called = BTreeMap::from([
            call("pivot_root(2)", &["04-pivot-root", "05-next"]),
            call("mount(2)", &["02-namespaces", "04-pivot-root"]),
        ]);
        told(&planted.tree, &page, "04", &times, &called)
    }

    #[test]
    fn a_lesson_says_itself_what_it_takes_and_what_it_adds() {
        let told = shown("[dependencies]\nstep-00.workspace = true\nstep-02.workspace = true\n").unwrap();
        for part in [
            "[04 The](../runs/04.md), `steps/04-pivot-root`",
            "`exec`, `supervise::a::B`, `supervise::c` of 00; `Clone3`, `ids`, `ids::Maps`, `spawn` of 02\n",
            ">pivot_root(2)</a>\n",
            "[04.02](../runs/04.md#exercise-04.02) Let go",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(!told.contains("mount(2)") && !told.contains("Not"), "{told}");
    }

    #[test]
    fn a_manifest_that_is_not_the_map_is_a_fault() {
        let both = "[dependencies]\nstep-00.workspace = true\nstep-02.workspace = true\n";
        let found = shown(&format!("{both}step-03.workspace = true\n")).unwrap_err();
        assert!(found.contains("names step-03, from which nothing is taken"), "{found}");
        let found = shown("[dependencies]\nstep-00.workspace = true\n").unwrap_err();
        assert!(found.contains("does not name step-02"), "{found}");
        let planted = Planted::new();
        let page = Page::parse(Path::new("a.md"), "# A\n", &mut Vec::new());
        for (lesson, why) in [("09", "no lesson"), ("0", "no lesson"), ("04", "has no chapter")] {
            let found = told(&planted.tree, &page, lesson, &BTreeMap::new(), &BTreeMap::new()).unwrap_err();
            assert!(found.contains(why), "{found}");
        }
    }
}
