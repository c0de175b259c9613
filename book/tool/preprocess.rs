//! The whole book through the directives: what mdBook calls a preprocessor.
//!
//! Two passes, since the glossary and the index of system calls are made of what the other pages say. mdBook's own
//! preprocessors are off (book.toml), so that no directive is ever silently left or emptied.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use mdbook_preprocessor::book::Book;
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};

use crate::directive::{Directive, directives};
use crate::expand::glossary::Glossary;
use crate::expand::manual::Reference;
use crate::expand::minutes::Time;
use crate::expand::{Uses, advice, attacks, exercise, fig, include, lesson, manual, minutes, snap};
use crate::page::{Kind, Line, Page, Template};
use crate::{Finding, Tree};

/// Its name in book.toml.
pub const NAME: &str = "dive";

/// The preprocessor, for the driver that is built in.
pub struct Dive(pub Tree);

impl Preprocessor for Dive {
    fn name(&self) -> &str {
        NAME
    }

    fn run(&self, _: &PreprocessorContext, mut book: Book) -> Result<Book> {
        let findings = expand(&self.0, &mut book);
        if findings.is_empty() {
            return Ok(book);
        }
        bail!("{}", findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }
}

/// The preprocessor for an mdBook that runs it as a program: a book on standard input, a book on standard output.
pub fn speak(input: impl Read, mut output: impl Write) -> Result<()> {
    let (context, book) = mdbook_preprocessor::parse_input(input)?;
    let root = context.root.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let book = Dive(Tree::at(root)).run(&context, book)?;
    serde_json::to_writer(&mut output, &book)?;
    Ok(())
}

/// Expands every page in place. What is wrong with them comes back, in their order.
pub fn expand(tree: &Tree, book: &mut Book) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut pages = Vec::new();
    book.for_each_chapter_mut(|chapter| {
        let path = chapter.path.clone().unwrap_or_default();
        pages.push((Page::parse(&path, &chapter.content, &mut findings), chapter.name.clone()));
    });
    let holder = |name: &str| {
        let holds =
            |page: &Page| page.prose().flat_map(|line| directives(&line.text)).any(|one| one.name == name);
        pages.iter().map(|(page, _)| page).find(|page| holds(page)).map(|page| page.path.clone())
    };
    let glossary = Glossary::load(tree, &mut findings);
    let mut shelf = Shelf {
        tree,
        glossary,
        glossary_page: holder("glossary"),
        said: BTreeMap::new(),
        terms: BTreeMap::new(),
        times: BTreeMap::new(),
        findings,
    };
    let mut texts = BTreeMap::new();
    for (page, title) in &pages {
        texts.insert(page.path.clone(), shelf.page(page, title));
    }
    shelf.generate(&pages, &mut texts);
    book.for_each_chapter_mut(|chapter| {
        if let Some(text) = chapter.path.as_ref().and_then(|path| texts.remove(path)) {
            chapter.content = text;
        }
    });
    let mut findings = shelf.findings;
    findings.sort();
    findings.dedup();
    findings
}

/// What stands for the generated parts until the second pass.
const GLOSSARY: &str = "<!-- the glossary -->";
const INDEX: &str = "<!-- the index of system calls -->";
const SCHEDULE: &str = "<!-- the schedule of ";
const LESSON: &str = "<!-- the lesson ";

/// What the pages share while they are expanded.
struct Shelf<'tree> {
    tree: &'tree Tree,
    glossary: Glossary,
    glossary_page: Option<PathBuf>,
    said: BTreeMap<Reference, Uses>,
    terms: BTreeMap<String, Uses>,
    times: BTreeMap<String, Time>,
    findings: Vec<Finding>,
}

/// What a page gathers while it is expanded.
struct Sheet<'page> {
    page: &'page Page,
    title: &'page str,
    text: String,
    exercises: usize,
    predict: Option<Predict>,
}

/// How far a `{{#predict}}` has come.
#[derive(PartialEq, Eq)]
enum Predict {
    Asked(usize),
    Answered(usize),
}

impl Shelf<'_> {
    fn page(&mut self, page: &Page, title: &str) -> String {
        let mut sheet = Sheet { page, title, text: String::new(), exercises: 0, predict: None };
        let mut glance = None;
        let mut lines = page.lines.iter();
        while let Some(line) = lines.next() {
            match line.kind {
                Kind::Open => {
                    let inside: Vec<_> = lines.by_ref().take_while(|line| line.kind == Kind::Code).collect();
                    let code = self.fence(page, line, &inside);
                    sheet.text += &code;
                }
                _ => self.prose(&mut sheet, line),
            }
            sheet.text.push('\n');
            if glance.is_none() && line.text.starts_with("# ") {
                glance = Some(sheet.text.len());
            }
        }
        if let Some(Predict::Asked(line) | Predict::Answered(line)) = sheet.predict {
            self.fault(page, line, "predict has no {{/predict}}");
        }
        if let Some(lesson) = &page.front.lesson {
            let (path, title, exercises) = (page.path.clone(), title.to_owned(), sheet.exercises);
            let read = minutes::to_read(minutes::words(page));
            self.times.insert(lesson.clone(), Time { page: path, title, read, exercises });
        }
        match glance {
            Some(at) => sheet.text.insert_str(at, &at_a_glance(page, sheet.exercises)),
            None => self.fault(page, 0, "the page has no `# Title`"),
        }
        sheet.text
    }

    fn fault(&mut self, page: &Page, line: usize, what: impl Into<String>) {
        self.findings.push(Finding::at(&page.name(), line, what));
    }

    /// A block of code: its includes, below the name of the file that they are from.
    fn fence(&mut self, page: &Page, open: &Line, inside: &[&Line]) -> String {
        let dir = page.path.parent().unwrap_or(Path::new(""));
        let mut text = String::new();
        let mut file = None;
        for line in inside {
            let found = directives(&line.text);
            let [one] = &found[..] else {
                text += &line.text;
                text.push('\n');
                continue;
            };
            match include::include(self.tree, dir, one.words) {
                _ if one.name != "include" => {
                    self.fault(page, line.number, "in a block of code only include is known");
                }
                Err(what) => self.fault(page, line.number, what),
                Ok(included) => {
                    text += &included.text;
                    text.push('\n');
                    file = Some(included.file);
                }
            }
        }
        let marks: String = open.text.trim().chars().take_while(|mark| matches!(mark, '`' | '~')).collect();
        let code = format!("{}\n{text}{marks}", open.text);
        match file {
            None => code,
            Some(file) => {
                format!("<figure class=\"code\"><figcaption>{file}</figcaption>\n\n{code}\n\n</figure>\n")
            }
        }
    }

    fn prose(&mut self, sheet: &mut Sheet<'_>, line: &Line) {
        let found = directives(&line.text);
        let block = found.first().filter(|one| found.len() == 1 && one.fills(&line.text));
        let outcome = block.and_then(|one| self.block(sheet, line.number, one));
        match outcome {
            Some(Ok(html)) => sheet.text += &html,
            Some(Err(what)) => self.fault(sheet.page, line.number, what),
            None => {
                let text = self.inline(sheet.page, sheet.title, line.number, &line.text);
                sheet.text += &text;
            }
        }
    }

    /// A directive that has its line for itself; none if it is of the kind that stands within a line.
    fn block(
        &mut self,
        sheet: &mut Sheet<'_>,
        line: usize,
        one: &Directive<'_>,
    ) -> Option<Result<String, String>> {
        Some(match one.name {
            "snap" => snap::figure(self.tree, one.words),
            "advice" => advice::figure(one.words),
            "fig" => fig::figure(self.tree, one.words),
            "attacks" => attacks::figure(self.tree, one.words),
            "exercise" | "exercises" => {
                let cards = if one.name == "exercise" { exercise::card } else { exercise::cards };
                cards(self.tree, one.words).map(|(html, minutes)| {
                    sheet.exercises += minutes;
                    html
                })
            }
            "predict" | "answer" | "/predict" => sheet.predict(one.name, line),
            "glossary" => Ok(GLOSSARY.into()),
            "syscalls" => Ok(INDEX.into()),
            "schedule" => Ok(format!("{SCHEDULE}{} -->", one.words)),
            "lesson" => Ok(format!("{LESSON}{} -->", one.words)),
            "include" => Err("include belongs into a block of code".into()),
            _ => return None,
        })
    }

    fn inline(&mut self, page: &Page, title: &str, number: usize, line: &str) -> String {
        let mut text = String::new();
        let mut from = 0;
        for one in directives(line) {
            text += &line[from..one.range.0];
            from = one.range.1;
            let outcome = match one.name {
                "sys" => Reference::parse(one.words)
                    .map(|reference| reference.link(note(&mut self.said, reference.clone(), page, title))),
                "term" => self.term(page, title, one.words),
                "wrong" => exercise::wrong(self.tree, one.words),
                name => Err(format!("`{name}` is no directive, or has a line for itself")),
            };
            match outcome {
                Ok(html) => text += &html,
                Err(what) => self.fault(page, number, what),
            }
        }
        text + &line[from..]
    }

    fn term(&mut self, page: &Page, title: &str, words: &str) -> Result<String, String> {
        let target = self.glossary_page.as_ref().ok_or("term: no page has the glossary")?;
        let name = words.split('|').next().unwrap_or(words);
        let way = page.way_to(target);
        self.glossary.link(words, &way, false)?;
        let first = note(&mut self.terms, name.to_owned(), page, title);
        self.glossary.link(words, &way, first).map(|(html, _)| html)
    }

    /// The second pass. The glossary comes first, for its definitions name pages of the manual.
    fn generate(&mut self, pages: &[(Page, String)], texts: &mut BTreeMap<PathBuf, String>) {
        let called = manual::called(self.tree);
        for (page, _) in pages {
            let Some(text) = texts.get_mut(&page.path) else { continue };
            if text.contains(GLOSSARY) {
                let glossary = self.glossary.page(page, &self.terms);
                *text = text.replace(GLOSSARY, &self.inline_all(page, &glossary));
            }
            let schedule = |words: &str| minutes::schedule(self.tree, page, words, &self.times);
            self.findings.extend(filled(page, text, SCHEDULE, schedule));
            let lesson = |words: &str| lesson::told(self.tree, page, words, &self.times, &called);
            self.findings.extend(filled(page, text, LESSON, lesson));
        }
        let chapters = self.times.iter().map(|(lesson, time)| (lesson.clone(), time.page.clone())).collect();
        for (page, _) in pages {
            if let Some(text) = texts.get_mut(&page.path).filter(|text| text.contains(INDEX)) {
                *text = text.replace(INDEX, &manual::index(page, &self.said, &called, &chapters));
            }
        }
    }

    /// The definitions of the glossary may name pages of the manual.
    fn inline_all(&mut self, page: &Page, text: &str) -> String {
        let title = "Glossary";
        text.lines().map(|line| self.inline(page, title, 0, line) + "\n").collect()
    }
}

/// Puts what is made of the words behind each mark in its place; what could not be made comes back.
fn filled(
    page: &Page,
    text: &mut String,
    mark: &str,
    make: impl Fn(&str) -> Result<String, String>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    while let Some((before, after)) = text.split_once(mark) {
        let (words, after) = after.split_once(" -->").unwrap_or((after, ""));
        let outcome = make(words);
        let replaced = format!("{before}{}{after}", outcome.as_deref().unwrap_or(""));
        findings.extend(outcome.err().map(|what| Finding::of(&page.name(), what)));
        *text = replaced;
    }
    findings
}

/// Notes a use; true for the first one of the page.
fn note<K: Ord>(uses: &mut BTreeMap<K, Uses>, key: K, page: &Page, title: &str) -> bool {
    let uses = uses.entry(key).or_default();
    let first = uses.last().is_none_or(|(last, _)| *last != page.path);
    if first {
        uses.push((page.path.clone(), title.to_owned()));
    }
    first
}

impl Sheet<'_> {
    fn predict(&mut self, name: &str, line: usize) -> Result<String, String> {
        let (next, html) = match (name, self.predict.take()) {
            ("predict", None) => (
                Some(Predict::Asked(line)),
                "<div class=\"predict\" role=\"group\" aria-label=\"Predict\"><p class=\"label\">Predict</p>\n",
            ),
            ("answer", Some(Predict::Asked(line))) => {
                (Some(Predict::Answered(line)), "\n<details><summary>The answer, and why</summary>\n")
            }
            ("/predict", Some(Predict::Answered(_))) => (None, "\n</details></div>\n"),
            (_, Some(Predict::Asked(line) | Predict::Answered(line))) => {
                return Err(format!(
                    "`{name}` does not belong here: predict of line {line} goes predict, answer, /predict"
                ));
            }
            (_, None) => return Err(format!("`{name}` without predict")),
        };
        self.predict = next;
        Ok(html.into())
    }
}

/// The line below the title.
fn at_a_glance(page: &Page, exercises: usize) -> String {
    let mut parts = Vec::new();
    if let Some(lesson) = &page.front.lesson {
        parts.push(format!("<b>Lesson {lesson}</b>"));
    }
    let read = minutes::to_read(minutes::words(page));
    if page.front.template != Template::Plain {
        parts.push(format!("{read} minutes to read"));
    }
    if exercises > 0 {
        parts.push(format!("{exercises} minutes of exercises"));
    }
    let mut text = String::new();
    if !parts.is_empty() {
        let _ = write!(text, "\n<p class=\"glance\">{}</p>\n", parts.join(" · "));
    }
    text
}
