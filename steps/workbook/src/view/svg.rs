//! The view as a drawing: the process in its layers, from the host inwards. A layer that contains has a solid
//! edge, one that is open to the host a dashed one.
//!
//! The drawing is one file without script and without anything to fetch. Its text is text. It follows the
//! reader's preference of light or dark, and a page that holds it may set its colours.

use super::rows::{self, Mark};
use super::{Answer, Compared};

mod canvas;
mod layers;

use canvas::{Area, BODY, Canvas, SMALL, TITLE, escape};

const STYLE: &str = include_str!("svg/style.css");

/// Measures, in pixels: of a process's column, and of the space around and between.
const COLUMN: usize = 780;
const MARGIN: usize = 28;
const GAP: usize = 36;

/// Draws the processes side by side.
pub fn draw(answer: &Answer) -> String {
    let mut canvas = Canvas::default();
    let columns = answer.processes.len().max(1);
    let width = 2 * MARGIN + columns * COLUMN + (columns - 1) * GAP;

    let mut bottom = MARGIN;
    for (index, of) in answer.processes.iter().enumerate() {
        let x = MARGIN + index * (COLUMN + GAP);
        canvas.begin(&format!("process {}", of.view.pid));
        bottom = bottom.max(column(&mut canvas, x, of, answer));
        canvas.end();
    }
    legend(&mut canvas, bottom + 26);
    document(answer, &canvas.into_text(), width, bottom + 52)
}

fn document(answer: &Answer, elements: &str, width: usize, height: usize) -> String {
    let named: Vec<_> =
        answer.processes.iter().map(|of| format!("{} ({})", of.view.pid, of.view.name)).collect();
    let title = escape(format_args!("What is contained about process {}", named.join(" and ")));
    let said: Vec<_> =
        answer.processes.iter().map(|of| format!("Process {}: {}.", of.view.pid, summary(of))).collect();
    let reference = format!("Compared with process {} ({}).", answer.reference.pid, answer.reference.name);
    let description = escape(format_args!("{} {reference}", said.join(" ")));
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" class="dive-view" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-labelledby="dive-title dive-desc">
<title id="dive-title">{title}</title>
<desc id="dive-desc">{description}</desc>
<style>
{STYLE}</style>
<rect class="paper" width="{width}" height="{height}"/>
{elements}
</svg>
"#
    )
}

/// One process: heading, and the layers; answers with the lowest line of it.
fn column(canvas: &mut Canvas, x: usize, of: &Compared, answer: &Answer) -> usize {
    let view = &of.view;
    let heading = format!("process {}  {}", view.pid, view.name);
    canvas.text((x, MARGIN + 16), TITLE, "", COLUMN, &heading);
    canvas.text((x, MARGIN + 38), BODY, "dim", COLUMN, &summary(of));
    let reference = &answer.reference;
    let host = format!("the host, as process {} ({}) has it", reference.pid, reference.name);
    let area = Area { x, y: MARGIN + 54, width: COLUMN, height: 0 };
    layers::draw(canvas, area, of, &host)
}

/// What is the process's own, in a sentence without its stop.
fn summary(of: &Compared) -> String {
    let difference = &of.difference;
    let own: Vec<&str> =
        super::namespaces::KINDS.iter().map(|(kind, _)| *kind).filter(|kind| difference.owns(kind)).collect();
    let known = difference.own_namespaces.values().any(|own| own.known().is_some());
    let mut parts = vec![match own.as_slice() {
        [] if !known => "namespaces out of sight".to_owned(),
        [] => "no namespace of its own".to_owned(),
        own => format!("own {}", own.join(" ")),
    }];
    match difference.own_root.known() {
        Some(true) => parts.push("own root".into()),
        Some(false) => parts.push("the host's root".into()),
        None => parts.push("root out of sight".into()),
    }
    if of.view.cgroup.known().is_some_and(super::Cgroup::limits_anything) {
        parts.push("limited".into());
    }
    if difference.fewer_capabilities {
        parts.push("fewer capabilities".into());
    }
    if of.view.seccomp.mode != 0 {
        parts.push("system calls filtered".into());
    }
    let ways_out = difference.leaks.known().into_iter().flatten().filter(|leak| leak.way_out).count();
    match ways_out {
        0 => {}
        1 => parts.push("1 descriptor is a way out".into()),
        _ => parts.push(format!("{ways_out} descriptors are ways out")),
    }
    if of.view.is_zombie() {
        parts.push("a zombie: it has ended".into());
    }
    parts.join(", ")
}

fn legend(canvas: &mut Canvas, y: usize) {
    let marks = [
        (Mark::Own, "its own, or limited", 150),
        (Mark::Shared, "the host's: not contained", 190),
        (Mark::Leak, "a way out", 100),
        (Mark::Unreadable, "out of this reader's sight", 0),
    ];
    let mut x = MARGIN;
    for (mark, words, width) in marks {
        canvas.area(Area { x, y: y - 10, width: 18, height: 12 }, class(mark), 3);
        canvas.text((x + 26, y), SMALL, "dim", 300, words);
        x += width + 40;
    }
}

/// How a mark is painted.
fn class(mark: Mark) -> &'static str {
    match mark {
        Mark::Own => "own",
        Mark::Leak => "leak",
        Mark::Unreadable => "unreadable",
        Mark::Plain | Mark::Shared => "shared",
    }
}

/// How a mark's text is painted.
fn tone(mark: Mark) -> &'static str {
    match mark {
        Mark::Own => "owned",
        Mark::Leak => "leaks",
        Mark::Plain => "",
        Mark::Shared | Mark::Unreadable => "dim",
    }
}

use rows::ownership;
