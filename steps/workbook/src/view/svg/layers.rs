//! The layers around a process, each a frame around the next.

use guest::capability;

use super::canvas::{Area, BODY, Canvas, HEAD, MONO, SMALL, STRONG};
use super::{class, ownership, tone};
use crate::view::cgroup::{Limit, Reading};
use crate::view::rows::{self, Mark};
use crate::view::{Compared, Fact, capabilities, namespaces};

/// By how much each layer is smaller than the one around it, and the space within.
const INSET: usize = 16;
const PAD: usize = 16;

/// The width of the names in front of bars and words.
const NAME: usize = 96;

type Content = fn(&mut Canvas, Area, &Compared) -> usize;

/// A layer: what it is, whether it contains, and what is written in it. A content is given its area, without a
/// height, and answers with the line below it.
struct Layer {
    title: &'static str,
    contains: Mark,
    content: Content,
}

/// Draws the layers from the host inwards; answers with the line below them.
pub(super) fn draw(canvas: &mut Canvas, area: Area, of: &Compared, host: &str) -> usize {
    let behind = canvas.behind();
    canvas.text((area.x + PAD, area.y + 22), HEAD, "dim", area.width - 2 * PAD, host);
    let inner = Area { x: area.x + INSET, y: area.y + 34, width: area.width - 2 * INSET, height: 0 };
    let bottom = nest(canvas, inner, of, &layers(of)) + INSET;
    canvas.frame(&behind, Area { height: bottom - area.y, ..area }, "shared", 14);
    bottom
}

fn layers(of: &Compared) -> [Layer; 5] {
    let mark = |contains: bool| if contains { Mark::Own } else { Mark::Shared };
    let (view, difference) = (&of.view, &of.difference);
    let limited = view.cgroup.known().is_some_and(crate::view::Cgroup::limits_anything);
    let any_own = namespaces::KINDS.iter().any(|(kind, _)| difference.owns(kind));
    let known = view.namespaces.values().any(|inode| inode.known().is_some());
    let privileges = difference.fewer_capabilities || difference.owns("user") || view.seccomp.mode != 0;
    let sight = |known: bool, mark: Mark| if known { mark } else { Mark::Unreadable };
    [
        Layer {
            title: "cgroup: how much",
            contains: sight(view.cgroup.known().is_some(), mark(limited)),
            content: limits,
        },
        Layer { title: "namespaces: what it sees", contains: sight(known, mark(any_own)), content: cells },
        Layer {
            title: "files: what it reaches",
            contains: ownership(Some(&difference.own_root)).0,
            content: files,
        },
        Layer { title: "privileges: what it may", contains: mark(privileges), content: privileges_content },
        Layer { title: "process", contains: Mark::Plain, content: process },
    ]
}

fn nest(canvas: &mut Canvas, area: Area, of: &Compared, layers: &[Layer]) -> usize {
    let [layer, inner @ ..] = layers else { return area.y };
    let behind = canvas.behind();
    canvas.begin(layer.title);
    canvas.text((area.x + PAD, area.y + 23), HEAD, tone(layer.contains), area.width, layer.title);
    let content = Area { x: area.x + PAD, y: area.y + 36, width: area.width - 2 * PAD, height: 0 };
    let below = (layer.content)(canvas, content, of);
    let next = Area { x: area.x + INSET, y: below + 8, width: area.width - 2 * INSET, height: 0 };
    let bottom = if inner.is_empty() { below + 6 } else { nest(canvas, next, of, inner) + INSET };
    canvas.end();
    let edge = match layer.contains {
        Mark::Own => "layer",
        Mark::Plain => "process",
        Mark::Unreadable => "veiled",
        mark => class(mark),
    };
    canvas.frame(&behind, Area { height: bottom - area.y, ..area }, edge, 12);
    bottom
}

/// A line of words behind its name.
fn line(canvas: &mut Canvas, area: Area, name: &str, tone: &str, words: &str) -> usize {
    canvas.text((area.x, area.y + 14), BODY, "dim", NAME, name);
    canvas.text((area.x + NAME, area.y + 14), BODY, tone, area.width - NAME, words);
    area.y + 22
}

fn reason<T>(fact: &Fact<T>) -> String {
    fact.as_known().err().unwrap_or_default()
}

fn limits(canvas: &mut Canvas, area: Area, of: &Compared) -> usize {
    let Some(cgroup) = of.view.cgroup.known() else {
        return line(canvas, area, "group", "dim", &reason(&of.view.cgroup));
    };
    let mut area = area;
    for limit in &cgroup.limits {
        area.y = bar(canvas, area, limit);
    }
    let groups = rows::groups(cgroup);
    canvas.text((area.x, area.y + 14), BODY, "dim", NAME, "group");
    canvas.text((area.x + NAME, area.y + 14), SMALL, "dim", area.width - NAME, &groups.join(";  "));
    area.y + 22
}

/// A resource as a bar: full where the limit is reached, without an edge where nothing limits.
fn bar(canvas: &mut Canvas, area: Area, limit: &Limit) -> usize {
    const TRACK: usize = 250;
    let words_at = area.x + NAME + TRACK + 16;
    let room = area.width - NAME - TRACK - 16;
    canvas.text((area.x, area.y + 14), STRONG, "", NAME, &limit.resource);
    let track = Area { x: area.x + NAME, y: area.y + 5, width: TRACK, height: 10 };
    match limit.reading.as_known() {
        Err(why) => {
            canvas.area(track, "unreadable", 5);
            canvas.text((words_at, area.y + 14), SMALL, "dim", room, &why);
        }
        Ok(reading) => {
            let words = rows::amounts(limit.unit, reading);
            let tone = fill(canvas, track, reading);
            canvas.text((words_at, area.y + 14), SMALL, tone, room, &words);
        }
    }
    area.y + 24
}

/// Fills the track, and answers with the tone of the words. What is used of a limit that was reached nearly is
/// hot; a limit without a use, as of CPUs, is a part of what the machine has.
fn fill(canvas: &mut Canvas, track: Area, reading: &Reading) -> &'static str {
    let Some(limit) = reading.limit else {
        canvas.area(track, "shared", 5);
        return "dim";
    };
    let (part, whole) = match (reading.used, reading.machine) {
        (Some(used), _) => (used, limit),
        (None, Some(machine)) => (limit, machine),
        (None, None) => (0, limit),
    };
    let percent = usize::try_from(part.saturating_mul(100) / whole.max(1)).unwrap_or(100).min(100);
    let hot = reading.used.is_some() && percent >= 90;
    canvas.area(track, "track", 5);
    if part > 0 {
        let width = (track.width * percent / 100).max(6);
        canvas.area(Area { width, ..track }, if hot { "bar hot" } else { "bar" }, width.min(10) / 2);
    }
    if hot { "hot" } else { "" }
}

/// The namespaces as cells, four in a line.
fn cells(canvas: &mut Canvas, area: Area, of: &Compared) -> usize {
    const BETWEEN: usize = 10;
    const HEIGHT: usize = 58;
    let width = (area.width - 3 * BETWEEN) / 4;
    let known = namespaces::KINDS.iter().filter(|(kind, _)| of.view.namespaces.contains_key(*kind));
    let mut bottom = area.y;
    for (index, (kind, holds)) in known.enumerate() {
        let x = area.x + index % 4 * (width + BETWEEN);
        let y = area.y + 2 + index / 4 * (HEIGHT + BETWEEN);
        let (mark, word) = ownership(of.difference.own_namespaces.get(*kind));
        canvas.area(Area { x, y, width, height: HEIGHT }, class(mark), 8);
        canvas.text((x + 12, y + 20), STRONG, "", width, kind);
        canvas.text_end((x + width - 12, y + 20), SMALL, tone(mark), word);
        canvas.text((x + 12, y + 36), SMALL, "dim", width - 20, holds);
        let inode = of.view.namespaces[*kind]
            .known()
            .map_or_else(|| reason(&of.view.namespaces[*kind]), u64::to_string);
        canvas.text((x + 12, y + 50), MONO, "dim", width - 16, inode.trim_start_matches("unreadable: "));
        bottom = y + HEIGHT + 6;
    }
    bottom
}

fn files(canvas: &mut Canvas, area: Area, of: &Compared) -> usize {
    let (view, difference) = (&of.view, &of.difference);
    let (mark, word) = ownership(Some(&difference.own_root));
    let root = match view.root.known() {
        Some(root) if root.path == "/" => word.to_owned(),
        Some(root) => format!("{word}: {}", root.path),
        None => reason(&view.root),
    };
    let mut area = area;
    area.y = line(canvas, area, "root", tone(mark), &root);
    let mounts = match view.mounts.known() {
        Some(mounts) => rows::mounts_in_words(mounts.len(), &difference.mounts, "the same as the host's"),
        None => reason(&view.mounts),
    };
    line(canvas, area, "mounts", "", &mounts)
}

fn privileges_content(canvas: &mut Canvas, area: Area, of: &Compared) -> usize {
    let view = &of.view;
    let mut area = area;
    area.y = line(canvas, area, "user", "", &user(of));
    let all = capabilities::all();
    let effective = view.capabilities.effective.phrase(all);
    area.y = line(canvas, area, "capabilities", "", &effective);
    area.y = names(canvas, Area { y: area.y + 4, ..area }, of, all);

    let seccomp = rows::seccomp(of);
    let nnp = if view.no_new_privs { "on" } else { "off" };
    let label = match view.label.as_known() {
        Ok(label) => label.clone().unwrap_or_else(|| "none".into()),
        Err(why) => why,
    };
    let pills = [
        ("seccomp", seccomp, view.seccomp.mode != 0),
        ("no_new_privs", nnp.to_owned(), view.no_new_privs),
        ("label", label, of.difference.own_label.known() == Some(&true)),
    ];
    let width = (area.width - 20) / 3;
    for (index, (name, words, own)) in pills.iter().enumerate() {
        let (x, mark) = (area.x + index * (width + 10), if *own { Mark::Own } else { Mark::Shared });
        canvas.area(Area { x, y: area.y + 2, width, height: 26 }, class(mark), 13);
        canvas.text((x + 14, area.y + 19), STRONG, "", 110, name);
        let taken = 24 + name.chars().count() * 9;
        canvas.text((x + taken, area.y + 19), BODY, tone(mark), width - taken - 8, words);
    }
    area.y + 36
}

/// The uid inside and outside.
fn user(of: &Compared) -> String {
    let ids = &of.view.ids;
    let uid = ids.uid.get(1).map_or_else(|| "unknown".into(), u32::to_string);
    let map = match ids.uid_map.as_known() {
        Ok(ranges) => rows::map(ranges).join("; "),
        Err(why) => why,
    };
    format!("uid {uid} outside;  {map}")
}

/// Every capability that the kernel knows: in effect, permitted, in the bounding set only, or gone.
fn names(canvas: &mut Canvas, area: Area, of: &Compared, all: u64) -> usize {
    const COLUMNS: usize = 5;
    const HEIGHT: usize = 16;
    let sets = &of.view.capabilities;
    let names = capability::names(all);
    let lines = names.len().div_ceil(COLUMNS);
    let width = area.width / COLUMNS;
    for (index, name) in names.iter().enumerate() {
        let (x, y) = (area.x + index / lines * width, area.y + index % lines * HEIGHT);
        let has = |mask: u64| mask >> index & 1 == 1;
        let (dot, tone) = match (has(sets.effective.mask), has(sets.permitted.mask), has(sets.bounding.mask))
        {
            (true, ..) => ("on", ""),
            (_, true, _) => ("half", ""),
            (.., true) => ("half", "dim"),
            _ => ("off", "dim"),
        };
        canvas.dot((x + 4, y + 6), dot);
        canvas.text((x + 13, y + 10), MONO, tone, width - 12, name.trim_start_matches("CAP_"));
    }
    area.y + lines * HEIGHT + 4
}

fn process(canvas: &mut Canvas, area: Area, of: &Compared) -> usize {
    let view = &of.view;
    let mut area = area;
    let command = match view.command.as_known() {
        Ok(words) => rows::command(words, &view.name),
        Err(why) => why,
    };
    area.y = line(canvas, area, "command", "", &command);
    area.y = line(canvas, area, "pid", "", &rows::pids(&view.pids, view.pid));
    area.y = line(canvas, area, "state", "", &view.state);
    let open = match view.descriptors.as_known() {
        Ok(open) => format!("{} open", open.len()),
        Err(why) => why,
    };
    let leaks = of.difference.leaks.known().map_or(&[][..], Vec::as_slice);
    let none =
        if of.difference.leaks.known().is_some() && leaks.is_empty() { ", none leads out" } else { "" };
    area.y = line(canvas, area, "descriptors", "", &format!("{open}{none}"));
    for leak in leaks.iter().take(6) {
        let mark = if leak.way_out { Mark::Leak } else { Mark::Plain };
        canvas.area(Area { y: area.y + 2, height: 22, ..area }, class(mark), 6);
        canvas.text((area.x + 10, area.y + 17), SMALL, tone(mark), area.width - 20, &leak.phrase());
        area.y += 28;
    }
    if leaks.len() > 6 {
        area.y = line(canvas, area, "", "dim", &format!("and {} more", leaks.len() - 6));
    }
    area.y + 4
}
