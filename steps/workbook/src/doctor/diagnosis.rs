//! From surroundings and outcomes to verdicts. Pure: the same input gives the same report on any machine.

use kit::advice::{self, Advice, Machine, Remedy};
use kit::{Error, Tier};
use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::optional;
use super::probe::{Ability, Tried};
use super::surroundings::Surroundings;

/// Everything that the doctor says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// Who you are, as far as it matters.
    pub you: String,
    /// One line for each lesson.
    pub lessons: Vec<Line>,
    /// One line for each tier of privilege.
    pub tiers: Vec<Line>,
    /// One line for each ability that was tried.
    pub abilities: Vec<Line>,
    /// What lessons to come, or instruments, would like to find. It forbids nothing.
    pub optional: Vec<Line>,
    /// What the lessons said while they were tried.
    pub said: Vec<String>,
    /// What was read.
    pub surroundings: Surroundings,
}

/// A subject with its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// `04`, `T1`, `pivot`: stable, for programs.
    pub id: String,
    /// For people.
    pub title: String,
    /// The tier at which it was tried.
    pub tier: String,
    /// Whether it works.
    pub verdict: Verdict,
    /// In a few words, what fails; empty if nothing does.
    pub brief: String,
    /// What fails, why, and what would mend it.
    pub findings: Vec<Finding>,
}

/// How far something works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All of it.
    Runs,
    /// It runs, and something is missing.
    Partly,
    /// Not at all; a step then exits 125.
    Forbidden,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What cannot be had.
    pub missing: String,
    /// What there is room for in a table.
    pub brief: String,
    /// The call that failed, its subject and its errno, if one was made.
    pub call: Option<String>,
    /// Why.
    pub why: String,
    /// Ways out, the cheapest first; never none.
    pub remedies: Vec<Remedy>,
}

/// The names of the lessons.
pub(super) const LESSONS: [&str; 8] =
    ["spawn", "chroot", "namespaces", "cgroups", "pivot-root", "oci-config", "security", "lifecycle"];

impl Report {
    /// Judges.
    pub fn new(surroundings: Surroundings, tried: Tried) -> Self {
        let tiers = tiers(&surroundings, &tried);
        Self {
            you: you(&surroundings),
            lessons: lessons(&surroundings, &tried),
            abilities: abilities(&surroundings, &tried),
            optional: optional::lines(&surroundings, &tried),
            tiers,
            said: tried.said,
            surroundings,
        }
    }

    /// 1 if a lesson is forbidden.
    pub fn exit_status(&self) -> u8 {
        self.lessons.iter().any(|line| line.verdict == Verdict::Forbidden).into()
    }
}

impl Tried {
    /// The error of an ability that was tried in vain.
    pub(super) fn failed(&self, ability: Ability) -> Option<&Error> {
        self.abilities.iter().find(|trial| trial.what == ability)?.failed.as_ref()
    }
}

fn you(around: &Surroundings) -> String {
    let uid = around.machine.uid;
    match (around.privileged, uid) {
        (true, 0) => "you are root".into(),
        (true, _) => format!("you are uid {uid} with CAP_SYS_ADMIN, which counts as root"),
        (false, 0) => "you are uid 0 without CAP_SYS_ADMIN, as in a plain container: root is borrowed in a user namespace".into(),
        (false, _) => format!("you are uid {uid}: root is borrowed in a user namespace"),
    }
}

/// A lesson that ran may still lack what it can do without.
fn lessons(around: &Surroundings, tried: &Tried) -> Vec<Line> {
    let losses: [&[(Ability, &str)]; 8] = [
        &[],
        &[],
        &[(Ability::Proc, "a /proc of its own"), (Ability::TimeNamespace, "--boottime")],
        &[(Ability::Proc, "a /proc of its own")],
        &[
            (Ability::Cgroup, "limits"),
            (Ability::Proc, "a /proc of its own"),
            (Ability::Sys, "a /sys of its own"),
        ],
        &[
            (Ability::CgroupBirth, "limits"),
            (Ability::Proc, "a /proc of its own"),
            (Ability::Sys, "a /sys of its own"),
        ],
        &[
            (Ability::CgroupBirth, "limits"),
            (Ability::Proc, "a /proc of its own"),
            (Ability::Sys, "a /sys of its own"),
            (Ability::Landlock, "Landlock"),
        ],
        &[
            (Ability::CgroupBirth, "limits"),
            (Ability::Proc, "a /proc of its own"),
            (Ability::Sys, "a /sys of its own"),
        ],
    ];
    let judge = |(trial, losses): (&super::probe::Trial<u8>, &[(Ability, &str)])| {
        let id = format!("{:02}", trial.what);
        let name = LESSONS.get(usize::from(trial.what)).copied().unwrap_or_default();
        let machine = sibling(&around.machine, &id);
        let tier = match (trial.what, around.tier()) {
            (0, _) => "T0",
            (_, Tier::User) => "T1",
            (_, Tier::Root) => "T2",
        };
        let (verdict, findings) = match &trial.failed {
            Some(error) => {
                let mut found = finding(&format!("lesson {id}"), error, &machine);
                found.remedies.push(in_a_machine_of_its_own(&around.machine, &machine));
                (Verdict::Forbidden, vec![found])
            }
            None => judge_losses(losses, tried, &machine),
        };
        Line::new(&id, &format!("{id} {name}"), tier, verdict, findings)
    };
    tried.lessons.iter().zip(losses).map(judge).collect()
}

fn judge_losses(losses: &[(Ability, &str)], tried: &Tried, machine: &Machine) -> (Verdict, Vec<Finding>) {
    let findings: Vec<_> = losses
        .iter()
        .filter_map(|(ability, name)| tried.failed(*ability).map(|error| finding(name, error, machine)))
        .collect();
    (if findings.is_empty() { Verdict::Runs } else { Verdict::Partly }, findings)
}

/// What always remains.
fn in_a_machine_of_its_own(dive: &Machine, step: &Machine) -> Remedy {
    let command = format!("{} vm -- {}", dive.exe, step.exe);
    let cost = "changes nothing here: a kernel of its own for one command; slower, and needs user-mode-linux or QEMU";
    Remedy { command, cost: cost.into() }
}

/// The machine as the step's own error would see it: the remedy names the step.
fn sibling(machine: &Machine, id: &str) -> Machine {
    let dir = machine.exe.rsplit_once('/').map(|(dir, _)| format!("{dir}/")).unwrap_or_default();
    Machine { exe: format!("{dir}step-{id}"), ..machine.clone() }
}

fn tiers(around: &Surroundings, tried: &Tried) -> Vec<Line> {
    let machine = sibling(&around.machine, "02");
    let in_namespace = [Ability::UserNamespace, Ability::Tmpfs].map(|ability| tried.failed(ability));
    let t1: Vec<_> = in_namespace
        .into_iter()
        .flatten()
        .take(1)
        .map(|error| finding("a user namespace", error, &machine))
        .collect();
    let t1 = (if t1.is_empty() { Verdict::Runs } else { Verdict::Forbidden }, t1);
    let (t2, t3) = (root_with_cgroup(around, tried), engines(around, tried));
    let line = |id: &str, title: &str, (verdict, findings): (Verdict, Vec<Finding>)| {
        Line::new(id, &format!("{id} {title}"), id, verdict, findings)
    };
    vec![
        line("T0", "pure functions", (Verdict::Runs, vec![])),
        line("T1", "user namespace", t1),
        line("T2", "root and a cgroup", t2),
        line("T3", "an engine", t3),
    ]
}

fn root_with_cgroup(around: &Surroundings, tried: &Tried) -> (Verdict, Vec<Finding>) {
    let machine = sibling(&around.machine, "03");
    let cgroup = tried.failed(Ability::Cgroup).map(|error| finding("a cgroup", error, &machine));
    let mut findings: Vec<_> = cgroup.into_iter().collect();
    if !around.privileged {
        let Advice { why, remedies } = advice::for_root(&machine);
        findings.insert(
            0,
            Finding { missing: "root".into(), brief: "you are not root".into(), call: None, why, remedies },
        );
    }
    let verdict = match (around.privileged, findings.len()) {
        (true, 0) => Verdict::Runs,
        (true, _) | (false, 1) => Verdict::Partly,
        _ => Verdict::Forbidden,
    };
    (verdict, findings)
}

/// Docker's and containerd's daemons are asked by connecting; Podman has none.
fn engines(around: &Surroundings, tried: &Tried) -> (Verdict, Vec<Finding>) {
    let answers =
        |ability| tried.abilities.iter().any(|trial| trial.what == ability && trial.failed.is_none());
    if answers(Ability::Docker) || answers(Ability::Containerd) || around.has("podman") {
        return (Verdict::Runs, vec![]);
    }
    let sudo = if around.machine.is_root() { "" } else { "sudo " };
    let (why, command, cost) = match tried.failed(Ability::Docker).and_then(Error::errno) {
        Some(Errno::EACCES) => (
            "Docker's daemon runs, and its socket is not yours",
            "sudo usermod -aG docker \"$USER\"; then log in anew".to_owned(),
            "who may talk to Docker's daemon is root on this machine",
        ),
        _ if around.has("docker") || around.has("containerd") => (
            "an engine is installed, and no daemon answers",
            format!("{sudo}systemctl start docker (without systemd: {sudo}dockerd &)"),
            "a daemon runs as root and sets up a bridge and rules of the packet filter",
        ),
        _ => (
            "neither Docker, Podman nor containerd was found; lesson 19 compares with them",
            format!(
                "install podman with your package manager: {sudo}apt-get install podman, {sudo}dnf install podman"
            ),
            "some 100 MB; no daemon",
        ),
    };
    let call = tried.failed(Ability::Docker).map(ToString::to_string);
    let remedies = vec![Remedy { command, cost: cost.into() }];
    let verdict = if around.has("runc") || around.has("crun") { Verdict::Partly } else { Verdict::Forbidden };
    (
        verdict,
        vec![Finding {
            missing: "an engine that answers".into(),
            brief: why.into(),
            call,
            why: why.into(),
            remedies,
        }],
    )
}

fn abilities(around: &Surroundings, tried: &Tried) -> Vec<Line> {
    let judge = |trial: &super::probe::Trial<Ability>| {
        let title = trial.what.title();
        let tier = match (trial.what, around.tier()) {
            (Ability::UserNamespace, _) | (_, Tier::User) => "T1",
            (_, Tier::Root) => "T2",
        };
        let findings: Vec<_> = trial
            .failed
            .iter()
            .map(|error| finding(title, error, &sibling(&around.machine, trial.what.step())))
            .collect();
        let verdict = if findings.is_empty() { Verdict::Runs } else { Verdict::Forbidden };
        Line::new(trial.what.id(), title, tier, verdict, findings)
    };
    // The engines' sockets are what the tier T3 is judged by; they are no abilities of the kernel's.
    let of_kernel =
        tried.abilities.iter().filter(|trial| !matches!(trial.what, Ability::Docker | Ability::Containerd));
    of_kernel.map(judge).collect()
}

impl Line {
    /// With what fails, in a few words: the first call, or else what is missing.
    pub(super) fn new(id: &str, title: &str, tier: &str, verdict: Verdict, findings: Vec<Finding>) -> Self {
        let missing: Vec<_> = findings.iter().map(|finding| finding.missing.as_str()).collect();
        let brief = match (verdict, findings.first()) {
            (_, None) => String::new(),
            (Verdict::Forbidden, Some(first)) => first.brief.clone(),
            (_, Some(_)) => format!("without {}", missing.join(", ")),
        };
        Self { id: id.into(), title: title.into(), tier: tier.into(), verdict, brief, findings }
    }
}

/// The call and the errno's name, of several flags the first: what there is room for in a table.
pub(super) fn shorten(error: &Error) -> String {
    let doing = error.doing().strip_suffix(" on").unwrap_or(error.doing());
    let mut words = match doing.split_once('|') {
        Some((first, _)) => format!("{first}|…"),
        None => doing.to_owned(),
    };
    // What is written is a number; where it is written says what it means.
    if doing.starts_with("write ") {
        let file = error.subject().rsplit('/').next().unwrap_or_default();
        words = format!("write(2) to {file}");
    }
    match error.errno() {
        Some(errno) => {
            // An errno's name comes first in its text.
            let text = errno.to_string();
            format!("{words}: {}", text.split(':').next().unwrap_or_default())
        }
        None => format!("{words} {}", error.subject()).trim_end().to_owned(),
    }
}

/// An error with its advice; where nobody knows any, what would tell more.
pub(super) fn finding(missing: &str, error: &Error, machine: &Machine) -> Finding {
    let advice = advice::on(machine, error).unwrap_or_else(|| Advice {
        why: error.hint().map_or_else(
            || format!("no setting that this program knows forbids it: {}", shorten(error)),
            str::to_owned,
        ),
        remedies: vec![],
    });
    let mut remedies = advice.remedies;
    if remedies.is_empty() {
        let command = format!("strace -f -o doctor.strace {}; tail doctor.strace", machine.exe);
        remedies.push(Remedy {
            command,
            cost: "mends nothing: it shows what the kernel answered to which call".into(),
        });
    }
    Finding {
        missing: missing.into(),
        brief: shorten(error),
        call: Some(error.to_string()),
        why: advice.why,
        remedies,
    }
}
