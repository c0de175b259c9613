//! A stock mdBook, which runs the preprocessor as a program, makes the same pages as the tool does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use book::{Tree, build, files};

fn pages(dir: &Path) -> BTreeMap<String, String> {
    let html =
        files(dir).into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "html"));
    let named = html.map(|file| {
        let name = file.strip_prefix(dir).unwrap_or(&file).display().to_string();
        (name, fs::read_to_string(file).unwrap_or_default())
    });
    named.collect()
}

#[test]
fn a_stock_mdbook_makes_the_same_pages() {
    let (tree, dir) = (Tree::own(), tempfile::tempdir().unwrap());
    let (ours, theirs) = (dir.path().join("ours"), dir.path().join("theirs"));
    build::build(&tree, &ours).unwrap();
    // This is what `mdbook build` does; only the command is replaced, so that no cargo runs within a test.
    let mut config = mdbook_driver::config::Config::from_disk(tree.book().join("book.toml")).unwrap();
    let command = format!("{} preprocess", env!("CARGO_BIN_EXE_book"));
    config.set("preprocessor.dive.command", command).unwrap();
    config.build.build_dir.clone_from(&theirs);
    mdbook_driver::MDBook::load_with_config(tree.book(), config).unwrap().build().unwrap();
    let (ours, theirs) = (pages(&ours), pages(&theirs));
    assert!(ours.len() > 3 && ours.values().all(|page| page.len() > 1000), "{:?}", ours.keys());
    for (name, page) in &ours {
        assert!(theirs.get(name) == Some(page), "{name} differs");
    }
}

#[test]
fn the_program_says_what_is_wrong_and_fails() {
    let book = |words: &[&str], input: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_book"));
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), input).unwrap();
        command.args(words).stdin(fs::File::open(file.path()).unwrap()).output().unwrap()
    };
    assert!(book(&["preprocess", "supports", "html"], "").status.success());
    let ran = book(&["preprocess"], "no JSON");
    assert!(!ran.status.success() && !ran.stderr.is_empty());
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("book").display().to_string();
    assert!(book(&["build", "--to", &to], "").status.success());
    assert!(dir.path().join("book/index.html").is_file());
    assert!(!book(&["bind"], "").status.success());
}
