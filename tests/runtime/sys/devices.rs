//! Lists of devices, asked of the kernel by who lives under them.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use docker_dive::sys::clone::Clone;
use docker_dive::sys::devices::{Access, DeviceKind, Program, Rule, attached, replace, version1};
use nix::errno::Errno;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use super::{in_child, said};
use crate::kit::{Case, Lab, Need, Outcome, case};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("sys devices: a program answers as the list says", &[Need::Root, Need::Cgroups], program),
        case("sys devices: a program takes the place of another", &[Need::Root, Need::Cgroups], replaced),
        case("sys devices: version 1 answers the same", &[Need::Root, Need::Cgroups], list),
    ]
}

/// A group of this case alone, which goes with it.
struct Group(PathBuf);

impl Group {
    /// Below the first mount of this kind of cgroups whose options hold the word.
    fn below(kind: &str, word: &str) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let fits = |line: &&str| {
            line.split(" - ").nth(1).is_some_and(|end| {
                let mut fields = end.split(' ');
                fields.next() == Some(kind) && fields.nth(1).is_some_and(|options| options.contains(word))
            })
        };
        let top = mounts.lines().find(fits)?.split(' ').nth(4)?;
        let group = Path::new(top).join(format!("docker-dive.devices.{}", std::process::id()));
        fs::create_dir(&group).ok().map(|()| Self(group))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

const ANY: Rule = Rule { allow: false, kind: None, major: None, minor: None, access: Access::ALL };

fn character(allow: bool, minor: Option<u32>, letters: &str) -> Rule {
    let access = Access::from_letters(letters).expect("letters");
    Rule { allow, kind: Some(DeviceKind::Character), major: Some(1), minor, access }
}

/// What is tried: null is 1:3, zero 1:5, full 1:7, random 1:8; a node is made of 1:9, and of a disk 7:9.
fn answers(dir: &Path) -> Vec<(&'static str, bool)> {
    let open = |path: &str, read, write| {
        let opened = fs::OpenOptions::new().read(read).write(write).custom_flags(libc::O_CLOEXEC).open(path);
        !matches!(opened, Err(error) if error.raw_os_error() == Some(libc::EPERM))
    };
    let make = |kind, major, minor| {
        let path = dir.join("node");
        let made = mknod(&path, kind, Mode::S_IRUSR, makedev(major, minor));
        let _ = fs::remove_file(path);
        made != Err(Errno::EPERM)
    };
    vec![
        ("null r", open("/dev/null", true, false)),
        ("null rw", open("/dev/null", true, true)),
        ("zero w", open("/dev/zero", false, true)),
        ("zero r", open("/dev/zero", true, false)),
        ("full rw", open("/dev/full", true, true)),
        ("random r", open("/dev/random", true, false)),
        ("urandom m", make(SFlag::S_IFCHR, 1, 9)),
        ("disk m", make(SFlag::S_IFBLK, 7, 9)),
    ]
}

fn allowed(answers: &[(&'static str, bool)]) -> Vec<&'static str> {
    answers.iter().filter(|(_, allowed)| *allowed).map(|(what, _)| *what).collect()
}

/// Asks in a child born in the group, or put there before it asks.
fn ask(lab: &Lab, group: &Group, born: bool, expected: &[&str]) -> Outcome {
    let directory = File::open(&group.0).map_err(said)?;
    let clone = Clone { cgroup: born.then(|| directory.as_fd()), ..Clone::default() };
    let dir = lab.dir();
    in_child(&clone, || {
        if !born {
            fs::write(group.0.join("cgroup.procs"), "0").map_err(said)?;
        }
        assert_eq!(allowed(&answers(&dir)), expected);
        Ok(())
    })
}

fn program(lab: &Lab) -> Outcome {
    let everything: Vec<_> = answers(&lab.dir()).iter().map(|(what, _)| *what).collect();
    assert_eq!(allowed(&answers(&lab.dir())), everything, "the planted fault: without a list all is allowed");
    let disks = Rule { kind: Some(DeviceKind::Block), allow: true, ..ANY };
    let all = Rule { allow: true, ..ANY };
    let lists: [(&[Rule], &[&str]); 6] = [
        (&[], &[]),
        (&[ANY, character(true, Some(3), "rwm")], &["null r", "null rw"]),
        // Each takes its part of what is wanted, and none is about all of it.
        (&[character(true, Some(7), "r"), character(true, Some(7), "w")], &["full rw"]),
        (&[disks, character(true, None, "r")], &["null r", "zero r", "random r", "disk m"]),
        // The last that fits counts, for each of the letters by itself.
        (
            &[
                all,
                character(false, Some(5), "w"),
                character(false, None, "m"),
                character(true, Some(9), "m"),
            ],
            &["null r", "null rw", "zero r", "full rw", "random r", "urandom m", "disk m"],
        ),
        (&[character(true, Some(3), "rwm"), ANY, character(true, Some(8), "rw")], &["random r"]),
    ];
    let group = Group::below("cgroup2", "").ok_or("no cgroup2")?;
    let directory = File::open(&group.0).map_err(said)?;
    for (rules, expected) in lists {
        replace(directory.as_fd(), &Program::of(rules)).map_err(said)?;
        ask(lab, &group, true, expected).map_err(|error| format!("{rules:?}: {error}"))?;
    }
    Ok(())
}

fn replaced(_: &Lab) -> Outcome {
    let group = Group::below("cgroup2", "").ok_or("no cgroup2")?;
    let directory = File::open(&group.0).map_err(said)?;
    let attached = || attached(directory.as_fd()).map_err(said);
    assert!(attached()?.is_empty(), "a new group has a program");
    replace(directory.as_fd(), &Program::of(&[ANY])).map_err(said)?;
    let first = attached()?;
    replace(directory.as_fd(), &Program::of(&[])).map_err(said)?;
    let second = attached()?;
    assert_eq!((first.len(), second.len()), (1, 1), "{first:?}, then {second:?}");
    assert_ne!(first, second);

    let file = File::open("/proc/self/status").map_err(said)?;
    let error = replace(file.as_fd(), &Program::of(&[])).expect_err("no group");
    assert!(error.to_string().starts_with("bpf(2) PROG_QUERY"), "{error}");
    Ok(())
}

fn list(lab: &Lab) -> Outcome {
    let Some(group) = Group::below("cgroup", "devices") else { return Ok(()) };
    let rules =
        [ANY, character(true, Some(3), "rw"), character(true, Some(8), "r"), character(true, Some(9), "m")];
    for (file, line) in version1(&rules) {
        fs::write(group.0.join(file), &line).map_err(|error| format!("{file} {line}: {error}"))?;
    }
    ask(lab, &group, false, &["null r", "null rw", "random r", "urandom m"])
}
