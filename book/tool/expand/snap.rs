//! A tested output as a terminal: `{{#snap NAME}}` shows `tests/snapshots/NAME.snap`.
//!
//! The prompt line is the snapshot's own `description`, and the figure says as whom it was run. With `lines=3..9`, or
//! `from="…"` and `to="…"` (each the first line that contains the words), it shows an excerpt, and says that.

use std::fmt::Write as _;

use crate::directive::named_words;
use crate::{Tree, escape, read};

/// A snapshot of insta's.
#[derive(Debug)]
pub struct Snapshot {
    /// The command that printed it.
    pub command: String,
    /// What it printed.
    pub text: String,
}

impl Snapshot {
    /// Reads it from the text of its file.
    pub fn parse(name: &str, file: &str) -> Result<Self, String> {
        let head = file.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
        let (head, text) = head.ok_or_else(|| format!("snap: {name} has no metadata"))?;
        let command = head.lines().find_map(|line| line.strip_prefix("description: "));
        let command =
            command.ok_or_else(|| format!("snap: {name} does not tell its command (`description:`)"))?;
        let command = serde_json::from_str(command).unwrap_or_else(|_| command.to_owned());
        Ok(Self { command, text: text.trim_end().to_owned() })
    }
}

/// The figure, on a single line: a blank line would end the block of HTML.
pub fn figure(tree: &Tree, words: &str) -> Result<String, String> {
    let (name, pairs) = named_words(words)?;
    let path = tree.root().join("tests/snapshots").join(format!("{name}.snap"));
    let file = read(&path).map_err(|_| format!("snap: there is no tests/snapshots/{name}.snap"))?;
    let snapshot = Snapshot::parse(name, &file)?;
    let lines: Vec<_> = snapshot.text.lines().collect();
    let (start, end) = excerpt(&lines, &pairs).map_err(|what| format!("snap: {name}: {what}"))?;
    if lines[start..end].iter().all(|line| line.trim().is_empty()) {
        return Err(format!("snap: {name} shows nothing"));
    }
    let whole = start == 0 && end == lines.len();
    Ok(terminal(name, &snapshot.command, &lines[start..end], (start > 0, end < lines.len()), whole))
}

/// The half-open range of lines that is asked for.
fn excerpt(lines: &[&str], pairs: &[(&str, &str)]) -> Result<(usize, usize), String> {
    let (mut start, mut end) = (0, lines.len());
    let find = |after: usize, words: &str| {
        let found = lines.iter().skip(after).position(|line| line.contains(words));
        found.map(|at| after + at).ok_or_else(|| format!("no line contains `{words}`"))
    };
    for (key, value) in pairs {
        match *key {
            "lines" => {
                let (first, last) = value.split_once("..").ok_or("lines is first..last")?;
                let number =
                    |text: &str| text.parse::<usize>().map_err(|_| format!("lines: `{text}` is no number"));
                (start, end) = (number(first)?.saturating_sub(1), number(last)?);
            }
            "from" => start = find(0, value)?,
            "to" => end = find(start, value)? + 1,
            key => return Err(format!("`{key}` is neither lines, from nor to")),
        }
    }
    if start < end && end <= lines.len() {
        Ok((start, end))
    } else {
        Err(format!("lines {}..{end} of {} are no range", start + 1, lines.len()))
    }
}

fn terminal(name: &str, command: &str, lines: &[&str], cut: (bool, bool), whole: bool) -> String {
    let (prompt, whom) = whom(name);
    let mut html = String::from("<figure class=\"terminal\"><figcaption>");
    let part = if whole { "" } else { "excerpt" };
    let said: Vec<_> = [whom, part].into_iter().filter(|said| !said.is_empty()).collect();
    let _ = write!(html, "<span class=\"whom\">{}</span> ", said.join(", "));
    let _ = write!(html, "<span class=\"tested\">tested: {}.snap</span></figcaption>", escape(name));
    let command = if prompt == "#" { built(command) } else { command.to_owned() };
    let command = command.as_str();
    let label = escape(&format!("{command}: what it prints"));
    let _ = write!(html, "<pre tabindex=\"0\" role=\"region\" aria-label=\"{label}\">");
    let _ = write!(html, "<kbd><span aria-hidden=\"true\">{prompt} </span>{}</kbd>&#10;", escape(command));
    html += "<samp>";
    if cut.0 {
        html += "<span class=\"cut\">…</span>&#10;";
    }
    // A heading is what the lines below it are indented from. Where none is, there are no headings either.
    let headed = lines.iter().any(|line| line.starts_with(' '));
    for line in lines {
        html += &coloured(line, headed);
        html += "&#10;";
    }
    if cut.1 {
        html += "<span class=\"cut\">…</span>&#10;";
    }
    html + "</samp></pre></figure>"
}

/// The prompt, and as whom the command was run: how the name ends, `step-06.root` or `step-06.matrix.root`.
fn whom(name: &str) -> (&'static str, &'static str) {
    let known = [
        (".root", "#", "as root"),
        (".user", "$", "as an ordinary user"),
        (".docker", "#", "as root, in a container as Docker makes it"),
        (".user.without-cgroups", "$", "as an ordinary user who may make no control groups"),
    ];
    let ends = known.into_iter().find(|(end, ..)| name.ends_with(end));
    ends.map_or(("$", ""), |(_, prompt, whom)| (prompt, whom))
}

/// Cargo is nothing for root, who runs what was built before: `cargo run -p step-04 -- run sh` and `cargo dive view`
/// become `target/debug/step-04 run sh` and `target/debug/dive view`.
fn built(command: &str) -> String {
    let words = command.strip_prefix("cargo run -p ").map(|words| words.replacen(" -- ", " ", 1));
    let words = words.or_else(|| command.strip_prefix("cargo ").map(str::to_owned));
    words.map_or_else(|| command.to_owned(), |words| format!("target/debug/{words}"))
}

/// A heading is bold, a verdict has its colour, as in the terminal.
fn coloured(line: &str, headed: bool) -> String {
    let mut html = escape(line);
    for (verdict, class) in [("ESCAPED", "bad"), ("BLOCKED", "good"), ("FORBIDDEN", "dim")] {
        html = html.replace(verdict, &format!("<b class=\"{class}\">{verdict}</b>"));
    }
    let heading = headed && !line.is_empty() && !line.starts_with(' ');
    if heading { format!("<b>{html}</b>") } else { html }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::planted::Planted;

    const FILE: &str =
        "---\nsource: t.rs\ndescription: cargo run -p step-04\n---\ntitle\n\n  a <1>\n  A1 ESCAPED\nlast\n";

    fn shown(words: &str) -> Result<String, String> {
        let planted = Planted::new();
        planted.file("tests/snapshots/step-04.root.snap", FILE);
        planted.file("tests/snapshots/mute.snap", "---\nsource: t.rs\n---\ntext\n");
        planted.file("tests/snapshots/bare.snap", "text\n");
        figure(&planted.tree, words)
    }

    #[test]
    fn the_end_of_the_name_says_as_whom() {
        assert_eq!(whom("step-06.matrix.root").1, "as root");
        assert_eq!(whom("step-06.user").1, "as an ordinary user");
        assert_eq!(
            whom("step-03.user.without-cgroups").1,
            "as an ordinary user who may make no control groups"
        );
        assert_eq!(whom("step-06.filter"), ("$", ""));
    }

    #[test]
    fn a_snapshot_is_a_terminal_with_its_command_and_says_as_whom() {
        let html = shown("step-04.root").unwrap();
        assert!(
            html.contains("as root</span>") && html.contains("</span>target/debug/step-04</kbd>"),
            "{html}"
        );
        assert!(
            html.contains("  a &lt;1&gt;&#10;") && html.contains("<b class=\"bad\">ESCAPED</b>"),
            "{html}"
        );
        assert!(!html.contains('\n') && !html.contains('…'), "{html}");
    }

    #[test]
    fn a_heading_is_what_others_are_indented_from() {
        let bold = |lines: &[&str]| terminal("x", "x", lines, (false, false), true).contains("<b>");
        assert!(bold(&["a heading", "  a line"]));
        assert!(!bold(&["a line", "another"]) && !bold(&["  a line"]));
    }

    #[test]
    fn root_does_not_run_cargo() {
        assert_eq!(built("cargo run -p step-05 -- run -- ls"), "target/debug/step-05 run -- ls");
        assert_eq!(built("cargo dive attack"), "target/debug/dive attack");
        assert_eq!(built("target/debug/step-04"), "target/debug/step-04");
    }

    #[test]
    fn an_excerpt_says_that_it_is_one() {
        for words in ["step-04.root lines=3..4", "step-04.root from=\"a <\" to=A1"] {
            let html = shown(words).unwrap();
            assert!(html.contains("as root, excerpt") && html.contains("  a &lt;"), "{html}");
            assert!(html.matches('…').count() == 2 && !html.contains("last"), "{html}");
        }
    }

    #[test]
    fn what_cannot_be_shown_is_a_fault() {
        for (words, why) in [
            ("gone", "there is no tests/snapshots/gone.snap"),
            ("mute", "does not tell its command"),
            ("bare", "no metadata"),
            ("step-04.root from=nowhere", "no line contains"),
            ("step-04.root lines=2..2", "shows nothing"),
            ("step-04.root lines=4..9", "are no range"),
            ("step-04.root only=3", "neither lines, from nor to"),
        ] {
            let told = shown(words).unwrap_err();
            assert!(told.contains(why), "{words}: {told}");
        }
    }
}
