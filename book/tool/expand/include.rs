//! Code out of a file that is compiled: `{{#include PATH:ANCHOR}}`, as mdBook writes it.
//!
//! mdBook itself shows an empty block for an anchor that does not exist, and the directive for a file that does not.
//! Here both are faults; and since an anchor may lie deep inside a function, the indentation is taken off.

use std::path::{Path, PathBuf};

use crate::Tree;

/// What a block of code shows.
#[derive(Debug)]
pub struct Included {
    /// The file, as from the top of the repository.
    pub file: String,
    /// Its lines between the anchors.
    pub text: String,
}

/// Finds the piece. `dir` is the folder of the page, from which the path leads.
pub fn include(tree: &Tree, dir: &Path, words: &str) -> Result<Included, String> {
    let (path, anchor) = words.split_once(':').map_or((words, None), |(path, anchor)| (path, Some(anchor)));
    let path = normal(&tree.pages().join(dir).join(path));
    let text = crate::read(&path).map_err(|_| format!("include: there is no file {}", path.display()))?;
    let file = super::shown(tree.root(), &path);
    if !path.starts_with(tree.root()) || path.starts_with(tree.pages()) {
        return Err(format!("include: {file} is not a source of this repository"));
    }
    if path.extension().is_some_and(|extension| extension == "rs") && !is_compiled(&path) {
        return Err(format!("include: {file} is no module of a package: nothing compiles it"));
    }
    let lines = match anchor {
        None => text.lines().filter(|line| !is_mark(line)).collect(),
        Some(anchor) if anchor.starts_with(|first: char| first.is_ascii_digit()) => {
            return Err(format!("include: {anchor} of {file}: line numbers drift; name an anchor"));
        }
        Some(anchor) => anchored(&text, anchor).map_err(|what| format!("include: {file}: {what}"))?,
    };
    let text = dedent(&lines);
    if text.is_empty() {
        return Err(format!("include: {words} is empty"));
    }
    Ok(Included { file, text })
}

/// `..` and `.` taken out, without asking the file system.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                normal.pop();
            }
            std::path::Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

fn is_mark(line: &str) -> bool {
    mark(line, "ANCHOR").is_some() || mark(line, "ANCHOR_END").is_some()
}

/// The name in `// ANCHOR: name`.
fn mark<'line>(line: &'line str, word: &str) -> Option<&'line str> {
    let (_, rest) = line.split_once(word)?;
    rest.strip_prefix(':').map(str::trim)
}

fn anchored<'text>(text: &'text str, anchor: &str) -> Result<Vec<&'text str>, String> {
    let at = |word| text.lines().position(|line| mark(line, word) == Some(anchor));
    let start = at("ANCHOR").ok_or_else(|| format!("there is no `ANCHOR: {anchor}`"))?;
    let end = at("ANCHOR_END").ok_or_else(|| format!("there is no `ANCHOR_END: {anchor}`"))?;
    if end < start {
        return Err(format!("the anchor {anchor} ends before it begins"));
    }
    let lines = text.lines().take(end).skip(start + 1);
    Ok(lines.filter(|line| !is_mark(line)).collect())
}

fn dedent(lines: &[&str]) -> String {
    let indent = |line: &&&str| line.len() - line.trim_start().len();
    let common = lines.iter().filter(|line| !line.trim().is_empty()).map(|line| indent(&line)).min();
    let cut = |line: &&str| line.get(common.unwrap_or(0)..).unwrap_or("").to_owned();
    lines.iter().map(cut).collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned()
}

/// A module that another one declares, or the root of a crate.
fn is_compiled(path: &Path) -> bool {
    let Some(dir) = path.parent() else { return false };
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let package = path.ancestors().skip(1).find(|dir| dir.join("Cargo.toml").is_file());
    let Some(package) = package else { return false };
    if path.strip_prefix(package).is_ok_and(|inside| inside.starts_with("exercises")) {
        return true;
    }
    let in_package = |place: &str| package.join(place) == dir;
    let is_root = match &*stem {
        "lib" | "main" => in_package("src") || in_package("tool"),
        _ => in_package("src/bin") || in_package("tests"),
    };
    let own = format!("mod {stem};");
    let declares = |parent: PathBuf| crate::read(&parent).is_ok_and(|text| text.contains(&own));
    let beside = ["lib.rs", "main.rs", "mod.rs", "tests.rs"].map(|name| dir.join(name));
    let above = dir.with_extension("rs");
    let folder = dir.parent().map(|up| up.join("mod.rs")).filter(|_| stem == "mod");
    let binaries = crate::entries(&dir.join("bin"));
    let mut parents = beside.into_iter().chain([above]).chain(folder).chain(binaries);
    is_root || stem == "mod" || parents.any(declares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::planted::Planted;

    const SOURCE: &str = "fn f() {\n    // ANCHOR: a\n    one();\n    // ANCHOR: b\n\n    two();\n    // ANCHOR_END: b\n    \
                          // ANCHOR_END: a\n}\n// ANCHOR: void\n// ANCHOR_END: void\n// ANCHOR: open\n";

    fn tree() -> Planted {
        let planted = Planted::new();
        planted.file("steps/04-pivot-root/src/lib.rs", SOURCE);
        planted.file("steps/04-pivot-root/src/stray.rs", "fn stray() {}");
        planted
    }

    #[test]
    fn the_piece_between_the_anchors_is_shown_without_its_indentation() {
        let planted = tree();
        let piece =
            include(&planted.tree, Path::new("runs"), "../../../steps/04-pivot-root/src/lib.rs:a").unwrap();
        assert_eq!(piece.file, "steps/04-pivot-root/src/lib.rs");
        assert_eq!(piece.text, "one();\n\ntwo();");
        let whole = include(&planted.tree, Path::new(""), "../../steps/04-pivot-root/src/lib.rs").unwrap();
        assert!(whole.text.starts_with("fn f() {") && !whole.text.contains("ANCHOR"));
    }

    #[test]
    fn what_cannot_be_shown_is_a_fault() {
        let planted = tree();
        for (words, why) in [
            ("lib.rs:none", "no `ANCHOR: none`"),
            ("lib.rs:open", "no `ANCHOR_END: open`"),
            ("lib.rs:void", "is empty"),
            ("lib.rs:3:4", "line numbers drift"),
            ("gone.rs:a", "no file"),
            ("stray.rs", "nothing compiles it"),
        ] {
            let words = format!("../../steps/04-pivot-root/src/{words}");
            let told = include(&planted.tree, Path::new(""), &words).unwrap_err();
            assert!(told.contains(why), "{words}: {told}");
        }
        planted.file("book/src/snippet.rs", "fn f() {}");
        assert!(include(&planted.tree, Path::new(""), "snippet.rs").is_err());
    }
}
