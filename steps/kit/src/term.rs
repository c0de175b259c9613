//! What is printed. Demonstrations go to standard output, everything about them to standard error, so that
//! `step-04 run cat FILE > copy` copies the file and nothing else. Colour only on a terminal, never with
//! `NO_COLOR` (no-color.org): anstream strips it.

use std::fmt::Display;

use anstream::{eprintln, println};
use anstyle::{AnsiColor, Style};

use crate::Error;
use crate::advice;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// The title of a demonstration.
pub fn title(text: impl Display) {
    println!("{BOLD}{text}{BOLD:#}");
}

/// A heading, with a line of space above.
pub fn heading(text: impl Display) {
    println!("\n{BOLD}{text}{BOLD:#}");
}

/// A line below a heading.
pub fn line(text: impl Display) {
    println!("  {text}");
}

/// Lines of two columns, the first as wide as its longest entry.
pub fn pairs<A: AsRef<str>, B: Display>(rows: &[(A, B)]) {
    let width = rows.iter().map(|(left, _)| left.as_ref().chars().count()).max().unwrap_or(0);
    for (left, right) in rows {
        line(format_args!("{:<width$}  {right}", left.as_ref()));
    }
}

/// A table with a heading of its own; the last column stands out.
pub fn table(head: [&str; 3], rows: &[[String; 3]]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or(0)
    };
    let (first, second) = (width(0), width(1));
    println!("\n  {BOLD}{:<first$}  {:<second$}  {}{BOLD:#}", head[0], head[1], head[2]);
    for [fact, host, guest] in rows {
        line(format_args!("{fact:<first$}  {DIM}{host:<second$}{DIM:#}  {GOOD}{guest}{GOOD:#}"));
    }
}

/// Something to know about this run; on standard error.
pub fn note(text: impl Display) {
    eprintln!("{DIM}{}: {text}{DIM:#}", program());
}

/// Something that went wrong and did not stop the run; on standard error.
pub fn warn(text: impl Display) {
    eprintln!("{BAD}{}: {text}{BAD:#}", program());
}

/// An error that ended the run, why the kernel answered so, and what would mend it; on standard error.
pub fn failure(error: &Error) {
    eprintln!("{BAD}{}: {error}{BAD:#}", program());
    let Some(advice) = advice::of(error) else { return };
    eprintln!("\n  {BOLD}why{BOLD:#}     {}", advice.why);
    for (index, remedy) in advice.remedies.iter().enumerate() {
        let head = if index == 0 { "remedy" } else { "or" };
        eprintln!("  {BOLD}{head:<6}{BOLD:#}  {}", remedy.command);
        eprintln!("          {DIM}{}{DIM:#}", remedy.cost);
    }
    eprintln!("  {BOLD}exit{BOLD:#}    {}", error.status());
}

/// The name of this program, without its path.
pub fn program() -> String {
    let path = std::env::args_os().next().unwrap_or_default();
    let name = std::path::Path::new(&path).file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
