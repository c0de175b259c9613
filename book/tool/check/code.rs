//! Every line of code shown is compiled, every line of output is a tested snapshot.
//!
//! So a block of code holds includes and nothing else, except `console`, which holds what the reader types; and there
//! is no other way to a block of code.

use mdbook_markdown::pulldown_cmark::{CodeBlockKind, Event, Tag};
use mdbook_markdown::{MarkdownOptions, new_cmark_parser};

use crate::Finding;
use crate::directive::directives;
use crate::page::{Line, Page};

/// Holds a page to it.
pub fn check(page: &Page, findings: &mut Vec<Finding>) {
    let name = page.name();
    let mut found = |line: usize, what: &str| findings.push(Finding::at(&name, line, what));
    for (language, lines) in page.fences() {
        let (open, inside) = (lines[0].number, &lines[1..]);
        match language {
            "" => found(open, "a block of code without its language"),
            "console" => commands(inside, open, &mut found),
            _ => includes(inside, open, &mut found),
        }
    }
    for line in page.prose() {
        for tag in ["<pre", "<code", "<samp", "<kbd"] {
            if line.text.contains(tag) {
                found(line.number, "code and output by hand: a block with {{#include}}, or {{#snap}}");
            }
        }
        for tag in ["<script", "<iframe", "<object", "<embed"] {
            if line.text.contains(tag) {
                found(line.number, "a page runs and embeds nothing");
            }
        }
    }
    for line in other_blocks(page) {
        found(
            line,
            "a block of code must be fenced, and must not stand in a quotation: it is not looked at there",
        );
    }
}

fn includes(inside: &[Line], open: usize, found: &mut impl FnMut(usize, &str)) {
    let mut any = false;
    for line in inside {
        match &directives(&line.text)[..] {
            [one] if one.name == "include" && one.fills(&line.text) => any = true,
            _ if line.text.trim().is_empty() => {}
            _ => found(line.number, "code that nothing compiles: {{#include}} it, or {{#snap}} for output"),
        }
    }
    if !any {
        found(open, "a block of code that shows nothing included");
    }
}

fn commands(inside: &[Line], open: usize, found: &mut impl FnMut(usize, &str)) {
    let mut goes_on = false;
    for line in inside {
        let is_command = ["$ ", "# "].iter().any(|prompt| line.text.starts_with(prompt));
        if !is_command && !goes_on {
            found(
                line.number,
                "a console holds what the reader types, after `$ ` or `# `; output comes by {{#snap}}",
            );
        }
        goes_on = line.text.ends_with('\\');
    }
    if inside.is_empty() {
        found(open, "a console without a command");
    }
}

/// Lines where mdBook sees a block of code that the fences above do not tell of.
fn other_blocks(page: &Page) -> Vec<usize> {
    let text: String = page.lines.iter().map(|line| line.text.clone() + "\n").collect();
    let known: Vec<_> = page.fences().iter().map(|(_, lines)| lines[0].number).collect();
    let first = page.lines.first().map_or(1, |line| line.number);
    let events = new_cmark_parser(&text, &MarkdownOptions::default()).into_offset_iter();
    let blocks = events.filter_map(|(event, range)| match event {
        Event::Start(Tag::CodeBlock(kind)) => Some((kind, first + text[..range.start].matches('\n').count())),
        _ => None,
    });
    let unknown =
        blocks.filter(|(kind, line)| matches!(kind, CodeBlockKind::Indented) || !known.contains(line));
    unknown.map(|(_, line)| line).collect()
}
