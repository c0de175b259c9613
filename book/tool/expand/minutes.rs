//! How long a page takes: its words at a reader's pace, and its exercises as their authors count them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::exercise;
use crate::Tree;
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

/// `{{#schedule 00 01.02 01.03 04.-}}`: a table of these lessons' chapters and minutes, with their sum. A lesson alone
/// means all its exercises, `01.02` the one, `04.-` the chapter without any. Which of them make half a day is an
/// instructor's to say, and what they add up to is not.
pub fn schedule(
    tree: &Tree,
    page: &Page,
    words: &str,
    times: &BTreeMap<String, Time>,
) -> Result<String, String> {
    let mut text = String::from("| chapter | to read | exercises | minutes |\n|---|---|---|---|\n");
    let mut sum = 0;
    for (lesson, chosen) in rows(words) {
        let time = times.get(lesson).ok_or_else(|| format!("schedule: lesson {lesson} has no chapter"))?;
        let way = page.way_to(&time.page);
        let mut exercises = time.exercises;
        let mut told = exercises.to_string();
        if let Some(chosen) = chosen {
            let minutes = chosen.iter().map(|number| minutes_of(tree, lesson, number));
            exercises = minutes.sum::<Result<_, _>>()?;
            let links =
                chosen.iter().map(|number| format!("[{lesson}.{number}]({way}#exercise-{lesson}.{number})"));
            let links: Vec<_> = links.collect();
            told =
                if links.is_empty() { "none".into() } else { format!("{exercises}: {}", links.join(", ")) };
        }
        sum += time.read + exercises;
        let link = format!("[{}]({way})", time.title);
        let _ = writeln!(text, "| {link} | {} | {told} | {} |", time.read, time.read + exercises);
    }
    let _ = writeln!(text, "| **together** | | | **{} h {:02} min** |", sum / 60, sum % 60);
    if sum == 0 { Err("schedule: it names no lesson".into()) } else { Ok(text) }
}

/// Each lesson with the numbers of the exercises that were chosen of it, or with none said: then it is all of them.
fn rows(words: &str) -> Vec<(&str, Option<Vec<&str>>)> {
    let mut rows: Vec<(&str, Option<Vec<&str>>)> = Vec::new();
    for word in words.split_whitespace() {
        let Some((lesson, number)) = word.split_once('.') else {
            rows.push((word, None));
            continue;
        };
        let number = (number != "-").then_some(number);
        match rows.last_mut() {
            Some((last, Some(chosen))) if *last == lesson => chosen.extend(number),
            _ => rows.push((lesson, Some(number.into_iter().collect()))),
        }
    }
    rows
}

fn minutes_of(tree: &Tree, lesson: &str, number: &str) -> Result<usize, String> {
    let id = format!("{lesson}.{number}");
    let found = exercise::of_lesson(tree, lesson)?.into_iter().find(|exercise| exercise.id == id);
    found.map(|exercise| exercise.minutes).ok_or_else(|| format!("schedule: there is no exercise {id}"))
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
    use crate::check::planted::Planted;
    use std::path::Path;

    #[test]
    fn what_is_read_is_counted_and_nothing_else() {
        let text = "# Two words\n\none {{#sys mount(2)}} [three four](http://a.b/c d) <b>five</b> (six) - \
                    {{#term a|seven}}\n\n{{#snap step-04.root}}\n```rust\nnot this\n```\n[^a]: nor this\n";
        let page = Page::parse(Path::new("a.md"), text, &mut Vec::new());
        assert_eq!(words(&page), 2 + 7);
        let time = Time { page: "runs/04.md".into(), title: "04".into(), read: 10, exercises: 65 };
        let times = BTreeMap::from([("04".to_owned(), time)]);
        let planted = Planted::new();
        let folder = "steps/04-pivot-root/exercises/02-detach/exercise.toml";
        planted.file(folder, "title = \"Let go\"\nminutes = 15\ntier = \"T1\"\n");
        let table = |words| schedule(&planted.tree, &page, words, &times);
        let whole = table("04 04").unwrap();
        assert!(
            whole.contains("| [04](runs/04.md) | 10 | 65 | 75 |") && whole.contains("**2 h 30 min**"),
            "{whole}"
        );
        let chosen = table("04.02 04 04.-").unwrap();
        assert!(chosen.contains("| 10 | 15: [04.02](runs/04.md#exercise-04.02) | 25 |"), "{chosen}");
        assert!(chosen.contains("| 10 | none | 10 |") && chosen.contains("**1 h 50 min**"), "{chosen}");
        assert!(table("05").unwrap_err().contains("lesson 05 has no chapter"));
        assert!(table("04.03").unwrap_err().contains("there is no exercise 04.03"));
        assert!(table("").is_err());
        assert_eq!((to_read(0), to_read(180), to_read(181)), (1, 1, 2));
    }
}
