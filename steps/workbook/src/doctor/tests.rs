//! Machines that are not at hand, made up: what they say of themselves, and what their kernels answer.

use anstream::adapter::strip_str;
use kit::Error;
use kit::advice::{Machine, Platform};
use nix::errno::Errno;

use super::diagnosis::{Line, Report, Verdict, shorten};
use super::probe::{Ability, Trial, Tried};
use super::surroundings::{self, Directory, Limits, Surroundings, Tool};
use super::text;

const ABILITIES: [Ability; 15] = [
    Ability::Process,
    Ability::Root,
    Ability::UserNamespace,
    Ability::Tmpfs,
    Ability::Proc,
    Ability::Sys,
    Ability::Chroot,
    Ability::Pivot,
    Ability::Overlay,
    Ability::Cgroup,
    Ability::CgroupBirth,
    Ability::TimeNamespace,
    Ability::Landlock,
    Ability::Docker,
    Ability::Containerd,
];

/// An ordinary user of a machine on which everything works.
fn healthy() -> Surroundings {
    let tool = |name: &str| Tool { name: name.into(), path: Some(format!("/usr/bin/{name}").into()) };
    Surroundings {
        machine: Machine {
            release: "6.8.0-45-generic".into(),
            distribution: "ubuntu debian".into(),
            uid: 1000,
            pure_v2: true,
            user_manager: true,
            exe: "target/debug/dive".into(),
            ..Machine::default()
        },
        gid: 1000,
        cgroups: "version 2: cpu io memory pids".into(),
        security_modules: "capability,landlock,yama,apparmor".into(),
        limits: Limits {
            processes: ["63127".into(), "63127".into()],
            files: ["1024".into(), "1048576".into()],
            pids_max: Some("max".into()),
        },
        directories: vec![Directory {
            path: "/tmp".into(),
            writable: true,
            free_mib: 4096,
            ..Directory::default()
        }],
        subordinate_ids: surroundings::SubordinateIds { uids: true, gids: true },
        tools: ["sh", "strace", "newuidmap", "newgidmap", "podman"].map(tool).into(),
        ..Surroundings::default()
    }
}

/// Everything was tried; what is named failed.
fn tried(lessons: &[(u8, &Error)], abilities: &[(Ability, &Error)]) -> Tried {
    let failed = |what| abilities.iter().find(|(name, _)| *name == what).map(|(_, error)| (*error).clone());
    let of_lesson =
        |what| lessons.iter().find(|(number, _)| *number == what).map(|(_, error)| (*error).clone());
    Tried {
        abilities: ABILITIES.into_iter().map(|what| Trial { what, failed: failed(what) }).collect(),
        lessons: (0..8).map(|what| Trial { what, failed: of_lesson(what) }).collect(),
        said: vec![],
    }
}

fn map() -> Error {
    Error::call("write \"0 1000 1\" to", "/proc/self/uid_map", Errno::EPERM)
}

fn group(errno: Errno) -> Error {
    Error::call("mkdir(2) cgroup", "/sys/fs/cgroup/docker-dive.1-2", errno)
}

/// Lesson 03 forbidden for want of a group, 04 and 05 without limits.
fn without_groups(error: &Error) -> Tried {
    tried(&[(3, error)], &[(Ability::Cgroup, error), (Ability::CgroupBirth, error)])
}

fn in_every_root(error: &Error) -> Tried {
    let lessons: Vec<_> = (1..8).map(|number| (number, error)).collect();
    tried(&lessons, &[(Ability::UserNamespace, error)])
}

fn ubuntu() -> Report {
    let mut around = healthy();
    around.machine.apparmor_restricts = Some("1".into());
    let (map, name, group) =
        (map(), Error::call("sethostname(2)", "step-02", Errno::EPERM), group(Errno::EACCES));
    let lessons = [(1, &map), (2, &name), (3, &group), (4, &name), (5, &name), (6, &name), (7, &name)];
    let mount = Error::call("mount(2) MS_REC|MS_PRIVATE on", "/", Errno::EACCES);
    let within =
        [Ability::Tmpfs, Ability::Proc, Ability::Sys, Ability::Chroot, Ability::Pivot, Ability::Overlay];
    let mut abilities: Vec<_> = within.into_iter().map(|ability| (ability, &mount)).collect();
    abilities.extend([(Ability::Cgroup, &group), (Ability::CgroupBirth, &group)]);
    Report::new(around, tried(&lessons, &abilities))
}

fn plain_docker() -> Report {
    let mut around = healthy();
    around.machine = Machine { uid: 0, platform: Platform::Docker, seccomp: true, ..around.machine };
    around.gid = 0;
    around.covered = vec!["/proc/kcore".into(), "/proc/keys".into()];
    around.tools.retain(|tool| tool.name == "sh");
    let (unshare, clone) = (
        Error::call("unshare(2) CLONE_NEWUSER", "", Errno::EPERM),
        Error::call("clone3(2) CLONE_NEWNS|CLONE_NEWUSER|CLONE_NEWPID", "", Errno::ENOSYS),
    );
    let (group, socket) =
        (group(Errno::EROFS), Error::call("connect(2)", "/var/run/docker.sock", Errno::ENOENT));
    let lessons =
        [(1, &unshare), (2, &clone), (3, &group), (4, &clone), (5, &clone), (6, &clone), (7, &clone)];
    let abilities = [
        (Ability::UserNamespace, &clone),
        (Ability::Cgroup, &group),
        (Ability::Docker, &socket),
        (Ability::Containerd, &socket),
    ];
    Report::new(around, tried(&lessons, &abilities))
}

fn codespaces() -> Report {
    let mut report = plain_docker();
    report.surroundings.machine.platform = Platform::Codespaces;
    let clone = Error::call("clone3(2) CLONE_NEWNS|CLONE_NEWUSER", "", Errno::EPERM);
    Report::new(report.surroundings, in_every_root(&clone))
}

fn wsl(version: Platform, release: &str, tried: Tried) -> Report {
    let mut around = healthy();
    around.machine.platform = version;
    around.machine.release = release.into();
    around.machine.user_manager = false;
    around.machine.pure_v2 = false;
    Report::new(around, tried)
}

fn wsl1() -> Report {
    let clone = Error::call("clone3(2) CLONE_NEWUSER", "", Errno::EINVAL);
    wsl(Platform::Wsl1, "4.4.0-19041-Microsoft", in_every_root(&clone))
}

fn wsl2() -> Report {
    wsl(Platform::Wsl2, "5.15.167.4-microsoft-standard-WSL2", without_groups(&group(Errno::EACCES)))
}

fn version_1() -> Report {
    let mut around = healthy();
    around.machine.pure_v2 = false;
    around.cgroups = "version 1: cpu freezer io memory pids".into();
    Report::new(around, without_groups(&group(Errno::EACCES)))
}

fn not_delegated() -> Report {
    Report::new(healthy(), without_groups(&group(Errno::EACCES)))
}

fn delegated() -> Report {
    Report::new(healthy(), tried(&[], &[]))
}

/// A session that hands down memory and pids, as systemd before 244 did: the lesson's share of CPU is missing.
fn without_cpu() -> Report {
    let error = Error::refused("find the controller", "cpu", "it is in no tree of this host");
    Report::new(healthy(), tried(&[(3, &error)], &[]))
}

fn debian_10() -> Report {
    let mut around = healthy();
    around.machine.release = "4.19.0-27-amd64".into();
    around.machine.distribution = "debian".into();
    around.machine.unprivileged_userns_clone = Some("0".into());
    let clone = Error::call("clone3(2) CLONE_NEWNS|CLONE_NEWUSER", "", Errno::ENOSYS);
    let unshare = Error::call("unshare(2) CLONE_NEWUSER", "", Errno::EPERM);
    let overlay = Error::call("mount(2) overlay on", "/tmp/merged", Errno::EPERM);
    let lessons =
        [(1, &unshare), (2, &clone), (3, &clone), (4, &clone), (5, &clone), (6, &clone), (7, &clone)];
    Report::new(around, tried(&lessons, &[(Ability::UserNamespace, &clone), (Ability::Overlay, &overlay)]))
}

fn noexec() -> Report {
    let mut around = healthy();
    around.directories[0].noexec = true;
    let error = Error::refused("find a directory for the root", "", "/tmp is mounted noexec");
    Report::new(around, in_every_root(&error))
}

fn full_and_nosuid() -> Report {
    let mut around = healthy();
    around.directories[0] = Directory { free_mib: 3, nosuid: true, ..around.directories[0].clone() };
    let error =
        Error::call("copy \"/usr/bin/busybox\" to", "/tmp/docker-dive.1/rootfs/bin/busybox", Errno::ENOSPC);
    Report::new(around, in_every_root(&error))
}

fn crowded() -> Report {
    Report::new(healthy(), in_every_root(&Error::call("fork(2)", "", Errno::EAGAIN)))
}

fn without_shell() -> Report {
    Report::new(
        healthy(),
        in_every_root(&Error::refused("find a shell for the root", "sh", "it is not in PATH")),
    )
}

/// Nobody knows why.
fn strange() -> Report {
    let mut around = healthy();
    around.tools.clear();
    around.subordinate_ids = surroundings::SubordinateIds::default();
    Report::new(around, in_every_root(&Error::call("dup2(2)", "standard output", Errno::EIO)))
}

/// Root that lacks a capability.
fn lesser_root() -> Report {
    let mut around = healthy();
    around.privileged = true;
    around.machine.uid = 0;
    around.lacking = vec!["CAP_SYS_RESOURCE".into()];
    let proc = Error::call("mount(2) proc on", "/tmp/root/proc", Errno::EPERM);
    Report::new(around, tried(&[], &[(Ability::Proc, &proc)]))
}

/// All of them.
fn machines() -> Vec<(&'static str, Report)> {
    vec![
        ("ubuntu", ubuntu()),
        ("plain docker", plain_docker()),
        ("codespaces", codespaces()),
        ("wsl1", wsl1()),
        ("wsl2", wsl2()),
        ("version 1", version_1()),
        ("not delegated", not_delegated()),
        ("delegated", delegated()),
        ("without cpu", without_cpu()),
        ("debian 10", debian_10()),
        ("noexec", noexec()),
        ("full and nosuid", full_and_nosuid()),
        ("crowded", crowded()),
        ("without shell", without_shell()),
        ("strange", strange()),
        ("lesser root", lesser_root()),
    ]
}

fn lines(report: &Report) -> impl Iterator<Item = &Line> {
    report.lessons.iter().chain(&report.tiers).chain(&report.abilities).chain(&report.optional)
}

/// What a reader would be left alone with.
fn unmended(report: &Report) -> Vec<&str> {
    let helpless = |line: &&Line| {
        let mended = line.findings.iter().all(|finding| {
            let complete =
                |remedy: &kit::advice::Remedy| !remedy.command.is_empty() && !remedy.cost.is_empty();
            !finding.why.is_empty() && !finding.remedies.is_empty() && finding.remedies.iter().all(complete)
        });
        let green = line.verdict == Verdict::Runs;
        green != line.findings.is_empty() || green != line.brief.is_empty() || !mended
    };
    lines(report).filter(helpless).map(|line| line.title.as_str()).collect()
}

fn commands(report: &Report, id: &str) -> String {
    let findings = lines(report).filter(|line| line.id == id).flat_map(|line| &line.findings);
    let commands = findings.flat_map(|finding| &finding.remedies).map(|remedy| remedy.command.as_str());
    commands.collect::<Vec<_>>().join("\n")
}

fn verdicts(report: &Report) -> String {
    let letter = |line: &Line| match line.verdict {
        Verdict::Runs => 'R',
        Verdict::Partly => 'P',
        Verdict::Forbidden => 'F',
    };
    let of = |lines: &[Line]| lines.iter().map(letter).collect::<String>();
    format!("{} {}", of(&report.lessons), of(&report.tiers))
}

fn shown(report: &Report) -> String {
    strip_str(&text::render(report)).to_string()
}

#[test]
fn every_line_that_is_not_green_has_a_remedy_and_a_cost() {
    for (name, report) in machines() {
        assert_eq!(unmended(&report), Vec::<&str>::new(), "{name}");
    }
}

#[test]
fn a_missing_remedy_a_missing_cost_and_a_missing_finding_are_noticed() {
    let mut report = version_1();
    report.lessons[3].findings[0].remedies.clear();
    report.lessons[4].findings[0].remedies[0].cost.clear();
    report.lessons[5].findings.clear();
    assert_eq!(unmended(&report), ["03 cgroups", "04 pivot-root", "05 oci-config"]);
}

#[test]
fn verdicts_and_exit_status_follow_from_what_was_tried() {
    let told = |report: Report| (verdicts(&report), report.exit_status());
    assert_eq!(told(delegated()), ("RRRRRRRR RRPR".into(), 0));
    assert_eq!(told(ubuntu()), ("RFFFFFFF RFFR".into(), 1));
    assert_eq!(told(not_delegated()), ("RRRFPPPP RRFR".into(), 1));
    assert_eq!(told(plain_docker()), ("RFFFFFFF RFFF".into(), 1));
    assert_eq!(told(lesser_root()), ("RRPPPPPP RRRR".into(), 0));
}

#[test]
fn remedies_are_those_of_the_platform() {
    let has = |report: &Report, id: &str, part: &str| {
        let commands = commands(report, id);
        assert!(commands.contains(part), "{id}: {part:?} is not in:\n{commands}");
    };
    has(&ubuntu(), "01", "sudo apparmor_parser -r");
    has(&ubuntu(), "02", "sudo target/debug/step-02");
    has(&plain_docker(), "02", "docker run --security-opt seccomp=unconfined");
    has(&plain_docker(), "03", "docker run --privileged");
    has(&codespaces(), "02", "devcontainer.json");
    has(&wsl1(), "02", "wsl --set-version");
    has(&wsl2(), "03", ".wslconfig");
    has(&version_1(), "03", "unified_cgroup_hierarchy=1");
    has(&not_delegated(), "04", "systemd-run --user --scope -p Delegate=yes target/debug/step-04");
    has(&without_cpu(), "03", "Delegate=cpu cpuset io memory pids");
    has(&debian_10(), "01", "kernel.unprivileged_userns_clone=1");
    has(&debian_10(), "02", "linux-image-");
    has(&debian_10(), "kernel", "linux-image-");
    has(&noexec(), "01", "TMPDIR=~/.cache target/debug/step-01");
    has(&full_and_nosuid(), "space", "TMPDIR=~/.cache");
    has(&full_and_nosuid(), "setuid", "TMPDIR=~/.cache");
    has(&crowded(), "01", "ulimit -S -u");
    has(&without_shell(), "01", "apt-get install busybox-static");
    has(&strange(), "05", "strace -f");
    has(&strange(), "05", "target/debug/dive vm -- target/debug/step-05");
    has(&strange(), "ids", "apt-get install uidmap");
}

#[test]
fn nobody_in_docker_is_told_to_use_sudo() {
    for line in lines(&plain_docker()) {
        assert!(!commands(&plain_docker(), &line.id).contains("sudo"), "{}", line.title);
    }
}

#[test]
fn overlay_in_a_user_namespace_is_too_new_for_an_old_kernel() {
    let report = debian_10();
    let overlay = report.optional.iter().find(|line| line.id == "overlay").expect("a line");
    assert!(overlay.findings[0].why.contains("5.11"), "{overlay:?}");
}

#[test]
fn who_you_are_is_said() {
    assert!(lesser_root().you.contains("you are root"));
    assert!(plain_docker().you.contains("uid 0 without CAP_SYS_ADMIN"));
    assert!(delegated().you.contains("uid 1000: root is borrowed"));
}

#[test]
fn a_table_has_room_for_the_call_and_the_name_of_the_errno() {
    assert_eq!(shorten(&map()), "write(2) to uid_map: EPERM");
    assert_eq!(shorten(&Error::call("mount(2) proc on", "/a/proc", Errno::EPERM)), "mount(2) proc: EPERM");
    let clone = Error::call("clone3(2) CLONE_NEWNS|CLONE_NEWUTS|CLONE_NEWIPC", "", Errno::ENOSPC);
    assert_eq!(shorten(&clone), "clone3(2) CLONE_NEWNS|…: ENOSPC");
    assert_eq!(shorten(&Error::refused("find the controller", "cpu", "none")), "find the controller cpu");
}

#[test]
fn what_was_said_is_shown_unless_it_is_told_already() {
    let mut report = not_delegated();
    report.said =
        vec!["removed what a killed run left: /tmp/x".into(), "no cgroup, and so no limits: …".into()];
    let text = shown(&report);
    assert!(text.contains("removed what a killed run left") && !text.contains("and so no limits"));
}

#[test]
fn the_report_survives_as_json() {
    let report = ubuntu();
    let json = serde_json::to_string(&report).expect("JSON");
    let read: Report = serde_json::from_str(&json).expect("a report");
    assert_eq!((read.lessons, read.surroundings), (report.lessons, report.surroundings));
}

#[test]
fn what_is_read_is_parsed() {
    let lacking = surroundings::lacking("Name:\tx\nCapEff:\t000001fffeffffff\n");
    assert_eq!(lacking, ["CAP_SYS_RESOURCE"]);
    let mounts = "36 23 0:5 / /proc rw - proc proc rw\n37 36 0:6 / /proc/kcore rw - tmpfs tmpfs rw\n\
                  38 36 0:7 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw\n";
    assert_eq!(surroundings::covered(mounts), ["/proc/kcore"]);
    let subuid = "alice:100000:65536\n1001:200000:65536\n";
    let has = |name, uid| surroundings::has_range(subuid, name, uid);
    assert_eq!((has("alice", 7), has("bob", 1001), has("bob", 1002)), (true, true, false));
}

#[test]
fn the_text_is_as_reviewed() {
    insta::assert_snapshot!("ubuntu", shown(&ubuntu()));
    insta::assert_snapshot!("docker", shown(&plain_docker()));
    insta::assert_snapshot!("delegated", shown(&delegated()));
}
