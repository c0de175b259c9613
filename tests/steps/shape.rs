//! The shape of a lesson: short files, and what it may lean on.

use std::fs;
use std::path::{Path, PathBuf};

use crate::kit::{Case, Outcome, case};

/// Lines of code in a lesson's file: what is neither empty nor a comment.
const FILE: usize = 150;
/// A `main.rs` should be near 100; this is where near ends.
const MAIN: usize = 130;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("shape: each file of a lesson is short", &[], |_| {
            let files = lessons().into_iter().flat_map(|dir| sources(&dir.join("src"))).collect::<Vec<_>>();
            assert!(files.len() > 12, "{files:?}");
            let read = |path: &PathBuf| fs::read_to_string(path).unwrap_or_default();
            let long: Vec<_> = files.iter().filter_map(|path| too_long(path, &read(path))).collect();
            if long.is_empty() { Ok(()) } else { Err(long.join("\n")) }
        }),
        case("shape: a file that is too long is noticed", &[], |_| {
            let line = "let x = 1;\n";
            assert!(too_long(Path::new("lib.rs"), &line.repeat(FILE)).is_none());
            assert!(too_long(Path::new("lib.rs"), &line.repeat(FILE + 1)).is_some());
            assert!(too_long(Path::new("main.rs"), &line.repeat(MAIN + 1)).is_some());
            assert!(too_long(Path::new("lib.rs"), &"// why\n\n".repeat(FILE + 1)).is_none());
            Ok(())
        }),
        case("shape: a lesson leans on earlier lessons only, and never on src/", &[], |_| each_leans_back()),
        case("shape: a lesson that leans forward is noticed", &[], |_| {
            assert!(leans_wrongly("03", "step-04.workspace = true\n").is_some());
            assert!(leans_wrongly("03", "docker-dive = { path = \"../..\" }\n").is_some());
            assert!(leans_wrongly("03", "step-02.workspace = true\nkit.workspace = true\n").is_none());
            Ok(())
        }),
    ]
}

fn lessons() -> Vec<PathBuf> {
    let steps = Path::new(env!("CARGO_MANIFEST_DIR")).join("steps");
    let dirs = fs::read_dir(steps).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut lessons: Vec<_> = dirs.filter(|dir| number(dir).parse::<u8>().is_ok()).collect();
    lessons.sort();
    lessons
}

/// `04` of `04-pivot-root`.
fn number(lesson: &Path) -> String {
    let name = lesson.file_name().unwrap_or_default().to_string_lossy();
    name.split('-').next().unwrap_or_default().to_owned()
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

fn too_long(path: &Path, text: &str) -> Option<String> {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    let count = text.lines().filter(is_code).count();
    let limit = if path.ends_with("main.rs") { MAIN } else { FILE };
    (count > limit).then(|| format!("{} holds {count} lines of code, more than {limit}", path.display()))
}

fn each_leans_back() -> Outcome {
    let lessons = lessons();
    assert!(lessons.len() >= 6, "{lessons:?}");
    for lesson in lessons {
        let manifest = fs::read_to_string(lesson.join("Cargo.toml")).map_err(|error| error.to_string())?;
        if let Some(line) = leans_wrongly(&number(&lesson), &manifest) {
            return Err(format!("{}: {line}", lesson.display()));
        }
    }
    Ok(())
}

/// The dependency that points forward, or out of the course.
fn leans_wrongly(number: &str, manifest: &str) -> Option<String> {
    let forward = |line: &&str| line.strip_prefix("step-").is_some_and(|rest| &rest[..2] >= number);
    let out = |line: &&str| line.starts_with("docker-dive") || line.starts_with("workbook");
    manifest.lines().find(|line| forward(line) || out(line)).map(str::to_owned)
}
