//! The gates: what a page must have, and what it must not say.
//!
//! - [`code`]: code is included, output is a snapshot, and a console holds what the reader types
//! - [`template`]: the sections of a chapter and what is in them; [`sources`]: footnotes with an address
//! - [`manual`]: pages of the manual exist; [`named`]: so do files of the repository
//! - [`messages`]: what the programs advise is explained
//! - [`links`]: links, fragments and assets of the built pages; [`weight`]: how much a page loads
//!
//! The first six read the sources, the others what was built. Each has a test that plants the fault.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use mdbook_preprocessor::book::Book;

use crate::directive::directives;
use crate::expand::exercise;
use crate::page::Page;
use crate::{Finding, Tree, build, files, preprocess, read};

pub mod code;
pub mod html;
pub mod links;
pub mod manual;
pub mod messages;
pub mod named;
#[cfg(test)]
pub(crate) mod planted;
pub mod sources;
pub mod template;
#[cfg(test)]
mod tests;
pub mod weight;

/// What the gates found.
#[derive(Debug, Default)]
pub struct Report {
    /// Faults, in the order of the pages.
    pub findings: Vec<Finding>,
    /// What could not be tried here, with the reason.
    pub skipped: Vec<String>,
    /// How many pages were held to the gates.
    pub pages: usize,
}

impl Report {
    /// Nothing was found; and nothing was skipped where `DIVE_NO_SKIP` forbids that, as continuous integration does.
    pub fn passed(&self) -> bool {
        let strict = std::env::var_os("DIVE_NO_SKIP").is_some();
        self.findings.is_empty() && (self.skipped.is_empty() || !strict)
    }

    /// The closing line.
    pub fn summary(&self) -> String {
        format!(
            "book: {} pages, {} faults, {} gates skipped",
            self.pages,
            self.findings.len(),
            self.skipped.len()
        )
    }
}

/// Holds the book to every gate, and builds it on the way.
pub fn check(tree: &Tree) -> Result<Report> {
    check_with(tree, Path::new("/usr/share/man"))
}

/// The same, with the manual of another place.
fn check_with(tree: &Tree, manual: &Path) -> Result<Report> {
    let mut report = Report::default();
    let mut book = build::load(tree)?.book;
    let mut pages = Vec::new();
    for chapter in book.chapters() {
        let path = chapter.path.clone().unwrap_or_default();
        // What is wrong with the front matter is found once more when the page is expanded.
        pages.push(Page::parse(&path, &chapter.content, &mut Vec::new()));
    }
    report.pages = pages.len();
    let findings = &mut report.findings;
    for page in &pages {
        code::check(page, findings);
        template::check(tree, page, findings);
        sources::check(page, findings);
        named::check(tree, page, findings);
    }
    findings.extend(unlisted(tree, &pages));
    if !exercise::any(tree) {
        report.skipped.push("exercises: no lesson of this tree has any".into());
    }
    report.skipped.extend(manual::check(tree, manual, &pages, findings)?);
    let expanded = preprocess::expand(tree, &mut book);
    unexplained(tree, &pages, &book, findings)?;
    if expanded.is_empty() {
        let built = tree.built();
        match build::build(tree, &built) {
            Ok(()) => {
                links::check(&built, findings)?;
                weight::check(&built, findings)?;
            }
            // A warning of mdBook's: a tag that is not closed, a footnote that nobody refers to.
            Err(error) => findings.push(Finding::of(Path::new("book"), error.to_string())),
        }
    } else {
        report.skipped.push("links and weight: a book that does not build has none".into());
        findings.extend(expanded);
    }
    findings.sort();
    findings.dedup();
    Ok(report)
}

/// Messages without an explanation on the page that shows advice.
fn unexplained(tree: &Tree, pages: &[Page], book: &Book, findings: &mut Vec<Finding>) -> Result<()> {
    let shows =
        |page: &&Page| page.prose().flat_map(|line| directives(&line.text)).any(|one| one.name == "advice");
    let Some(page) = pages.iter().find(shows) else { return Ok(()) };
    let text = book.chapters().find(|chapter| chapter.path.as_ref() == Some(&page.path));
    let text = text.map(|chapter| chapter.content.as_str()).unwrap_or_default();
    for source in messages::SOURCES {
        messages::check(&page.name(), text, source, &read(&tree.root().join(source))?, findings);
    }
    Ok(())
}

/// Pages that lie in `book/src` and are in no table of contents.
fn unlisted(tree: &Tree, pages: &[Page]) -> Vec<Finding> {
    let listed: BTreeSet<PathBuf> = pages.iter().map(|page| page.path.clone()).collect();
    let found = files(&tree.pages()).into_iter().filter_map(|file| {
        let path = file.strip_prefix(tree.pages()).ok()?.to_path_buf();
        let is_page =
            path.extension().is_some_and(|extension| extension == "md") && !path.ends_with("SUMMARY.md");
        (is_page && !listed.contains(&path))
            .then(|| Finding::of(&Tree::name_of(&path), "is not listed in SUMMARY.md"))
    });
    found.collect()
}
