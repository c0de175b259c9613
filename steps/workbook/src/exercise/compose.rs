//! A lesson's program with modules in the place of functions: the files of a container.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kit::{Doing, Result};

use super::course::Course;
use super::format::Exercise;
use super::uses::{From, swap};

/// File names to texts.
pub(crate) type Files = BTreeMap<String, String>;

/// A lesson's program: main.rs and the files that it declares with `mod`.
pub(crate) fn program(course: &Course, lesson: u8) -> Result<Files> {
    let src = course.lesson(lesson)?.join("src");
    let mut files = Files::new();
    let mut wanted = vec!["main.rs".to_owned()];
    while let Some(name) = wanted.pop() {
        let text = read(&src.join(&name))?;
        for module in declared(&text) {
            let beside = format!("{module}.rs");
            if src.join(&beside).is_file() && !files.contains_key(&beside) {
                wanted.push(beside);
            }
        }
        files.insert(name, text);
    }
    Ok(files)
}

/// Puts the exercise's module in the place of what it replaces. Whether anything used that.
pub(crate) fn place(files: &mut Files, exercise: &Exercise) -> bool {
    let mut placed = false;
    for replaced in &exercise.about.replaces {
        for (name, text) in files.iter_mut() {
            let from = if name == "main.rs" { From::Root } else { From::Sibling };
            if let Some(swapped) = swap(text, replaced, &exercise.about.module, from) {
                *text = swapped;
                placed = true;
            }
        }
    }
    if placed {
        declare(files, &exercise.about.module, None);
    }
    placed
}

/// Declares a module in main.rs, or says where the one that is declared lies.
pub(crate) fn declare(files: &mut Files, module: &str, path: Option<&Path>) {
    let Some(main) = files.get_mut("main.rs") else { return };
    let line = format!("mod {module};");
    let with_path = path
        .map_or_else(|| line.clone(), |path| format!("#[path = {:?}]\n{line}", path.display().to_string()));
    if main.lines().any(|written| written == line) {
        *main = main.replacen(&line, &with_path, 1);
    } else {
        *main = format!("{main}\n{with_path}\n");
    }
}

/// Whether main.rs declares the module.
pub(crate) fn declares(files: &Files, module: &str) -> bool {
    files.get("main.rs").is_some_and(|main| declared(main).any(|name| name == module))
}

/// facts.rs, with the module at a path.
pub(crate) fn facts(main: &Path, exercise: &Exercise, module: &Path) -> Result<String> {
    let mut files = Files::from([("main.rs".to_owned(), read(main)?)]);
    declare(&mut files, &exercise.about.module, Some(module));
    Ok(files.remove("main.rs").unwrap_or_default())
}

/// Writes the files into a directory; one that is as it shall be is left alone, and with it what was built of it.
pub(crate) fn write(files: &Files, dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).doing("mkdir(2)", dir)?;
    files.iter().try_for_each(|(name, text)| {
        let path = dir.join(name);
        if let Some(parent) = path.parent().filter(|_| name.contains('/')) {
            fs::create_dir_all(parent).doing("mkdir(2)", parent)?;
        }
        write_if_new(&path, text)
    })
}

/// A crate's files as the compiler finds them: the root, the modules that it declares, and theirs.
pub(crate) fn reached(dir: &Path, root: &str) -> Result<Files> {
    let mut files = Files::new();
    // A file, and where its modules lie.
    let mut wanted = vec![(root.to_owned(), String::new())];
    while let Some((name, below)) = wanted.pop() {
        let text = read(&dir.join(&name))?;
        for module in declared(&text) {
            let (file, nested) = (format!("{below}{module}.rs"), format!("{below}{module}/mod.rs"));
            let found = if dir.join(&file).is_file() { file } else { nested };
            wanted.push((found, format!("{below}{module}/")));
        }
        files.insert(name, text);
    }
    Ok(files)
}

/// Writes a file unless it says that already.
pub(crate) fn write_if_new(path: &PathBuf, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    fs::write(path, text).doing("write", path)
}

pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).doing("read", path)
}

fn declared(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let line = line.strip_prefix("pub(crate) ").or_else(|| line.strip_prefix("pub ")).unwrap_or(line);
        line.strip_prefix("mod ")?.strip_suffix(';')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_read_as_the_compiler_finds_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let texts = [
            ("lib.rs", "pub mod a;\nmod b;\n"),
            ("a.rs", "pub(crate) mod c;\n"),
            ("a/c.rs", ""),
            ("b/mod.rs", "mod d;\n"),
            ("b/d.rs", ""),
            ("main.rs", "not of this crate"),
        ];
        let files: Files =
            texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        write(&files, dir.path()).expect("written");
        let reached = reached(dir.path(), "lib.rs").expect("read");
        assert_eq!(reached.keys().collect::<Vec<_>>(), ["a.rs", "a/c.rs", "b/d.rs", "b/mod.rs", "lib.rs"]);
        fs::remove_file(dir.path().join("b/d.rs")).expect("removed");
        assert!(
            super::reached(dir.path(), "lib.rs")
                .expect_err("a file is missing")
                .to_string()
                .contains("b/d/mod.rs")
        );
    }

    #[test]
    fn a_module_is_declared_once_and_with_its_path() {
        let mut files = Files::from([("main.rs".to_owned(), "mod cpu;\nfn main() {}\n".to_owned())]);
        declare(&mut files, "cpu", Some(Path::new("/a b/cpu.rs")));
        assert_eq!(files["main.rs"], "#[path = \"/a b/cpu.rs\"]\nmod cpu;\nfn main() {}\n");
        declare(&mut files, "cpu", None);
        assert_eq!(files["main.rs"].matches("mod cpu;").count(), 1);
        declare(&mut files, "other", None);
        assert!(files["main.rs"].ends_with("\nmod other;\n"));
    }
}
