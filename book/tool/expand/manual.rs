//! A page of the manual: `{{#sys unshare(2)}}`; and the index of system calls, which is made of all of them.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::page::Page;
use crate::{Tree, files, read};

use super::{Uses, links};

/// `unshare(2)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// `2`
    pub section: u8,
    /// `unshare`
    pub name: String,
}

impl Reference {
    /// Reads `unshare(2)`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("sys: `{text}` is not a page of the manual, like unshare(2)");
        let (name, section) = text.strip_suffix(')').and_then(|text| text.split_once('(')).ok_or_else(bad)?;
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        let section = section.parse().ok().filter(|section| (1..=8).contains(section)).ok_or_else(bad)?;
        if name.is_empty() || !name.bytes().all(good) {
            return Err(bad());
        }
        Ok(Self { section, name: name.into() })
    }

    /// Where it can be read.
    pub fn url(&self) -> String {
        format!("https://man7.org/linux/man-pages/man{0}/{1}.{0}.html", self.section, self.name)
    }

    /// The mark of its first use on a page.
    pub fn id(&self) -> String {
        format!("sys-{}-{}", self.name, self.section)
    }

    /// The link; the first one of a page is what the index leads to.
    pub fn link(&self, first: bool) -> String {
        let id = if first { format!(" id=\"{}\"", self.id()) } else { String::new() };
        format!("<a class=\"man\"{id} href=\"{}\">{self}</a>", self.url())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}({})", self.name, self.section)
    }
}

/// The lessons whose code names a call: an error says its operation, `"mount(2) proc on"`, and so the sources say
/// themselves what they call.
pub fn called(tree: &Tree) -> BTreeMap<Reference, Vec<String>> {
    let mut calls: BTreeMap<Reference, Vec<String>> = BTreeMap::new();
    for lesson in tree.lessons() {
        let name = lesson.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let sources = files(&lesson.join("src"));
        for text in sources.iter().filter_map(|path| read(path).ok()) {
            for reference in
                text.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(in_strings)
            {
                let lessons = calls.entry(reference).or_default();
                if lessons.last() != Some(&name) {
                    lessons.push(name.clone());
                }
            }
        }
    }
    calls
}

/// The system calls that begin a string of this line of code.
fn in_strings(line: &str) -> Vec<Reference> {
    let strings = line.split('"').skip(1).step_by(2);
    let first = strings.filter_map(|text| Reference::parse(text.split_whitespace().next()?).ok());
    first.filter(|reference| reference.section == 2).collect()
}

/// The generated page: each call with the chapters and lessons that use it, then the rest of the manual. `chapters`
/// tells the page of each lesson.
pub fn index(
    page: &Page,
    said: &BTreeMap<Reference, Uses>,
    called: &BTreeMap<Reference, Vec<String>>,
    chapters: &BTreeMap<String, PathBuf>,
) -> String {
    let nothing = (Uses::new(), Vec::new());
    let mut all: BTreeMap<&Reference, (&Uses, &Vec<String>)> = BTreeMap::new();
    for (reference, uses) in said {
        all.entry(reference).or_insert((&nothing.0, &nothing.1)).0 = uses;
    }
    for (reference, lessons) in called {
        all.entry(reference).or_insert((&nothing.0, &nothing.1)).1 = lessons;
    }
    let mut text = String::from("| call | in the book | in the code |\n|---|---|---|\n");
    for (reference, (uses, lessons)) in all.iter().filter(|(reference, _)| reference.section == 2) {
        let lesson = |name: &String| match chapters.get(&name[..2]) {
            Some(path) => format!("[{name}]({})", page.way_to(path)),
            None => name.clone(),
        };
        let lessons = lessons.iter().map(lesson).collect::<Vec<_>>().join(", ");
        let uses = links(uses, page, &reference.id());
        let _ = writeln!(text, "| {} | {uses} | {lessons} |", reference.link(false));
    }
    text += "\n## The rest of the manual\n\n| page | in the book |\n|---|---|\n";
    for (reference, (uses, _)) in all.iter().filter(|(reference, _)| reference.section != 2) {
        let _ = writeln!(text, "| {} | {} |", reference.link(false), links(uses, page, &reference.id()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::planted::Planted;

    #[test]
    fn a_reference_is_a_name_and_a_section() {
        let unshare = Reference::parse("unshare(2)").unwrap();
        assert_eq!(unshare.url(), "https://man7.org/linux/man-pages/man2/unshare.2.html");
        assert_eq!(unshare.id(), "sys-unshare-2");
        for text in ["unshare", "unshare(x)", "unshare(2", "(2)", "un share(2)", "unshare(9)", "<b>(2)"] {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_code_says_itself_what_it_calls() {
        let planted = Planted::new();
        let source = "// \"fork(2)\" in a comment\nx.doing(\"mount(2) proc on\", a)?;\ny(\"as in fork(2)\", \"proc(5)\");\n";
        planted.file("steps/04-pivot-root/src/lib.rs", source);
        planted.file("steps/04-pivot-root/src/more.rs", source);
        let calls: Vec<_> = called(&planted.tree).into_iter().collect();
        assert_eq!(calls, [(Reference::parse("mount(2)").unwrap(), vec!["04-pivot-root".to_owned()])]);
    }
}
