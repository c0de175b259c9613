//! A term: `{{#term mount namespace}}`, or `{{#term mount namespace|mount namespaces}}` where it is inflected.
//!
//! It is defined once, in `book/src/glossary.toml`, and the glossary is made of all definitions:
//!
//! ```toml
//! ["mount namespace"]
//! text = "Markdown, with {{#sys mount_namespaces(7)}} where it helps."
//! see = ["propagation"]
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;

use crate::page::Page;
use crate::{Finding, Tree, escape, read};

use super::{Uses, links};

/// All terms, by name.
#[derive(Debug, Default)]
pub struct Glossary(BTreeMap<String, Definition>);

/// What a term means.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Definition {
    text: String,
    #[serde(default)]
    see: Vec<String>,
}

impl Glossary {
    /// Reads it; a tree without one has no terms.
    pub fn load(tree: &Tree, findings: &mut Vec<Finding>) -> Self {
        let name = Path::new("book/src/glossary.toml");
        let Ok(text) = read(&tree.pages().join("glossary.toml")) else { return Self::default() };
        match toml::from_str::<BTreeMap<String, Definition>>(&text) {
            Err(error) => {
                findings.push(Finding::of(name, error.to_string()));
                Self::default()
            }
            Ok(terms) => {
                for (term, definition) in &terms {
                    for other in definition.see.iter().filter(|other| !terms.contains_key(*other)) {
                        findings
                            .push(Finding::of(name, format!("{term}: see `{other}`, which is not defined")));
                    }
                }
                Self(terms)
            }
        }
    }

    /// The link to a term's definition, and the term.
    pub fn link<'words>(
        &self,
        words: &'words str,
        way: &str,
        first: bool,
    ) -> Result<(String, &'words str), String> {
        let (term, shown) = words.split_once('|').unwrap_or((words, words));
        if !self.0.contains_key(term) {
            return Err(format!("term: `{term}` is not defined in book/src/glossary.toml"));
        }
        let id = if first { format!(" id=\"use-{}\"", slug(term)) } else { String::new() };
        let html = format!("<a class=\"term\"{id} href=\"{way}#term-{}\">{}</a>", slug(term), escape(shown));
        Ok((html, term))
    }

    /// The generated page.
    pub fn page(&self, page: &Page, uses: &BTreeMap<String, Uses>) -> String {
        let mut text = String::from("<dl class=\"glossary\">\n");
        for (term, definition) in &self.0 {
            let _ = write!(text, "<dt id=\"term-{}\">{}</dt>\n<dd>\n\n", slug(term), escape(term));
            text += definition.text.trim();
            if !definition.see.is_empty() {
                let see = definition.see.iter().map(|other| format!("[{other}](#term-{})", slug(other)));
                let _ = write!(text, " See {}.", see.collect::<Vec<_>>().join(", "));
            }
            if let Some(uses) = uses.get(term) {
                let _ = write!(text, " In: {}.", links(uses, page, &format!("use-{}", slug(term))));
            }
            text += "\n\n</dd>\n";
        }
        text + "</dl>\n"
    }
}

fn slug(term: &str) -> String {
    let letter = |letter: char| if letter.is_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    term.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::planted::Planted;

    #[test]
    fn a_term_is_defined_once_and_linked() {
        let planted = Planted::new();
        planted
            .file("book/src/glossary.toml", "[\"mount namespace\"]\ntext = \"A list.\"\nsee = [\"gone\"]\n");
        let mut findings = Vec::new();
        let glossary = Glossary::load(&planted.tree, &mut findings);
        assert!(findings[0].what.contains("`gone`"), "{findings:?}");
        let (html, term) = glossary.link("mount namespace|mount namespaces", "../g.html", true).unwrap();
        assert_eq!(term, "mount namespace");
        assert!(html.contains("href=\"../g.html#term-mount-namespace\">mount namespaces</a>"), "{html}");
        assert!(glossary.link("unknown", "g.html", true).unwrap_err().contains("not defined"));
        planted.file("book/src/glossary.toml", "[x]\ntext = 3\n");
        Glossary::load(&planted.tree, &mut findings);
        assert_eq!(findings.len(), 2);
    }
}
