//! How long a page takes: its words at a reader's pace, and its exercises as their authors count them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::page::{Kind, Page};

/// Words a minute. Prose about system calls is read slower than a novel.
const PACE: usize = 180;

/// The words of the prose, without code, footnotes and the targets of links.
pub fn words(page: &Page) -> usize {
    let footnote = |text: &str| text.starts_with("[^");
    let prose = page.lines.iter().filter(|line| line.kind == Kind::Prose && !footnote(&line.text));
    prose.map(|line| bare(&line.text).split_whitespace().filter(|word| is_word(word)).count()).sum()
}

/// How long the chapter of a lesson takes.
#[derive(Clone, Debug)]
pub struct Time {
    /// Its page, below `book/src`.
    pub page: PathBuf,
    /// Its title.
    pub title: String,
    /// Minutes to read it.
    pub read: usize,
    /// Minutes of its exercises.
    pub exercises: usize,
}

/// `{{#schedule 00 01 04}}`: a table of these lessons' chapters and minutes, with their sum. Which lessons make half a
/// day is an instructor's to say, and what they add up to is not.
pub fn schedule(page: &Page, lessons: &str, times: &BTreeMap<String, Time>) -> Result<String, String> {
    let mut text = String::from("| chapter | to read | exercises | minutes |\n|---|---|---|---|\n");
    let mut sum = 0;
    for lesson in lessons.split_whitespace() {
        let time = times.get(lesson).ok_or_else(|| format!("schedule: lesson {lesson} has no chapter"))?;
        let (read, exercises) = (time.read, time.exercises);
        sum += read + exercises;
        let link = format!("[{}]({})", time.title, page.way_to(&time.page));
        let _ = writeln!(text, "| {link} | {read} | {exercises} | {} |", read + exercises);
    }
    let _ = writeln!(text, "| **together** | | | **{} h {:02} min** |", sum / 60, sum % 60);
    if sum == 0 { Err("schedule: it names no lesson".into()) } else { Ok(text) }
}

/// Minutes to read that many words; never none.
pub fn to_read(words: usize) -> usize {
    words.div_ceil(PACE).max(1)
}

fn is_word(word: &str) -> bool {
    word.chars().any(char::is_alphanumeric)
}

/// A line without its tags, and with the shown text alone of its links and directives.
fn bare(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(['<', '{', '(']) {
        let (before, from) = rest.split_at(at);
        text += before;
        let close = match from.as_bytes() {
            [b'<', ..] => from.find('>').map(|end| (end + 1, "")),
            [b'{', b'{', ..] => from.find("}}").map(|end| (end + 2, directive_word(&from[2..end]))),
            [b'(', ..] if before.ends_with(']') => from.find(')').map(|end| (end + 1, "")),
            _ => None,
        };
        let (length, shown) = close.unwrap_or((1, &from[..1]));
        text += shown;
        rest = &from[length..];
    }
    text + rest
}

/// `{{#sys mount(2)}}` and `{{#term …}}` are read; a figure's name is not.
fn directive_word(inside: &str) -> &str {
    let term = inside.strip_prefix("#sys ").or_else(|| inside.strip_prefix("#term "));
    term.map_or("", |term| term.rsplit('|').next().unwrap_or(term))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn what_is_read_is_counted_and_nothing_else() {
        let text = "# Two words\n\none {{#sys mount(2)}} [three four](http://a.b/c d) <b>five</b> (six) - \
                    {{#term a|seven}}\n\n{{#snap step-04.root}}\n```rust\nnot this\n```\n[^a]: nor this\n";
        let page = Page::parse(Path::new("a.md"), text, &mut Vec::new());
        assert_eq!(words(&page), 2 + 7);
        let time = Time { page: "runs/04.md".into(), title: "04".into(), read: 10, exercises: 65 };
        let times = BTreeMap::from([("04".to_owned(), time)]);
        let table = schedule(&page, "04 04", &times).unwrap();
        assert!(
            table.contains("| [04](runs/04.md) | 10 | 65 | 75 |") && table.contains("**2 h 30 min**"),
            "{table}"
        );
        assert!(schedule(&page, "05", &times).unwrap_err().contains("lesson 05 has no chapter"));
        assert!(schedule(&page, "", &times).is_err());
        assert_eq!((to_read(0), to_read(180), to_read(181)), (1, 1, 2));
    }
}
