//! The tool of the book: what turns `book/src` into pages, and what refuses to.
//!
//! - [`page`]: a source page, its front matter, its lines and which of them are code
//! - [`directive`]: the words in double braces; [`expand`]: what each becomes
//! - [`preprocess`]: the whole book through them, as mdBook's preprocessor
//! - [`build`]: mdBook's driver around it, and its warnings made errors; [`serve`]: the same, again and again
//! - [`check`]: the gates
//!
//! A fault is a [`Finding`]: it names the page and the line, and all of them are told at once.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub mod build;
pub mod check;
pub mod directive;
pub mod expand;
pub mod page;
pub mod preprocess;
pub mod serve;

/// A fault of a page, for its writer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The page, as from the top of the repository.
    pub page: PathBuf,
    /// Its line; 0 when the fault is the whole page's.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl Finding {
    /// A fault at a line.
    pub fn at(page: &Path, line: usize, what: impl Into<String>) -> Self {
        Self { page: page.into(), line, what: what.into() }
    }

    /// A fault of the whole page.
    pub fn of(page: &Path, what: impl Into<String>) -> Self {
        Self::at(page, 0, what)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:", self.page.display())?;
        if self.line > 0 {
            write!(out, "{}:", self.line)?;
        }
        write!(out, " {}", self.what)
    }
}

/// Where things lie in the repository. Tests make one of their own, with a fault planted in it.
#[derive(Clone, Debug)]
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// The repository that holds this directory.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The repository that this tool was built from.
    pub fn own() -> Self {
        let book = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self::at(book.parent().unwrap_or(book))
    }

    /// The top of the repository.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `book`: book.toml and what belongs to the look.
    pub fn book(&self) -> PathBuf {
        self.root.join("book")
    }

    /// `book/src`: the pages.
    pub fn pages(&self) -> PathBuf {
        self.root.join("book/src")
    }

    /// Where `build` puts the book.
    pub fn built(&self) -> PathBuf {
        self.root.join("target/book")
    }

    /// The name of a page in a finding.
    pub fn name_of(page: &Path) -> PathBuf {
        Path::new("book/src").join(page)
    }

    /// Directories `steps/NN-name`, in the order of the lessons.
    pub fn lessons(&self) -> Vec<PathBuf> {
        let number = |path: &PathBuf| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            name.is_some_and(|name| name.len() > 3 && name[..2].bytes().all(|byte| byte.is_ascii_digit()))
        };
        let mut lessons: Vec<_> = entries(&self.root.join("steps")).into_iter().filter(number).collect();
        lessons.sort();
        lessons
    }
}

/// The text of a file, or an error that names it.
pub fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

/// What lies in a directory, sorted; nothing where there is none.
pub fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Every file below a directory, sorted.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in entries(dir) {
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Text made safe to stand in HTML and in a quoted attribute.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
