//! A source page: front matter, then Markdown, of which some lines are code.

use std::path::{Path, PathBuf};

use crate::{Finding, Tree};

/// A page as its writer left it.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its path below `book/src`.
    pub path: PathBuf,
    /// What it says of itself.
    pub front: Front,
    /// Its lines after the front matter.
    pub lines: Vec<Line>,
}

/// A line of Markdown.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its number in the file, from 1.
    pub number: usize,
    /// Its text.
    pub text: String,
    /// What it belongs to.
    pub kind: Kind,
}

/// What a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Prose, a heading, a table, a directive.
    Prose,
    /// The line that opens a block of code and says its language.
    Open,
    /// Inside of a block of code.
    Code,
    /// The line that closes it.
    Close,
}

/// What a page says of itself, in the lines between two `---` at its top.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Front {
    /// What the page must contain.
    pub template: Template,
    /// Two digits: the lesson that the chapter teaches.
    pub lesson: Option<String>,
    /// Each claim needs a footnote, on the whole page and not only below "History and sources".
    pub sources_required: bool,
}

/// What a page must contain; `check` holds it to that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Template {
    /// A lesson's chapter: every section of the list in `check::template`.
    Lesson,
    /// A chapter that runs nothing of its own: outcomes, figure, predict, a command, recap.
    Story,
    /// Front matter and appendices.
    #[default]
    Plain,
}

impl Page {
    /// Reads a page; what its front matter says wrongly goes to the findings.
    pub fn parse(path: &Path, text: &str, findings: &mut Vec<Finding>) -> Self {
        let name = Tree::name_of(path);
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line)).peekable();
        let mut front = Front::default();
        if lines.next_if(|(_, line)| *line == "---").is_some() {
            let mut closed = false;
            for (number, line) in lines.by_ref() {
                if line == "---" {
                    closed = true;
                    break;
                }
                if let Err(what) = front.take(line) {
                    findings.push(Finding::at(&name, number, what));
                }
            }
            if !closed {
                findings.push(Finding::at(&name, 1, "the front matter has no closing `---`"));
            }
        }
        Self { path: path.into(), front, lines: classify(lines) }
    }

    /// The name of the page in a finding.
    pub fn name(&self) -> PathBuf {
        Tree::name_of(&self.path)
    }

    /// The lines that are not code.
    pub fn prose(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.kind == Kind::Prose)
    }

    /// The blocks of code: the language, and the lines inside with the opening one before them.
    pub fn fences(&self) -> Vec<(&str, &[Line])> {
        let mut fences = Vec::new();
        let mut rest = &self.lines[..];
        while let Some(start) = rest.iter().position(|line| line.kind == Kind::Open) {
            let length = rest[start..].iter().position(|line| line.kind == Kind::Close);
            let end = length.map_or(rest.len(), |length| start + length);
            let language = rest[start].text.trim().trim_start_matches(['`', '~']).trim();
            fences.push((language, &rest[start..end]));
            rest = &rest[end..];
        }
        fences
    }

    /// The path from this page to another one, or to a file below `book/src`.
    pub fn way_to(&self, other: &Path) -> String {
        let up = self.path.components().count().saturating_sub(1);
        format!("{}{}", "../".repeat(up), other.display())
    }
}

impl Front {
    fn take(&mut self, line: &str) -> Result<(), String> {
        let (key, value) = line.split_once(':').ok_or_else(|| format!("`{line}` is not `key: value`"))?;
        match (key.trim(), value.trim()) {
            ("template", "lesson") => self.template = Template::Lesson,
            ("template", "story") => self.template = Template::Story,
            ("template", "plain") => self.template = Template::Plain,
            ("sources", "required") => self.sources_required = true,
            ("lesson", number) if number.len() == 2 && number.parse::<u8>().is_ok() => {
                self.lesson = Some(number.into());
            }
            (key, value) => {
                return Err(format!(
                    "`{key}: {value}` means nothing here: template is lesson, story or plain, lesson two digits, \
                     sources `required`"
                ));
            }
        }
        Ok(())
    }
}

fn classify<'text>(lines: impl Iterator<Item = (usize, &'text str)>) -> Vec<Line> {
    let mut fence: Option<String> = None;
    let classified = lines.map(|(number, text)| {
        let marks = fence_marks(text);
        let kind = match &fence {
            None if !marks.is_empty() => {
                fence = Some(marks.into());
                Kind::Open
            }
            None => Kind::Prose,
            Some(open) if marks.starts_with(open.as_str()) && text.trim() == marks => {
                fence = None;
                Kind::Close
            }
            Some(_) => Kind::Code,
        };
        Line { number, text: text.into(), kind }
    });
    classified.collect()
}

/// The backquotes or tildes that a fence begins with; empty for another line.
fn fence_marks(line: &str) -> &str {
    let line = line.trim_start();
    let Some(mark) = line.chars().next().filter(|mark| matches!(mark, '`' | '~')) else { return "" };
    let length = line.len() - line.trim_start_matches(mark).len();
    if length < 3 { "" } else { &line[..length] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn front_matter_and_fences_are_told_from_prose() {
        let text = "---\ntemplate: lesson\nlesson: 04\nsources: required\n---\n# T\n```rust\n# not a heading\n```\nend";
        let mut findings = Vec::new();
        let page = Page::parse(Path::new("a/b.md"), text, &mut findings);
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(page.front.template, Template::Lesson);
        assert_eq!(page.front.lesson.as_deref(), Some("04"));
        assert!(page.front.sources_required);
        let prose: Vec<_> = page.prose().map(|line| line.number).collect();
        assert_eq!(prose, [6, 10]);
        assert_eq!(page.fences()[0].0, "rust");
        assert_eq!(page.fences()[0].1.len(), 2);
        assert_eq!(page.way_to(Path::new("glossary.md")), "../glossary.md");
    }

    #[test]
    fn front_matter_that_means_nothing_is_refused() {
        for line in ["template: lessons", "lesson: 4", "sources: some", "colour: red", "nothing"] {
            let mut findings = Vec::new();
            Page::parse(Path::new("a.md"), &format!("---\n{line}\n---\n"), &mut findings);
            assert_eq!(findings.len(), 1, "{line}");
        }
        let mut findings = Vec::new();
        Page::parse(Path::new("a.md"), "---\ntemplate: story\n", &mut findings);
        assert_eq!(findings.len(), 1);
    }
}
