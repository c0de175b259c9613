//! What the drawing is made of: text, boxes and bars, written down one after another.

use std::fmt::Display;

/// Elements in the order in which they are painted.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    elements: Vec<String>,
}

/// A place and a size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// A kind of text: its class in the style sheet, and how wide a letter is on average, in tenths of a pixel.
/// Nothing here measures text, so what might not fit is shortened by this estimate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Font {
    class: &'static str,
    letter: usize,
}

pub(super) const TITLE: Font = Font { class: "title", letter: 108 };
pub(super) const HEAD: Font = Font { class: "head", letter: 78 };
pub(super) const BODY: Font = Font { class: "body", letter: 70 };
pub(super) const STRONG: Font = Font { class: "strong", letter: 76 };
pub(super) const SMALL: Font = Font { class: "small", letter: 66 };
pub(super) const MONO: Font = Font { class: "mono", letter: 62 };

/// A place among the elements, at which a frame is painted once its height is known.
pub(super) struct Behind(usize);

impl Canvas {
    /// A line of text from its left end; what is wider than `room` is cut, and whole when pointed at.
    pub(super) fn text(&mut self, (x, y): (usize, usize), font: Font, tone: &str, room: usize, text: &str) {
        let (shown, whole) = fit(text, room * 10 / font.letter);
        let whole = if whole { String::new() } else { format!("<title>{}</title>", escape(text)) };
        let (class, shown) = (font.class, escape(&shown));
        self.elements.push(format!(r#"<text class="{class} {tone}" x="{x}" y="{y}">{shown}{whole}</text>"#));
    }

    /// The same up to its right end.
    pub(super) fn text_end(&mut self, (x, y): (usize, usize), font: Font, tone: &str, text: &str) {
        let (class, text) = (font.class, escape(text));
        self.elements.push(format!(r#"<text class="{class} {tone} end" x="{x}" y="{y}">{text}</text>"#));
    }

    /// A box with round corners.
    pub(super) fn area(&mut self, area: Area, class: &str, radius: usize) {
        self.elements.push(rectangle(area, class, radius));
    }

    /// A dot.
    pub(super) fn dot(&mut self, (x, y): (usize, usize), class: &str) {
        self.elements.push(format!(r#"<circle class="{class}" cx="{x}" cy="{y}" r="3.5"/>"#));
    }

    /// Remembers the place.
    pub(super) fn behind(&self) -> Behind {
        Behind(self.elements.len())
    }

    /// A box behind all that was painted since.
    pub(super) fn frame(&mut self, place: &Behind, area: Area, class: &str, radius: usize) {
        self.elements.insert(place.0.min(self.elements.len()), rectangle(area, class, radius));
    }

    /// Begins a group with a label for those who do not see it; every group is ended.
    pub(super) fn begin(&mut self, label: &str) {
        self.elements.push(format!(r#"<g role="group" aria-label="{}">"#, escape(label)));
    }

    /// Ends a group.
    pub(super) fn end(&mut self) {
        self.elements.push("</g>".into());
    }

    /// All elements.
    pub(super) fn into_text(self) -> String {
        self.elements.join("\n")
    }
}

fn rectangle(Area { x, y, width, height }: Area, class: &str, radius: usize) -> String {
    format!(r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}"/>"#)
}

/// The text in so many letters, and whether it is the whole of it.
fn fit(text: &str, letters: usize) -> (String, bool) {
    if text.chars().count() <= letters {
        return (text.to_owned(), true);
    }
    (text.chars().take(letters.saturating_sub(1)).chain(['…']).collect(), false)
}

/// Text in XML. The names of processes and files may hold anything; what XML 1.0 has no place for is replaced.
pub(super) fn escape(text: impl Display) -> String {
    let mut escaped = String::new();
    for letter in text.to_string().chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            control if control.is_control() || matches!(control, '\u{fffe}' | '\u{ffff}') => {
                escaped.push('\u{fffd}');
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_name_holds_becomes_markup() {
        assert_eq!(escape("<a b=\"1\">&\u{1b}\u{ffff}"), "&lt;a b=&quot;1&quot;&gt;&amp;\u{fffd}\u{fffd}");
    }

    #[test]
    fn what_does_not_fit_is_cut_and_whole_when_pointed_at() {
        assert_eq!(fit("sixteen letters!", 7), ("sixtee…".into(), false));
        let mut canvas = Canvas::default();
        canvas.text((1, 2), MONO, "ink", 62, "eleven or more");
        assert!(canvas.into_text().contains("eleven or…<title>eleven or more</title>"));
    }
}
