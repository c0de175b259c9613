//! A page of the manual that the book refers to exists.
//!
//! It is looked for in the manual that is installed, so that no network is needed. What Debian's packages are too old
//! for stands in `book/manual.toml`, each with a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};

use crate::directive::directives;
use crate::expand::manual::{Reference, called};
use crate::page::Page;
use crate::{Finding, Tree, entries, read};

/// Fewer pages than that in section 2, and the manual is not installed.
const INSTALLED: usize = 100;

/// Holds all pages to it; says why where it cannot.
pub fn check(
    tree: &Tree,
    manual: &Path,
    pages: &[Page],
    findings: &mut Vec<Finding>,
) -> Result<Option<String>> {
    let list = tree.book().join("manual.toml");
    let allowed: BTreeMap<String, String> = if list.is_file() {
        toml::from_str(&read(&list)?).with_context(|| format!("read {}", list.display()))?
    } else {
        BTreeMap::new()
    };
    let there: Vec<_> = (1..=8).map(|section| names(manual, section)).collect();
    let installed = there[1].len() >= INSTALLED;
    let exists = |reference: &Reference| {
        let section = &there[usize::from(reference.section) - 1];
        section.contains(&reference.name)
    };
    let mut spoken_of = BTreeSet::new();
    let mut demand = |page: &Path, line: usize, reference: Reference, findings: &mut Vec<Finding>| {
        let text = reference.to_string();
        if installed && !exists(&reference) && !allowed.contains_key(&text) {
            let what = format!(
                "there is no page {text} in the manual; if it is too new, book/manual.toml has a place"
            );
            findings.push(Finding::at(page, line, what));
        }
        spoken_of.insert(text);
    };
    for page in pages {
        for line in page.prose() {
            for one in directives(&line.text).iter().filter(|one| one.name == "sys") {
                if let Ok(reference) = Reference::parse(one.words) {
                    demand(&page.name(), line.number, reference, findings);
                }
            }
        }
    }
    let glossary = read(&tree.pages().join("glossary.toml")).unwrap_or_default();
    for (number, line) in glossary.lines().enumerate() {
        for one in directives(line).iter().filter(|one| one.name == "sys") {
            if let Ok(reference) = Reference::parse(one.words) {
                demand(Path::new("book/src/glossary.toml"), number + 1, reference, findings);
            }
        }
    }
    for (reference, lessons) in called(tree) {
        demand(&Path::new("steps").join(lessons.join(", ")), 0, reference, findings);
    }
    for (page, reason) in &allowed {
        let file = Path::new("book/manual.toml");
        if reason.split_whitespace().count() < 4 {
            findings.push(Finding::of(file, format!("{page} has no reason")));
        }
        if !spoken_of.contains(page) {
            findings.push(Finding::of(file, format!("nothing speaks of {page} any longer")));
        }
    }
    let reason = "pages of the manual: manpages and manpages-dev are not installed here";
    Ok((!installed).then(|| reason.to_owned()))
}

/// The names of a section: `mount` of `man2/mount.2.gz`.
fn names(manual: &Path, section: usize) -> BTreeSet<String> {
    let dir = manual.join(format!("man{section}"));
    let name = |path: std::path::PathBuf| {
        let file = path.file_name()?.to_string_lossy().into_owned();
        let end = file.rfind(&format!(".{section}"))?;
        Some(file[..end].to_owned())
    };
    entries(&dir).into_iter().filter_map(name).collect()
}
