//! Which room of src/ may see which, and where `unsafe` may stand: read from the source.
//!
//! The order is `cli -> engine -> {image, storage, network, runtime} -> {oci, sys} -> error`; rooms of one rank do
//! not see each other. The reading is by words, not by a compiler: comments and texts are taken out, and then each
//! `crate::`, `docker_dive::` and chain of `super::` is followed to the room that it names.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use crate::kit::{Case, Lab, Outcome, case};

/// The rooms by rank: each sees only those of a higher one.
const RANKS: [&[&str]; 5] =
    [&["cli"], &["engine"], &["image", "storage", "network", "runtime"], &["oci", "sys"], &["error"]];

/// The lessons: nothing in src/ may name them.
const LESSONS: [&str; 4] = ["step_", "kit::", "guest::", "workbook::"];

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("arrows: no room sees one before or beside it, and unsafe stays in sys", &[], source),
        case("arrows: an arrow that runs back is found, however it is written", &[], planted),
    ]
}

fn source(_: &Lab) -> Outcome {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&top, &mut files).map_err(|error| error.to_string())?;
    assert!(files.iter().any(|file| file.ends_with("sys/clone.rs")), "the source was not found: {files:?}");
    let mut found = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
        found.extend(faults(file.strip_prefix(&top).map_err(|error| error.to_string())?, &text));
    }
    if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// What is wrong in a file of src/, a line each.
fn faults(file: &Path, text: &str) -> Vec<String> {
    let code = without_comments_and_texts(text);
    let mut faults = Vec::new();
    let mut fault = |what: String| faults.push(format!("src/{}: {what}", file.display()));
    let modules = modules_of(file);
    let own = modules.first().map(String::as_str);

    for word in words(&code).filter(|word| matches!(*word, "unsafe" | "unsafe_code")) {
        if own != Some("sys") {
            fault(format!("`{word}` outside of sys"));
        }
    }
    for lesson in LESSONS.iter().filter(|lesson| starts_a_word(&code, lesson)) {
        fault(format!("it names a lesson: {lesson}"));
    }
    for room in named_rooms(&code, &modules) {
        match (own, rank(&room)) {
            (_, None) => fault(format!("`{room}` is no room")),
            // The top of the crate lists its rooms, and programs start from any.
            (None | Some("bin"), _) => {}
            (Some(own), _) if own == room => {}
            (Some(own), Some(seen)) if rank(own).is_some_and(|own| own < seen) => {}
            (Some(own), _) => fault(format!("an arrow runs back: {own} -> {room}")),
        }
    }
    faults
}

fn rank(room: &str) -> Option<usize> {
    RANKS.iter().position(|rooms| rooms.contains(&room))
}

/// `sys/path/make.rs` is the module sys::path::make, `sys/path/mod.rs` would be sys::path, lib.rs is the top.
fn modules_of(file: &Path) -> Vec<String> {
    let mut modules: Vec<_> =
        file.with_extension("").iter().map(|name| name.to_string_lossy().into_owned()).collect();
    if modules.last().is_some_and(|last| matches!(last.as_str(), "lib" | "mod")) {
        modules.pop();
    }
    modules
}

/// The rooms that the paths in a file lead to.
fn named_rooms(code: &str, modules: &[String]) -> Vec<String> {
    let words: Vec<_> = tokens(code);
    let mut rooms = Vec::new();
    for at in 0..words.len() {
        let rest = &words[at + 1..];
        match words[at] {
            // `pub(crate)` and `pub(super)` are no paths.
            "crate" | "docker_dive" if rest.first() == Some(&"::") => rooms.extend(first_names(&rest[1..])),
            // Modules inside of a file may go up once more than its path says, so the chain is counted from the
            // file itself: one `super` too many is told, one too few is not possible.
            "super" if at == 0 || words[at - 1] != "::" => {
                let ups = 1 + rest.chunks(2).take_while(|pair| *pair == ["::", "super"]).count();
                if ups >= modules.len().max(1) && !modules.is_empty() && rest.first() == Some(&"::") {
                    rooms.extend(
                        first_names(&rest[2 * ups - 1..]).into_iter().filter(|name| rank(name).is_some()),
                    );
                }
            }
            _ => {}
        }
    }
    rooms
}

/// The first name of a path, or those of the group that it begins with: `{error::Error, sys::{clone, path}}`.
fn first_names(words: &[&str]) -> Vec<String> {
    let name = |word: &str| word.chars().all(|c| c.is_alphanumeric() || c == '_');
    match words.first() {
        Some(&"{") => {
            let (mut depth, mut names, mut expected) = (0, Vec::new(), true);
            for word in words {
                match *word {
                    "{" => depth += 1,
                    "}" => depth -= 1,
                    "," if depth == 1 => expected = true,
                    word if depth == 1 && expected => {
                        names.push(word.to_owned());
                        expected = false;
                    }
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
            names
        }
        Some(word) if name(word) || *word == "*" => vec![(*word).to_owned()],
        _ => Vec::new(),
    }
}

fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = match first {
            _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            _ if rest.starts_with("::") => 2,
            _ => first.len_utf8(),
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
}

fn starts_a_word(code: &str, what: &str) -> bool {
    code.match_indices(what).any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// The code alone: comments, texts and characters become a blank. Comments nest, raw texts end at their own mark.
fn without_comments_and_texts(text: &str) -> String {
    let mut code = String::new();
    let mut rest: VecDeque<char> = text.chars().collect();
    let starts =
        |rest: &VecDeque<char>, mark: &str| mark.chars().enumerate().all(|(at, c)| rest.get(at) == Some(&c));
    while let Some(first) = rest.front().copied() {
        let after_word = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let hashes = rest.iter().skip(1).take_while(|c| **c == '#').count();
        let length = if starts(&rest, "//") {
            rest.iter().position(|c| *c == '\n').unwrap_or(rest.len())
        } else if starts(&rest, "/*") {
            end_of_comment(&rest)
        } else if first == 'r' && !after_word && rest.get(1 + hashes) == Some(&'"') {
            let mark: String = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
            let begin = 2 + hashes;
            let ended = (begin..rest.len())
                .find(|at| mark.chars().enumerate().all(|(offset, c)| rest.get(at + offset) == Some(&c)));
            ended.map_or(rest.len(), |at| at + mark.len())
        } else if first == '"' {
            end_of_quoted(&rest, '"')
        } else if first == '\'' && (rest.get(1) == Some(&'\\') || rest.get(2) == Some(&'\'')) {
            // Otherwise it is a lifetime.
            end_of_quoted(&rest, '\'')
        } else {
            code.push(first);
            rest.pop_front();
            continue;
        };
        rest.drain(..length.min(rest.len()));
        code.push(' ');
    }
    code
}

fn end_of_comment(rest: &VecDeque<char>) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match (rest[at], rest.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn end_of_quoted(rest: &VecDeque<char>, quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn planted(_: &Lab) -> Outcome {
    let wrong = [
        ("sys/path.rs", "use crate::runtime::Bundle;"),
        ("error.rs", "fn f() { crate::sys::clone::end(0) }"),
        ("sys.rs", "use crate::oci::Spec;"),
        ("image/store.rs", "use crate::{error::Error, network::{self, Bridge}};"),
        ("storage.rs", "use crate::\n    // a comment\n    engine;"),
        ("oci.rs", "mod tests { use crate :: cli; }"),
        ("sys/clone.rs", "use super::super::engine::Engine;"),
        ("error.rs", "use super::sys;"),
        ("engine.rs", "use crate::kitchen::Sink;"),
        ("engine.rs", "use crate::*;"),
        ("engine/api.rs", "fn f() { unsafe { g() } }"),
        ("lib.rs", "#![allow(unsafe_code)]"),
        ("runtime/init.rs", "use step_04::pivot_into;"),
        ("cli/run.rs", "use kit::term;"),
        ("bin/docker-dive.rs", "fn f() { let c = '\"'; unsafe {} } // \""),
    ];
    for (file, text) in wrong {
        assert_eq!(
            faults(Path::new(file), text).len(),
            1,
            "{file}: {text}: {:?}",
            faults(Path::new(file), text)
        );
    }
    let right = [
        ("cli/run.rs", "use crate::{engine::{self, Engine}, error::Result};"),
        (
            "runtime/init.rs",
            "use crate::sys::path::Root; use super::Bundle; pub(crate) fn f<'a>(_: &'a str) {}",
        ),
        ("sys/path/make.rs", "use super::super::inode; use crate::sys::task; pub(super) unsafe fn f() {}"),
        ("lib.rs", "pub mod sys; pub use crate::error::Error;"),
        ("bin/dive-runtime.rs", "fn main() { docker_dive::runtime::main() }"),
        (
            "oci.rs",
            "// crate::engine\n/* unsafe /* crate::cli */ unsafe */ const A: &str = \"crate::cli unsafe \\\" unsafe\";",
        ),
        ("oci.rs", "const A: &str = r#\"unsafe \" crate::cli\"#; const B: char = '\\''; fn toolkit::f() {}"),
    ];
    for (file, text) in right {
        assert_eq!(faults(Path::new(file), text), [""; 0], "{file}: {text}");
    }
    Ok(())
}
