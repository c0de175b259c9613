use std::collections::BTreeMap;

use guest::report;

use super::cgroup::{Layout, Limit, Reading, Unit};
use super::*;

/// The host's first process, as no machine has it.
pub(super) fn made_up() -> View {
    let kinds =
        namespaces::KINDS.iter().zip(1..).map(|((kind, _), inode)| ((*kind).to_owned(), Fact::Known(inode)));
    let every = vec![IdRange { inside: 0, outside: 0, count: u32::MAX }];
    let all = capabilities::all();
    let sets =
        report::Capabilities { inheritable: 0, permitted: all, effective: all, bounding: all, ambient: 0 };
    View {
        pid: 1,
        name: "init".into(),
        command: Fact::Known(vec!["/sbin/init".into()]),
        state: "S (sleeping)".into(),
        parent: 0,
        pids: vec![1],
        ids: Ids {
            uid: vec![0; 4],
            gid: vec![0; 4],
            groups: Vec::new(),
            uid_map: Fact::Known(every.clone()),
            gid_map: Fact::Known(every),
            setgroups: Fact::Known("allow".into()),
        },
        namespaces: kinds.collect(),
        capabilities: sets.into(),
        seccomp: Seccomp { mode: 0, filters: 0 },
        no_new_privs: false,
        label: Fact::Known(None),
        cgroup: Fact::Known(Cgroup { layout: Layout::V2, paths: paths("/init.scope"), limits: Vec::new() }),
        root: Fact::Known(Root { path: "/".into(), identity: (1, 2), mount: Fact::Known(27) }),
        mounts: Fact::Known(mounts::parse("27 1 254:0 / / rw - ext4 /dev/vda rw\n")),
        descriptors: Fact::Known(Vec::new()),
        sockets: BTreeMap::new(),
    }
}

fn paths(path: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(String::new(), path.to_owned())])
}

/// A container of the kind that Docker makes, with a directory of the host's left open in it.
fn container() -> View {
    let mut view = made_up();
    let docker = 0xa804_25fb;
    let sets = report::Capabilities {
        inheritable: 0,
        permitted: docker,
        effective: docker,
        bounding: docker,
        ambient: 0,
    };
    for kind in ["mnt", "uts", "ipc", "pid", "net"] {
        let own = view.namespaces[kind].known().copied().unwrap_or(0) + 100;
        view.namespaces.insert(kind.into(), Fact::Known(own));
    }
    view.namespaces.insert("time".into(), Fact::unreadable("EACCES (root may)"));
    let limit = |resource: &str, unit, reading| Limit { resource: resource.into(), unit, reading };
    let memory = Reading {
        limit: Some(64 << 20),
        used: Some(63 << 20),
        at: Some("/docker".into()),
        ..Reading::default()
    };
    let cpu = Reading {
        limit: Some(1500),
        machine: Some(2000),
        at: Some("/docker/<a&b>".into()),
        ..Reading::default()
    };
    let limits = vec![
        limit("memory", Unit::Bytes, Fact::Known(memory)),
        limit("swap", Unit::Bytes, Fact::Known(Reading { used: Some(1536), ..Reading::default() })),
        limit("pids", Unit::Tasks, Fact::unreadable("no tree with the pids controller is mounted here")),
        limit("cpu", Unit::MilliCpus, Fact::Known(cpu)),
        limit("cpus", Unit::Cpus, Fact::Known(Reading::default())),
    ];
    let leaked = Descriptor {
        number: 7,
        target: "/".into(),
        kind: descriptors::Kind::Directory,
        access: descriptors::Access::Path,
        mount: 27,
        identity: (1, 2),
    };
    View {
        pid: 4242,
        name: "s<&h".into(),
        command: Fact::Known(vec!["sh".into(), "-c".into(), "</tmp/\u{1b}&".into()]),
        pids: vec![4242, 1],
        capabilities: sets.into(),
        seccomp: Seccomp { mode: 2, filters: 1 },
        label: Fact::Known(Some("docker-default (enforce)".into())),
        cgroup: Fact::Known(Cgroup { layout: Layout::V2, paths: paths("/docker/<a&b>"), limits }),
        root: Fact::Known(Root { path: "/".into(), identity: (5, 6), mount: Fact::Known(90) }),
        mounts: Fact::Known(mounts::parse(
            "90 80 0:55 / / rw - overlay overlay rw\n91 90 0:56 / /proc rw - proc proc rw\n",
        )),
        descriptors: Fact::Known(vec![leaked]),
        ..view
    }
}

fn answer(views: Vec<View>) -> Answer {
    let reference = made_up();
    let compared = |view| {
        let difference = Difference::between(&view, &reference);
        Compared { view, difference }
    };
    let processes = views.into_iter().map(compared).collect();
    Answer {
        reference: Reference { pid: 1, name: "init".into(), why: "the first process".into() },
        processes,
    }
}

#[test]
fn the_text_of_a_container() {
    let text = anstream::adapter::strip_str(&text::render(&answer(vec![container()]), false)).to_string();
    assert_eq!(text, include_str!("tests/container.txt").trim_end());
}

#[test]
fn two_processes_share_each_line() {
    let text =
        anstream::adapter::strip_str(&text::render(&answer(vec![made_up(), container()]), false)).to_string();
    let line = |fact: &str| {
        text.lines().find(|line| line.trim_start().starts_with(fact)).expect("the fact").to_owned()
    };
    assert!(line("mnt").contains("shared  1  mounts") && line("mnt").contains("own     101  mounts"));
    assert!(line("effective").contains("all ") && line("effective").contains("Docker's fourteen"));
    assert_eq!(
        line("seccomp").find("1 filter"),
        line("state").rfind("S (sleeping)"),
        "the columns are straight"
    );
}

#[test]
fn a_view_survives_the_way_through_json() {
    let before = answer(vec![container()]);
    let json = serde_json::to_string(&before).expect("JSON");
    assert_eq!(serde_json::from_str::<Answer>(&json).expect("an answer"), before);
    assert!(json.contains(r#""time":{"unreadable":"EACCES (root may)"}"#));
}

#[test]
fn whatever_is_unlike_the_reference_is_a_difference() {
    let same = Difference::between(&made_up(), &made_up());
    assert!(namespaces::KINDS.iter().all(|(kind, _)| !same.owns(kind)));
    assert_eq!((same.own_root.known(), same.own_cgroup.known()), (Some(&false), Some(&false)));
    assert!(!same.fewer_capabilities && same.own_label.known() == Some(&false));

    let other = Difference::between(&container(), &made_up());
    assert!(other.owns("mnt") && !other.owns("user") && !other.owns("time"));
    assert_eq!((other.own_root.known(), other.own_cgroup.known()), (Some(&true), Some(&true)));
    assert_eq!(other.own_label.known(), Some(&true));
    assert!(other.fewer_capabilities && other.leaks.known().is_some_and(|leaks| leaks[0].way_out));
}

#[test]
fn a_bounding_set_contains_though_the_reader_has_no_capability_either() {
    let mut reader = made_up();
    reader.capabilities.effective = capabilities::Set::of(0);
    assert!(Difference::between(&container(), &reader).fewer_capabilities);
    assert!(!Difference::between(&reader, &reader).fewer_capabilities);
}

#[test]
fn a_zombie_is_called_one() {
    let zombie = View { state: "Z (zombie)".into(), ..made_up() };
    let text = text::render(&answer(vec![zombie]), false);
    assert!(text.contains("Z (zombie): it has ended"));
}

#[test]
fn the_drawing_is_well_formed_and_needs_nothing_from_outside() {
    for views in [vec![container()], vec![made_up(), container()]] {
        let drawing = svg::draw(&answer(views));
        well_formed(&drawing).unwrap_or_else(|error| panic!("{error}\n{drawing}"));
        for forbidden in ["<script", "href", "url(", "<image", "@import", "\u{1b}"] {
            assert!(!drawing.contains(forbidden), "{forbidden}");
        }
        assert!(drawing.contains("prefers-color-scheme: dark") && drawing.contains("<desc"));
        assert!(drawing.contains("7: directory /, open as a path, on a mount of the reference's"));
    }
}

#[test]
fn the_check_of_the_drawing_bites() {
    for broken in
        ["<a><b></a></b>", "<a>", "<a>&nbsp;</a>", "<a b=1/>", "<a>\u{1}</a>", "<a/><b/>", "<a>1 < 2</a>"]
    {
        assert!(well_formed(broken).is_err(), "{broken}");
    }
    assert_eq!(well_formed(r#"<a b="1"><c/>x &amp; y</a>"#), Ok(()));
}

/// Elements that nest, attributes in quotes, entities that XML knows, letters that it has a place for.
fn well_formed(xml: &str) -> std::result::Result<(), String> {
    let (mut rest, mut open, mut roots) = (xml.trim(), Vec::new(), 0);
    while let Some((text, after)) = rest.split_once('<') {
        characters(text)?;
        let (tag, after) = after.split_once('>').ok_or("a tag without an end")?;
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> ends what it did not begin"));
            }
            continue;
        }
        roots += usize::from(open.is_empty());
        let (inside, empty) = tag.strip_suffix('/').map_or((tag, false), |inside| (inside, true));
        let (name, attributes) = inside.split_once(' ').unwrap_or((inside, ""));
        if !name.chars().all(char::is_alphanumeric) || name.is_empty() {
            return Err(format!("<{tag}> has no name"));
        }
        let parts: Vec<_> = attributes.split('"').collect();
        let names = parts.iter().step_by(2);
        let last = parts.len() - 1;
        if last % 2 == 1 || names.take(last / 2).any(|name| !name.ends_with('=')) || !parts[last].is_empty() {
            return Err(format!("the attributes of <{tag}>"));
        }
        parts.iter().skip(1).step_by(2).try_for_each(|value| characters(value))?;
        if !empty {
            open.push(name);
        }
    }
    characters(rest)?;
    if open.is_empty() && roots == 1 { Ok(()) } else { Err(format!("{roots} roots, open: {open:?}")) }
}

fn characters(text: &str) -> std::result::Result<(), String> {
    if let Some(letter) = text.chars().find(|letter| letter.is_control() && !matches!(letter, '\n' | '\t')) {
        return Err(format!("the letter {letter:?}"));
    }
    let known = ["amp;", "lt;", "gt;", "quot;", "apos;"];
    let unknown = text.split('&').skip(1).find(|after| !known.iter().any(|entity| after.starts_with(entity)));
    unknown.map_or(Ok(()), |after| Err(format!("&{after}")))
}
