//! A claim about history has a footnote, and a footnote has an address.
//!
//! On a page with `sources: required` that is every paragraph, list and table, but for the sections in which nothing
//! is claimed; on every other page it is the section "History and sources".

use std::collections::{BTreeMap, BTreeSet};

use crate::Finding;
use crate::page::{Kind, Line, Page};

/// Sections of a page about history that claim nothing about it.
const EXEMPT: [&str; 6] = ["Outcomes", "The picture", "Predict", "Run it", "Exercises", "Recap"];

/// Holds a page to it.
pub fn check(page: &Page, findings: &mut Vec<Finding>) {
    let name = page.name();
    let notes = definitions(page);
    for (note, (line, text)) in &notes {
        if !text.contains("<https://") && !text.contains("<http://") && !text.contains("](http") {
            findings.push(Finding::at(
                &name,
                *line,
                format!("the footnote [^{note}] has no address (`<https://…>`)"),
            ));
        }
    }
    let mut used = BTreeSet::new();
    for line in page.prose().filter(|line| definition(&line.text).is_none()) {
        for note in references(&line.text) {
            if !notes.contains_key(note) {
                findings.push(Finding::at(
                    &name,
                    line.number,
                    format!("the footnote [^{note}] is not there"),
                ));
            }
            used.insert(note.to_owned());
        }
    }
    for (note, (line, _)) in notes.iter().filter(|(note, _)| !used.contains(*note)) {
        findings.push(Finding::at(&name, *line, format!("nothing refers to the footnote [^{note}]")));
    }
    for block in claims(page) {
        if !block.iter().any(|line| references(&line.text).next().is_some()) {
            findings.push(Finding::at(
                &name,
                block[0].number,
                "a claim without a source: it needs a footnote",
            ));
        }
    }
}

/// `jail` of `[^jail]: …`
fn definition(line: &str) -> Option<&str> {
    line.strip_prefix("[^")?.split_once("]:").map(|(note, _)| note)
}

fn references(line: &str) -> impl Iterator<Item = &str> {
    line.split("[^").skip(1).filter_map(|rest| rest.split_once(']').map(|(note, _)| note))
}

/// The footnotes, each with its line and its text up to the next blank line or footnote.
fn definitions(page: &Page) -> BTreeMap<String, (usize, String)> {
    let mut notes = BTreeMap::new();
    let mut current: Option<String> = None;
    for line in page.prose() {
        if let Some(note) = definition(&line.text) {
            current = Some(note.to_owned());
            notes.insert(note.to_owned(), (line.number, line.text.clone()));
        } else if line.text.trim().is_empty() {
            current = None;
        } else if let Some((_, text)) = current.as_ref().and_then(|note| notes.get_mut(note)) {
            text.push_str(&line.text);
        }
    }
    notes
}

/// The blocks of prose that have to have a source.
fn claims(page: &Page) -> Vec<Vec<&Line>> {
    let mut blocks: Vec<Vec<&Line>> = Vec::new();
    let (mut claiming, mut going_on) = (false, false);
    for line in page.lines.iter().filter(|line| matches!(line.kind, Kind::Prose | Kind::Open)) {
        let text = line.text.trim();
        if let Some(heading) = text.strip_prefix("## ") {
            let historical = heading.starts_with("History and sources");
            let exempt = EXEMPT.iter().any(|exempt| heading.starts_with(exempt));
            claiming = historical || page.front.sources_required && !exempt;
        }
        let aside = text.is_empty()
            || text.starts_with(['#', '<'])
            || text.starts_with("{{")
            || text.starts_with("[^");
        if aside || line.kind == Kind::Open || !claiming {
            going_on = false;
        } else if going_on {
            if let Some(block) = blocks.last_mut() {
                block.push(line);
            }
        } else {
            blocks.push(vec![line]);
            going_on = true;
        }
    }
    blocks
}
