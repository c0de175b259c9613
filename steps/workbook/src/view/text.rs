//! The view as text: a column of facts, and a column for each process.

use anstream::println;
use anstyle::{AnsiColor, Style};

use super::Answer;
use super::rows::{Mark, Row, Section, sections};

const BOLD: Style = Style::new().bold();

/// Prints to standard output; colour only on a terminal.
pub fn print(answer: &Answer, all: bool) {
    println!("{}", render(answer, all).trim_end());
}

/// The text with its colours.
pub fn render(answer: &Answer, all: bool) -> String {
    let columns: Vec<Vec<Section>> = answer.processes.iter().map(|of| sections(of, all)).collect();
    // Two columns and the facts fit into a wide terminal; one may be as wide as a line of this kind gets.
    let width = if columns.len() == 1 { 100 } else { 52 };

    let named: Vec<_> =
        answer.processes.iter().map(|of| format!("{} ({})", of.view.pid, of.view.name)).collect();
    let (named, reference) = (named.join(" and "), &answer.reference);
    let beside = format!("beside process {} ({})", reference.pid, reference.name);
    let mut text = vec![format!("{BOLD}process {named}, {beside}{BOLD:#}: {}", reference.why)];
    for (index, section) in columns.first().into_iter().flatten().enumerate() {
        text.push(format!("\n{BOLD}{}{BOLD:#}", section.title));
        for (place, row) in section.rows.iter().enumerate() {
            let cells: Vec<_> =
                columns.iter().filter_map(|column| column.get(index)?.rows.get(place)).collect();
            text.extend(lines(&row.fact, &cells, width));
        }
    }
    text.join("\n")
}

/// A row of the table, as many lines high as its highest cell.
fn lines(fact: &str, cells: &[&Row], width: usize) -> Vec<String> {
    let wrapped: Vec<_> = cells.iter().map(|cell| wrap(&cell.lines, width)).collect();
    let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
    let line = |at: usize| {
        let mut line = vec![format!("  {:<14}", if at == 0 { fact } else { "" })];
        for (cell, lines) in cells.iter().zip(&wrapped) {
            let style = style(cell.mark);
            let words = lines.get(at).map_or("", String::as_str);
            let gap = width.saturating_sub(words.chars().count()) + 2;
            line.push(format!("{style}{words}{style:#}{:gap$}", ""));
        }
        line.concat().trim_end().to_owned()
    };
    (0..height).map(line).collect()
}

fn style(mark: Mark) -> Style {
    match mark {
        Mark::Plain => Style::new(),
        Mark::Own => AnsiColor::Green.on_default(),
        Mark::Shared => Style::new().dimmed(),
        Mark::Leak => AnsiColor::Red.on_default().bold(),
        Mark::Unreadable => AnsiColor::Yellow.on_default(),
    }
}

/// Breaks lines between words, and within a word that is longer than a line.
fn wrap(lines: &[String], width: usize) -> Vec<String> {
    let mut wrapped = Vec::new();
    for line in lines {
        let mut rest: Vec<char> = line.chars().collect();
        while rest.len() > width {
            let space = rest[..width].iter().rposition(|letter| *letter == ' ').filter(|at| *at > width / 2);
            let tail = rest.split_off(space.unwrap_or(width));
            wrapped.push(rest.iter().collect::<String>().trim_end().to_owned());
            rest = tail.into_iter().skip_while(|letter| *letter == ' ').collect();
        }
        wrapped.push(rest.into_iter().collect());
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_within_long_ones() {
        let wrapped = |text: &str| wrap(&[text.to_owned()], 10);
        assert_eq!(wrapped("four five six"), ["four five", "six"]);
        assert_eq!(wrapped("0123456789abc"), ["0123456789", "abc"]);
        assert_eq!(wrapped(""), [""]);
    }
}
