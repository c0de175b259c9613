//! A module of the learner's in the place of a lesson's function: what becomes of the `use` lines.
//!
//! A lesson's program names the function in one of two ways. Imported itself (`use step_04::{dev, pivot_into};`), it
//! leaves that line, and a line for the module comes. Reached through its module (`use step_02::mounts;` and
//! `mounts::make_private()`), the path is changed where it is used.

use std::collections::BTreeSet;

/// Where the module stands, seen from the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// main.rs declares it.
    Root,
    /// A file beside it reaches it through `crate`.
    Sibling,
}

/// The source with `module` in the place of the function at the path `replaced`; `None` if it does not use it.
pub(crate) fn swap(source: &str, replaced: &str, module: &str, from: From) -> Option<String> {
    let path: Vec<&str> = replaced.split("::").collect();
    let (function, parent) = path.split_last()?;
    let home = if from == From::Root { module.to_owned() } else { format!("crate::{module}") };
    let mut pieces = pieces(source);
    let mut imported = Vec::new();
    let mut qualifiers = vec![parent.join("::")];
    for piece in &mut pieces {
        let Piece::Use(item) = piece else { continue };
        imported.extend(item.tree.remove(&path));
        if item.tree.names_all_of(parent) {
            imported.push((*function).to_owned());
        }
        qualifiers.extend(item.tree.name_of(parent));
    }
    let mut used = !imported.is_empty();
    for piece in &mut pieces {
        let Piece::Text(text) = piece else { continue };
        for qualifier in &qualifiers {
            let (old, new) = (format!("{qualifier}::{function}"), format!("{home}::{function}"));
            let changed = replace_path(text, &old, &new);
            used |= changed != *text;
            *text = changed;
        }
    }
    if !used {
        return None;
    }
    drop_unused(&mut pieces, parent);
    imported.sort();
    imported.dedup();
    let lines: Vec<_> = imported.iter().map(|name| format!("use {home}::{name};\n")).collect();
    Some(assembled(pieces, from, module, &lines.concat()))
}

/// The paths into lessons that a source takes: `step_02::spawn`, by a `use` or where it stands.
pub(crate) fn taken(source: &str) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for piece in pieces(source) {
        match piece {
            Piece::Use(item) => item.tree.leaves("", &mut paths),
            Piece::Text(text) => {
                let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
                let words = code.flat_map(|line| {
                    line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
                        .filter(|word| word.contains("::"))
                });
                paths.extend(words.map(|word| word.trim_end_matches(':').to_owned()));
            }
        }
    }
    paths.retain(|path| {
        let number = path.strip_prefix("step_").and_then(|rest| rest.split("::").next());
        number.is_some_and(|number| number.parse::<u8>().is_ok())
    });
    paths
}

/// A source, cut at its `use` items.
enum Piece {
    Text(String),
    Use(Item),
}

struct Item {
    /// What stands before: `pub(crate) `.
    visibility: String,
    tree: Tree,
    /// As it was written, for one that is not changed.
    written: String,
    changed_from: Tree,
}

/// What `use` imports.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tree {
    /// `a::b`, `a::b as c`, `a::*`.
    Leaf(String),
    /// `a::{…}`; the first part may be empty.
    Group(String, Vec<Tree>),
}

fn pieces(source: &str) -> Vec<Piece> {
    let mut pieces = vec![Piece::Text(String::new())];
    let mut lines = source.split_inclusive('\n');
    while let Some(line) = lines.next() {
        let visible = ["pub(crate) ", "pub ", ""].into_iter().find(|prefix| {
            line.strip_prefix(prefix)
                .is_some_and(|rest| rest.starts_with("use ") || rest.starts_with("use\n"))
        });
        let Some(visibility) = visible else {
            match pieces.last_mut() {
                Some(Piece::Text(text)) => text.push_str(line),
                _ => pieces.push(Piece::Text(line.to_owned())),
            }
            continue;
        };
        let mut written = line.to_owned();
        while !written.contains(';') {
            let Some(more) = lines.next() else { break };
            written.push_str(more);
        }
        let inner = &written[visibility.len() + "use".len()..written.find(';').unwrap_or(written.len())];
        let tree = Tree::parse(inner);
        let (visibility, changed_from) = (visibility.to_owned(), tree.clone());
        pieces.push(Piece::Use(Item { visibility, tree, written, changed_from }));
    }
    pieces
}

impl Tree {
    fn parse(text: &str) -> Self {
        let text = text.trim();
        let Some((prefix, group)) = text.split_once('{') else {
            return Self::Leaf(text.split_whitespace().collect::<Vec<_>>().join(" "));
        };
        let group = group.trim_end().strip_suffix('}').unwrap_or(group);
        let (mut depth, mut start, mut children) = (0, 0, Vec::new());
        for (index, letter) in group.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    children.push(&group[start..index]);
                    start = index + 1;
                }
                _ => {}
            }
        }
        children.push(&group[start..]);
        let children =
            children.into_iter().filter(|child| !child.trim().is_empty()).map(Self::parse).collect();
        Self::Group(prefix.trim().trim_end_matches("::").to_owned(), children)
    }

    /// Takes a path out, and says by which names it was known.
    fn remove(&mut self, path: &[&str]) -> Vec<String> {
        let mut names = Vec::new();
        let Self::Group(prefix, children) = self else {
            if let Some(name) = self.leaf_name(path) {
                names.push(name);
                *self = Self::Group(String::new(), vec![]);
            }
            return names;
        };
        let Some(rest) = below(prefix, path) else { return names };
        for child in children.iter_mut() {
            names.extend(child.remove(rest));
        }
        children.retain(|child| !matches!(child, Self::Group(_, empty) if empty.is_empty()));
        names
    }

    /// `function` or `function as name`, if this leaf is that path.
    fn leaf_name(&self, path: &[&str]) -> Option<String> {
        let Self::Leaf(text) = self else { return None };
        let (written, alias) = text.split_once(" as ").map_or((text.as_str(), None), |(a, b)| (a, Some(b)));
        let same = written.split("::").map(str::trim).eq(path.iter().copied());
        let function = path.last().filter(|_| same)?;
        Some(alias.map_or_else(|| (*function).to_owned(), |alias| format!("{function} as {}", alias.trim())))
    }

    /// Whether it ends in `::*` below the path.
    fn names_all_of(&self, path: &[&str]) -> bool {
        match self {
            Self::Leaf(_) => self.leaf_name(&[path, &["*"]].concat()).is_some(),
            Self::Group(prefix, children) => {
                below(prefix, path).is_some_and(|rest| children.iter().any(|child| child.names_all_of(rest)))
            }
        }
    }

    /// The name under which the module at the path is imported: its last part, `self`, or an alias.
    fn name_of(&self, path: &[&str]) -> Option<String> {
        match self {
            Self::Leaf(_) => {
                let itself = [path, &["self"]].concat();
                let name = self.leaf_name(path).or_else(|| self.leaf_name(&itself))?;
                let name = name.split_once(" as ").map_or(name.clone(), |(_, alias)| alias.to_owned());
                Some(if name == "self" { String::new() } else { name })
            }
            Self::Group(prefix, children) => {
                let rest = below(prefix, path)?;
                let name = children.iter().find_map(|child| child.name_of(rest))?;
                // `mounts::{self, …}`: the name is the group's own.
                Some(if name.is_empty() {
                    prefix.rsplit("::").next().unwrap_or(prefix).to_owned()
                } else {
                    name
                })
            }
        }
    }

    /// Every path that it imports.
    fn leaves(&self, above: &str, paths: &mut BTreeSet<String>) {
        let joined = |name: &str| if above.is_empty() { name.to_owned() } else { format!("{above}::{name}") };
        match self {
            Self::Leaf(text) => {
                let name = text.split(" as ").next().unwrap_or(text);
                paths.insert(if name == "self" { above.to_owned() } else { joined(name) });
            }
            Self::Group(prefix, children) => {
                let above = if prefix.is_empty() { above.to_owned() } else { joined(prefix) };
                for child in children {
                    child.leaves(&above, paths);
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Group(_, children) if children.is_empty())
    }

    fn written(&self) -> String {
        match self {
            Self::Leaf(text) => text.clone(),
            Self::Group(prefix, children) => {
                let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}::") };
                match children.as_slice() {
                    [Self::Leaf(one)] if !one.starts_with("self") => format!("{prefix}{one}"),
                    [Self::Leaf(one)] if one == "self" => prefix.trim_end_matches("::").to_owned(),
                    many => {
                        let many: Vec<_> = many.iter().map(Self::written).collect();
                        format!("{prefix}{{{}}}", many.join(", "))
                    }
                }
            }
        }
    }
}

/// What remains of a path below a prefix.
fn below<'a, 'b>(prefix: &str, path: &'a [&'b str]) -> Option<&'a [&'b str]> {
    let parts = || prefix.split("::").map(str::trim).filter(|part| !part.is_empty());
    let begins = path.len() >= parts().count() && parts().eq(path.iter().copied().take(parts().count()));
    if begins { path.get(parts().count()..) } else { None }
}

/// An import of the function's module that nothing uses any more would be warned of.
fn drop_unused(pieces: &mut [Piece], parent: &[&str]) {
    let text: String = pieces
        .iter()
        .filter_map(|piece| if let Piece::Text(text) = piece { Some(text.as_str()) } else { None })
        .collect();
    if parent.len() < 2 {
        return;
    }
    for piece in pieces {
        let Piece::Use(item) = piece else { continue };
        let Some(name) = item.tree.name_of(parent) else { continue };
        if replace_path(&text, &format!("{name}::"), "") == text {
            let itself = [parent, &["self"]].concat();
            item.tree.remove(parent);
            item.tree.remove(&itself);
        }
    }
}

/// Replaces a path where it stands as a whole: not as the end of a longer one, nor as the beginning of a word.
pub(crate) fn replace_path(text: &str, old: &str, new: &str) -> String {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(old) {
        let (before, after) = (&rest[..at], &rest[at + old.len()..]);
        let begins = !before.ends_with(|c: char| word(c) || c == ':');
        let ends = old.ends_with(':') || !after.starts_with(word);
        result.push_str(before);
        result.push_str(if begins && ends { new } else { old });
        rest = after;
    }
    result + rest
}

fn assembled(pieces: Vec<Piece>, from: From, module: &str, uses: &str) -> String {
    let last_use = pieces.iter().rposition(|piece| matches!(piece, Piece::Use(_)));
    let declared = format!("mod {module};");
    let is_declared = pieces.iter().any(
        |piece| matches!(piece, Piece::Text(text) if text.lines().any(|line| line.trim_start_matches("pub(crate) ") == declared)),
    );
    let mut added = String::new();
    if from == From::Root && !is_declared {
        added = format!("\n{declared}\n");
    }
    added += uses;
    let (mut source, mut placed) = (String::new(), false);
    for (index, piece) in pieces.into_iter().enumerate() {
        match piece {
            // A program without any `use` declares its module below the text that describes it.
            Piece::Text(text) if last_use.is_none() && !placed => {
                let top: usize =
                    text.split_inclusive('\n').take_while(|line| line.starts_with("//!")).map(str::len).sum();
                source += &text[..top];
                source += &added;
                source += &text[top..];
                placed = true;
            }
            Piece::Text(text) => source += &text,
            Piece::Use(item) if item.tree == item.changed_from => source += &item.written,
            Piece::Use(item) if item.tree.is_empty() => {}
            Piece::Use(item) => source.extend([&item.visibility, "use ", &item.tree.written(), ";\n"]),
        }
        if last_use == Some(index) {
            source += &added;
        }
    }
    source
}

#[cfg(test)]
mod tests {
    use super::*;

    fn swapped(source: &str, replaced: &str, module: &str) -> String {
        swap(source, replaced, module, From::Root).expect("it is used")
    }

    #[test]
    fn a_name_leaves_its_group_and_the_module_comes() {
        let source = "//! Doc.\n\nuse kit::Result;\nuse step_04::{bind_to_itself, dev, pivot_into, sys};\n\nmod other;\n";
        let expected = "//! Doc.\n\nuse kit::Result;\nuse step_04::{bind_to_itself, dev, sys};\n\nmod pivot;\nuse pivot::pivot_into;\n\nmod other;\n";
        assert_eq!(swapped(source, "step_04::pivot_into", "pivot"), expected);
    }

    #[test]
    fn a_group_of_two_becomes_one_and_a_line_of_one_goes() {
        let source = "use step_01::{chroot_into, exec};\n";
        assert_eq!(
            swapped(source, "step_01::chroot_into", "root"),
            "use step_01::exec;\n\nmod root;\nuse root::chroot_into;\n"
        );
        let source = "use step_01::chroot_into;\nfn main() {}\n";
        assert_eq!(
            swapped(source, "step_01::chroot_into", "root"),
            "\nmod root;\nuse root::chroot_into;\nfn main() {}\n"
        );
    }

    #[test]
    fn groups_in_groups_over_lines_and_other_names() {
        let source = "use step_02::{\n    Clone3,\n    ids::{self, Maps, become_root as become_it},\n    mounts,\n};\n";
        let seen = swapped(source, "step_02::ids::become_root", "ids_of_mine");
        assert_eq!(
            seen,
            "use step_02::{Clone3, ids::{self, Maps}, mounts};\n\nmod ids_of_mine;\nuse ids_of_mine::become_root as become_it;\n"
                .replace("ids::{self, Maps}", "ids::{Maps}")
                .replace("{Maps}", "Maps"),
            "nothing else says ids:: any more"
        );
    }

    #[test]
    fn a_path_through_a_module_is_changed_where_it_stands() {
        let source = "use step_02::{Clone3, mounts, spawn};\nfn f() {\n    mounts::make_private()?;\n    mounts::mount_proc(root)?;\n    amounts::make_private(); mounts::make_private_too();\n}\n";
        let seen = swapped(source, "step_02::mounts::make_private", "private");
        assert!(seen.contains("    private::make_private()?;\n    mounts::mount_proc"), "{seen}");
        assert!(seen.contains("amounts::make_private(); mounts::make_private_too()"), "{seen}");
        assert!(seen.starts_with("use step_02::{Clone3, mounts, spawn};\n\nmod private;\nfn f"), "{seen}");
    }

    #[test]
    fn an_import_that_nothing_needs_any_more_goes() {
        let source = "use step_02::{Clone3, mounts};\nfn f() { mounts::make_private() }\n";
        let seen = swapped(source, "step_02::mounts::make_private", "private");
        assert_eq!(seen, "use step_02::Clone3;\n\nmod private;\nfn f() { private::make_private() }\n");
        let source = "use step_02::ids::{self, Maps};\nfn f() { ids::become_root() }\n";
        let seen = swapped(source, "step_02::ids::become_root", "id");
        assert_eq!(seen, "use step_02::ids::Maps;\n\nmod id;\nfn f() { id::become_root() }\n");
    }

    #[test]
    fn what_is_taken_from_the_lessons_is_found_wherever_it_stands() {
        let source = "//! step_09::no\nuse step_02::{\n    Clone3, ids::{self, Maps},\n};\nuse kit::Result;\nuse step_00::Program as P;\n\nfn f() {\n    // step_08::no\n    step_04::pivot_into(step_x::no)\n}\n";
        let expected = [
            "step_00::Program",
            "step_02::Clone3",
            "step_02::ids",
            "step_02::ids::Maps",
            "step_04::pivot_into",
        ];
        assert_eq!(taken(source).into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_whole_path_and_a_star() {
        let seen = swapped("fn f() { step_04::pivot_into(r) }\n", "step_04::pivot_into", "pivot");
        assert_eq!(seen, "\nmod pivot;\nfn f() { pivot::pivot_into(r) }\n");
        let seen = swapped("use step_04::*;\n", "step_04::pivot_into", "pivot");
        assert_eq!(seen, "use step_04::*;\n\nmod pivot;\nuse pivot::pivot_into;\n");
    }

    #[test]
    fn what_is_not_used_is_not_swapped_and_what_is_swapped_stays() {
        assert_eq!(swap("use step_04::{dev, sys};\n", "step_04::pivot_into", "pivot", From::Root), None);
        let once = swapped("use step_04::pivot_into;\n", "step_04::pivot_into", "pivot");
        assert_eq!(swap(&once, "step_04::pivot_into", "pivot", From::Root), None);
    }

    #[test]
    fn a_second_function_of_one_module_declares_it_once() {
        let source = "use step_02::{ids, join};\nfn f() { ids::a(); ids::b(); ids::c() }\n";
        let once = swapped(source, "step_02::ids::a", "mine");
        let twice = swapped(&once, "step_02::ids::b", "mine");
        assert_eq!(twice.matches("mod mine;").count(), 1, "{twice}");
        assert!(twice.contains("mine::a(); mine::b(); ids::c()"), "{twice}");
    }

    #[test]
    fn a_file_beside_main_reaches_it_through_the_crate() {
        let source = "use step_03::{Cgroup, plan};\n\nfn f() { plan() }\n";
        let seen = swap(source, "step_03::plan", "planned", From::Sibling).expect("used");
        assert_eq!(seen, "use step_03::Cgroup;\nuse crate::planned::plan;\n\nfn f() { plan() }\n");
    }

    #[test]
    fn items_that_are_not_touched_stay_as_they_were_written() {
        let source = "use a::{\n    // why\n    b,\n};\npub(crate) use step_04::{dev, pivot_into};\n";
        let seen = swapped(source, "step_04::pivot_into", "pivot");
        assert!(
            seen.starts_with("use a::{\n    // why\n    b,\n};\npub(crate) use step_04::dev;\n"),
            "{seen}"
        );
    }
}
