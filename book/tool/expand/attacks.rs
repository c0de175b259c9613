//! The matrix of attacks as a drawing, out of the snapshot that the tests took of it: `{{#attacks attack.root The caption.}}`.
//!
//! A line for each attack: thick and red as long as it gets out, thin and green where it is stopped.

use std::fmt::Write as _;

use super::snap::Snapshot;
use crate::{Tree, escape, read};

/// One attack of the first table: its name, what it does, and a verdict for each lesson.
struct Attack {
    name: String,
    does: String,
    verdicts: Vec<Verdict>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Escaped,
    Blocked,
    Other,
}

/// The figure, on a single line. The lessons' names are those of their folders.
pub fn figure(tree: &Tree, words: &str) -> Result<String, String> {
    let (name, caption) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
    let path = tree.root().join("tests/snapshots").join(format!("{name}.snap"));
    let file = read(&path).map_err(|_| format!("attacks: there is no tests/snapshots/{name}.snap"))?;
    let snapshot = Snapshot::parse(name, &file)?;
    let (lessons, attacks) = parse(&snapshot.text).map_err(|what| format!("attacks: {name}: {what}"))?;
    let folders = tree.lessons();
    let called = |lesson: &String| {
        let prefix = format!("{lesson}-");
        let mut names = folders.iter().map(|path| path.file_name().unwrap_or_default().to_string_lossy());
        let found = names.find_map(|name| name.strip_prefix(&prefix).map(str::to_owned));
        found.ok_or_else(|| format!("attacks: {name}: there is no lesson {lesson}"))
    };
    let names = lessons.iter().map(called).collect::<Result<Vec<_>, _>>()?;
    let caption = match caption.trim() {
        "" => String::new(),
        caption => format!("<figcaption>{caption}</figcaption>"),
    };
    let svg = drawn(&lessons, &names, &attacks);
    Ok(format!(
        "<figure class=\"fig\"><div class=\"drawing\" id=\"fig-attacks\">{svg}</div>{caption}</figure>"
    ))
}

/// The lessons and the attacks of the first table. Its columns are told by where their heads stand.
fn parse(text: &str) -> Result<(Vec<String>, Vec<Attack>), String> {
    let is_head = |line: &&str| {
        let mut words = line.split_whitespace().peekable();
        words.peek().is_some() && words.all(|word| word.len() == 2 && word.parse::<u8>().is_ok())
    };
    let head = text.lines().find(is_head).ok_or("no line has the numbers of lessons")?;
    let lessons: Vec<_> = head.split_whitespace().map(str::to_owned).collect();
    let columns: Vec<_> = lessons.iter().filter_map(|lesson| head.find(lesson)).collect();
    let does = |name: &str| {
        let line = text.lines().rev().find_map(|line| line.trim_start().strip_prefix(name));
        line.map_or("", str::trim).replace('`', "")
    };
    let rows = text.lines().skip_while(|line| *line != head).skip(1).take_while(|line| !line.is_empty());
    let attack = |row: &str| {
        let name = row.split_whitespace().next().unwrap_or_default().to_owned();
        let cell = |at: &usize| row.get(*at..).unwrap_or("").split("  ").next().unwrap_or("").trim();
        let verdicts = columns.iter().map(|at| verdict(cell(at))).collect();
        Attack { does: does(&name), name, verdicts }
    };
    let attacks: Vec<_> = rows.map(attack).collect();
    if attacks.is_empty() { Err("no row below them".into()) } else { Ok((lessons, attacks)) }
}

fn verdict(cell: &str) -> Verdict {
    match cell {
        "ESCAPED" => Verdict::Escaped,
        cell if cell.starts_with("BLOCKED") => Verdict::Blocked,
        _ => Verdict::Other,
    }
}

fn drawn(lessons: &[String], names: &[String], attacks: &[Attack]) -> String {
    let pitch = 704 / lessons.len();
    let left = |column: usize| 8 + pitch * column;
    let height = 74 + 48 * attacks.len();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 720 {height}\"><title>How far each attack comes, lesson by lesson</title><desc>"
    );
    for attack in attacks {
        let _ = write!(svg, "{} ", told(lessons, attack));
    }
    svg += "</desc>";
    for (column, (lesson, name)) in lessons.iter().zip(names).enumerate() {
        let (x, width) = (left(column), pitch - 10);
        let middle = x + width / 2;
        let _ = write!(
            svg,
            "<rect class=\"box new\" x=\"{x}\" y=\"8\" width=\"{width}\" height=\"50\" rx=\"5\"/><text class=\"mono strong middle\" x=\"{middle}\" y=\"28\">{lesson}</text><text class=\"small middle\" x=\"{middle}\" y=\"47\">{}</text>",
            escape(name)
        );
    }
    for (row, attack) in attacks.iter().enumerate() {
        let y = 108 + 48 * row;
        let _ = write!(
            svg,
            "<text class=\"mono strong\" x=\"8\" y=\"{0}\">{1}</text><text class=\"small\" x=\"34\" y=\"{0}\">{2}</text>",
            y - 12,
            escape(&attack.name),
            escape(&attack.does)
        );
        for (column, verdict) in attack.verdicts.iter().enumerate() {
            let class = match verdict {
                Verdict::Escaped => "gone",
                Verdict::Blocked => "arrow good",
                Verdict::Other => "line quiet",
            };
            let end = if column + 1 == lessons.len() { left(column) + pitch - 10 } else { left(column + 1) };
            let _ = write!(svg, "<path class=\"{class}\" d=\"M{} {y}H{end}\"/>", left(column));
        }
    }
    svg + "</svg>"
}

/// The row in words, for who does not see it.
fn told(lessons: &[String], attack: &Attack) -> String {
    let with = |wanted: Verdict| {
        let found = lessons.iter().zip(&attack.verdicts).filter(|(_, verdict)| **verdict == wanted);
        let found: Vec<_> = found.map(|(lesson, _)| lesson.as_str()).collect();
        if found.is_empty() { "no lesson".to_owned() } else { found.join(", ") }
    };
    let (out, stopped) = (with(Verdict::Escaped), with(Verdict::Blocked));
    format!("{}, {}: gets out in {out}, is stopped in {stopped}.", escape(&attack.name), escape(&attack.does))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::planted::Planted;

    const MATRIX: &str = "---\nsource: t.rs\ndescription: cargo dive attack\n---\nthe steps as root\n\n      \
                          03         04\n  A1  ESCAPED    BLOCKED(X)\n  A7             ESCAPED\n\nthe steps as user\n\n      \
                          03         04\n  A1  BLOCKED(X) ESCAPED\n\n  A1  walk `<out>`\n  A7  enter\n";

    fn shown(matrix: &str) -> Result<String, String> {
        let planted = Planted::new();
        planted.file("steps/03-cgroups/Cargo.toml", "[package]\n");
        planted.file("tests/snapshots/attack.root.snap", matrix);
        figure(&planted.tree, "attack.root Who gets out.")
    }

    #[test]
    fn a_line_is_red_where_the_test_saw_an_attack_get_out() {
        let html = shown(MATRIX).unwrap();
        for part in [
            ">pivot-root</text>",
            "<path class=\"gone\" d=\"M8 108H360\"/><path class=\"arrow good\" d=\"M360 108H702\"/>",
            "<path class=\"line quiet\" d=\"M8 156H360\"/><path class=\"gone\" d=\"M360 156H702\"/>",
            "A1, walk &lt;out&gt;: gets out in 03, is stopped in 04.",
            "A7, enter: gets out in 04, is stopped in no lesson.",
            "<figcaption>Who gets out.</figcaption>",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(!html.contains('\n'), "{html}");
        // The same attack stopped a lesson later is another drawing.
        assert!(shown(&MATRIX.replacen("BLOCKED(X)", "ESCAPED   ", 1)).unwrap() != html);
    }

    #[test]
    fn what_is_no_matrix_is_a_fault() {
        for (from, to, why) in [
            ("03         04", "three four", "no line has the numbers"),
            ("\n  A1  ESCAPED    BLOCKED(X)\n  A7             ESCAPED", "\n", "no row below them"),
            ("03         04", "03         08", "there is no lesson 08"),
        ] {
            let found = shown(&MATRIX.replace(from, to)).unwrap_err();
            assert!(found.contains(why), "{found}");
        }
        assert!(
            figure(&Planted::new().tree, "gone")
                .unwrap_err()
                .contains("there is no tests/snapshots/gone.snap")
        );
    }
}
