//! Every message that this gate knows the sources of is explained on the page that explains messages.
//!
//! The page is the one that shows advice. Its expanded text must hold each sentence of those sources: each text of five
//! words or more, in the pieces that its placeholders leave of it.

use std::path::Path;

use crate::Finding;

/// Where the sentences come from.
pub const SOURCES: [&str; 4] = [
    "steps/kit/src/advice.rs",
    "steps/workbook/src/doctor/diagnosis.rs",
    "steps/workbook/src/doctor/optional.rs",
    "steps/workbook/src/exercise/needs.rs",
];

/// Fewer words are no sentence: names of calls, headings.
const SENTENCE: usize = 5;
/// Fewer are found everywhere.
const PIECE: usize = 3;

/// Holds the expanded page to the sentences of a source.
pub fn check(page: &Path, text: &str, source: &str, code: &str, findings: &mut Vec<Finding>) {
    let shown = plain(text);
    for sentence in sentences(code) {
        let pieces = pieces(&sentence);
        if let Some(piece) = pieces.iter().find(|piece| !shown.contains(piece.as_str())) {
            findings.push(Finding::of(page, format!("does not explain {piece:?}, which {source} says")));
        }
    }
}

/// The longer texts of a Rust source, in the order in which they stand, without comments and tests.
fn sentences(code: &str) -> Vec<String> {
    let code = code.split("#[cfg(test)]").next().unwrap_or(code);
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n").replace("'\"'", "");
    let mut found = Vec::new();
    let mut rest = code.as_str();
    while let Some((_, after)) = rest.split_once('"') {
        let mut text = String::new();
        let mut letters = after.char_indices();
        let mut end = after.len();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    end = at + 1;
                    break;
                }
                '\\' => match letters.next() {
                    // The line goes on in the next one; so much blank does not matter.
                    Some((_, '\n' | 'n')) | None => text.push(' '),
                    Some((_, escaped)) => text.push(escaped),
                },
                letter => text.push(letter),
            }
        }
        if text.split_whitespace().count() >= SENTENCE {
            found.push(text);
        }
        rest = &after[end..];
    }
    found
}

/// What stands between the placeholders, as [`plain`] has it.
fn pieces(sentence: &str) -> Vec<String> {
    let outside = sentence.split('{').enumerate().map(|(index, part)| {
        if index == 0 { part } else { part.split_once('}').map_or(part, |(_, after)| after) }
    });
    outside.map(plain).filter(|piece| piece.split(' ').count() >= PIECE).collect()
}

/// Without markup, and with single blanks.
fn plain(text: &str) -> String {
    let text = text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let text = text.replace('`', "").replace("&#10;", " ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = r#"
// "a comment says nothing to the reader"
let why = "the tree is mounted read-only, \
           as a container has it";
let short = ("clone3(2)", "a of \"two\"");
let many = format!("Linux {} is older than {floor}, so some things are missing");
#[cfg(test)]
let test = "what a test says is for nobody";
"#;

    #[test]
    fn sentences_are_taken_whole_and_without_placeholders() {
        let all = sentences(CODE);
        assert_eq!(all.len(), 2, "{all:?}");
        assert_eq!(plain(&all[0]), "the tree is mounted read-only, as a container has it");
        assert_eq!(pieces(&all[1]), ["is older than", ", so some things are missing"]);
    }

    #[test]
    fn a_sentence_that_the_page_lacks_is_caught() {
        let found = |page: &str| {
            let mut findings = Vec::new();
            check(Path::new("p.md"), page, "advice.rs", CODE, &mut findings);
            findings.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let whole = "<pre>the tree is mounted read-only,&#10; as a `container` has it</pre>\n| `Linux 4.4` is older\n \
                     than x, so some things are missing |";
        assert_eq!(found("").len(), 2);
        assert_eq!(found(whole).len(), 0, "{:?}", found(whole));
        let told = found(&whole.replace("read-only", "writable"));
        assert!(
            told[0].contains("does not explain \"the tree is") && told[0].contains("advice.rs"),
            "{told:?}"
        );
    }
}
