//! The sections of a chapter, in their order, and what has to be in each.

use crate::directive::directives;
use crate::expand::{exercise, minutes};
use crate::page::{Kind, Line, Page, Template};
use crate::{Finding, Tree};

/// A section: its heading begins so; a story has it too; what is in it.
struct Section {
    heading: &'static str,
    story: bool,
    holds: Holds,
}

/// What a section must hold.
enum Holds {
    /// Something.
    Text,
    /// A list.
    List,
    /// One of these directives, or of these languages of a block of code.
    Any(&'static [&'static str]),
}

const SECTIONS: [Section; 11] = [
    Section { heading: "Outcomes", story: true, holds: Holds::List },
    Section { heading: "The picture", story: true, holds: Holds::Any(&["fig"]) },
    Section { heading: "Predict", story: true, holds: Holds::Any(&["predict"]) },
    Section { heading: "Run it", story: true, holds: Holds::Any(&["console", "snap"]) },
    Section { heading: "Look in the kernel", story: false, holds: Holds::Text },
    Section { heading: "The code", story: false, holds: Holds::Any(&["include"]) },
    Section { heading: "Break it", story: false, holds: Holds::Any(&["snap"]) },
    Section { heading: "What production adds", story: false, holds: Holds::Text },
    Section { heading: "Exercises", story: false, holds: Holds::Any(&["exercise", "exercises"]) },
    Section { heading: "History and sources", story: true, holds: Holds::Text },
    Section { heading: "Recap", story: true, holds: Holds::Text },
];

/// How long a chapter may be.
const WORDS: std::ops::RangeInclusive<usize> = 1200..=2500;

/// Holds a page to its template.
pub fn check(tree: &Tree, page: &Page, findings: &mut Vec<Finding>) {
    let name = page.name();
    let titles = page.prose().filter(|line| line.text.starts_with("# ")).count();
    if titles != 1 {
        findings.push(Finding::of(&name, format!("has {titles} titles (`# …`) in place of one")));
    }
    if page.front.template == Template::Plain {
        return;
    }
    let words = minutes::words(page);
    if !WORDS.contains(&words) {
        let (least, most) = (WORDS.start(), WORDS.end());
        findings.push(Finding::of(&name, format!("has {words} words; a chapter has {least} to {most}")));
    }
    let is_story = page.front.template == Template::Story;
    let mut rest = &page.lines[..];
    for section in SECTIONS.iter().filter(|section| section.story || !is_story) {
        let begins =
            |line: &Line| line.kind == Kind::Prose && heading(&line.text).starts_with(section.heading);
        let Some(at) = rest.iter().position(begins) else {
            let what = format!("has no section `## {}`, or has it out of order", section.heading);
            findings.push(Finding::of(&name, what));
            continue;
        };
        let body = &rest[at + 1..];
        let end = body.iter().position(|line| line.kind == Kind::Prose && is_section(&line.text));
        let body = &body[..end.unwrap_or(body.len())];
        if let Some(what) = missing(tree, section, body) {
            findings.push(Finding::at(&name, rest[at].number, format!("`## {}` {what}", section.heading)));
        }
        rest = &rest[at + 1..];
    }
    if !is_story {
        of_its_lesson(tree, page, findings);
    }
}

/// The text of a heading of the second level; empty for another line.
fn heading(line: &str) -> &str {
    line.strip_prefix("## ").unwrap_or("")
}

/// A heading that begins one of the sections; others may stand between.
fn is_section(line: &str) -> bool {
    SECTIONS.iter().any(|section| heading(line).starts_with(section.heading))
}

fn missing(tree: &Tree, section: &Section, body: &[Line]) -> Option<String> {
    match section.holds {
        Holds::Text => {
            // The footnotes stand at the end of a page, and so in its last section.
            let says = |line: &Line| !line.text.trim().is_empty() && !line.text.starts_with("[^");
            (!body.iter().any(says)).then(|| "is empty".into())
        }
        Holds::List => {
            let any = body.iter().any(|line| line.text.starts_with("- "));
            (!any).then(|| "has no list".into())
        }
        Holds::Any(["exercise", ..]) if !exercise::any(tree) => None,
        Holds::Any(names) => {
            let holds = |line: &Line| {
                let opens =
                    line.kind == Kind::Open && names.contains(&line.text.trim_start_matches('`').trim());
                opens || directives(&line.text).iter().any(|one| names.contains(&one.name))
            };
            (!body.iter().any(holds)).then(|| format!("has none of: {}", names.join(", ")))
        }
    }
}

/// The lesson's own output is shown, and every one of its exercises has its card, in order.
fn of_its_lesson(tree: &Tree, page: &Page, findings: &mut Vec<Finding>) {
    let Some(lesson) = &page.front.lesson else {
        findings.push(Finding::of(&page.name(), "is a lesson's page, and does not say which (`lesson: 04`)"));
        return;
    };
    let own = format!("step-{lesson}.");
    let mut shown = page.prose().flat_map(|line| directives(&line.text)).filter(|one| one.name == "snap");
    if !shown.any(|one| one.words.starts_with(&own)) {
        findings.push(Finding::of(&page.name(), format!("shows no snapshot of its own step ({own}…)")));
    }
    let of_lesson = match exercise::of_lesson(tree, lesson) {
        Ok(exercises) => exercises.into_iter().map(|exercise| exercise.id).collect::<Vec<_>>(),
        Err(what) => return findings.push(Finding::of(&page.name(), what)),
    };
    let found = page.prose().flat_map(|line| directives(&line.text)).flat_map(|one| match one.name {
        "exercise" => vec![one.words.to_owned()],
        "exercises" if one.words == lesson => of_lesson.clone(),
        _ => Vec::new(),
    });
    let found: Vec<_> = found.collect();
    if exercise::any(tree) && found != of_lesson {
        let what = format!("shows the exercises {found:?}; the lesson has {of_lesson:?}");
        findings.push(Finding::of(&page.name(), what));
    }
}
