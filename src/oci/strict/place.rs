//! Which value of a JSON text stands at a place in it.

use std::borrow::Cow;

use super::{Step, join};

/// The path of the value at which a parser has stopped. It stops right behind a value that does not fit, or right
/// before a list or object where something else was expected; otherwise inside of one. The text is known to be JSON.
pub(super) fn path_at(text: &[u8], line: usize, column: usize) -> String {
    let offset = offset_of(text, line, column);
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut at = 0;
    // Whether a text that comes now is a key.
    let mut key = false;
    while at < offset {
        match text[at] {
            b'{' | b'[' => {
                key = text[at] == b'{';
                steps.push(if key { Step::Key(Cow::Borrowed("")) } else { Step::Index(0) });
                at += 1;
            }
            b'}' | b']' => {
                steps.pop();
                at += 1;
                if at == offset {
                    break;
                }
            }
            b',' => {
                match steps.last_mut() {
                    Some(Step::Index(index)) => *index += 1,
                    _ => key = true,
                }
                at += 1;
            }
            b'"' => {
                let end = end_of_text(text, at);
                if key && let Some(step) = steps.last_mut() {
                    *step = Step::Key(String::from_utf8_lossy(&text[at + 1..end - 1]));
                    key = false;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    join(&steps)
}

fn offset_of(text: &[u8], line: usize, column: usize) -> usize {
    let before: usize =
        text.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    (before + column).min(text.len())
}

/// Right behind the closing quotation mark.
fn end_of_text(text: &[u8], begin: usize) -> usize {
    let mut at = begin + 1;
    while at < text.len() && text[at] != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}
