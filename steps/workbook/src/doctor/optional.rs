//! What forbids no lesson, and is better known before than found out on the way.

use kit::advice::Remedy;

use super::diagnosis::{Finding, Line, Verdict, finding};
use super::probe::{Ability, Tried};
use super::surroundings::{Directory, Surroundings};

/// The kernel below which the course promises nothing.
const FLOOR: (u32, u32) = (5, 14);
/// A root holds a shell with its libraries, and this program.
const ROOT_MIB: u64 = 128;

/// One line for each thing, whether it is there or not.
pub(super) fn lines(around: &Surroundings, tried: &Tried) -> Vec<Line> {
    let mut lines = vec![overlay(around, tried), floor(around), ids(around), resource(around)];
    lines.extend([strace(around), space(around), set_user_id(around)]);
    lines
}

fn line(id: &str, title: &str, finding: Option<Finding>) -> Line {
    let verdict = if finding.is_some() { Verdict::Partly } else { Verdict::Runs };
    Line::new(id, title, "", verdict, finding.into_iter().collect())
}

fn lack(missing: &str, why: impl Into<String>, command: impl Into<String>, cost: &str) -> Finding {
    let remedies = vec![Remedy { command: command.into(), cost: cost.into() }];
    Finding { missing: missing.into(), brief: missing.into(), call: None, why: why.into(), remedies }
}

fn overlay(around: &Surroundings, tried: &Tried) -> Line {
    let failed = tried.failed(Ability::Overlay);
    let found = failed.map(|error| finding("overlay mounts: images are then copied", error, &around.machine));
    line("overlay", "overlayfs (lesson 08)", found)
}

fn floor(around: &Surroundings) -> Line {
    let kernel = around.machine.kernel();
    let old = kernel < FLOOR && kernel != (0, 0);
    let found = old.then(|| {
        let why = format!(
            "Linux {} is older than 5.14: cgroup.kill (5.14), CLONE_INTO_CGROUP (5.7) or time namespaces (5.6) may be missing",
            around.machine.release
        );
        let newer = kit::advice::on(
            &around.machine,
            &kit::Error::call("unshare(2) CLONE_NEWTIME", "", nix::errno::Errno::EINVAL),
        );
        let remedies = newer.map(|advice| advice.remedies).unwrap_or_default();
        Finding { missing: "a kernel of 5.14 or later".into(), brief: "an old kernel".into(), call: None, why, remedies }
    });
    line("kernel", "a kernel of 5.14 or later", found)
}

/// Lesson 18 maps more ids than one's own; that needs a helper with privilege.
fn ids(around: &Surroundings) -> Line {
    let helpers = around.has("newuidmap") && around.has("newgidmap");
    let ranges = around.subordinate_ids.uids && around.subordinate_ids.gids;
    let found = if around.privileged || (helpers && ranges && !around.no_new_privs) {
        None
    } else if around.no_new_privs {
        let why = "no_new_privs is set: newuidmap(1) would not get the privilege that it needs";
        Some(lack("more ids than your own", why, "start from a shell without no_new_privs", "none"))
    } else if helpers {
        let why = "/etc/subuid and /etc/subgid give you no ids";
        let command = "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 \"$USER\"";
        Some(lack("more ids than your own", why, command, "65536 ids are yours, and must be nobody else's"))
    } else {
        let why = "newuidmap(1) and newgidmap(1) are not installed";
        let command = format!("{}apt-get install uidmap (elsewhere: shadow-utils or shadow)", sudo(around));
        Some(lack("more ids than your own", why, command, "two programs that are set-user-ID root"))
    };
    line("ids", "subordinate ids (lesson 18)", found)
}

fn resource(around: &Surroundings) -> Line {
    let lacks = around.privileged && around.lacking.iter().any(|name| name == "CAP_SYS_RESOURCE");
    let found = lacks.then(|| {
        let why = "root without CAP_SYS_RESOURCE may not raise a hard limit, nor lower oom_score_adj";
        let command = "start from a session whose bounding set holds it (capsh --print)";
        lack(
            "CAP_SYS_RESOURCE",
            why,
            command,
            "none for the lessons up to 07; a container may ask for less only",
        )
    });
    line("resource", "raised limits (lesson 07)", found)
}

fn strace(around: &Surroundings) -> Line {
    let found = (!around.has("strace")).then(|| {
        let command =
            format!("{}apt-get install strace (elsewhere: dnf install, pacman -S, apk add)", sudo(around));
        lack("strace", "the book shows its output beside ours", command, "some 2 MB")
    });
    line("strace", "strace", found)
}

/// The first directory that serves is where the root will be.
fn first_directory(around: &Surroundings) -> Option<&Directory> {
    around.directories.iter().find(|dir| dir.writable && !dir.noexec)
}

fn space(around: &Surroundings) -> Line {
    let (missing, why) = match first_directory(around) {
        Some(dir) if dir.free_mib >= ROOT_MIB => return line("space", "space for a root", None),
        Some(dir) => {
            let free = format!("{} MiB are free in {}", dir.free_mib, dir.path.display());
            ("space", format!("{free}, and a root may take {ROOT_MIB}"))
        }
        None => {
            ("a directory", "every temporary directory is mounted noexec or is not yours to write".to_owned())
        }
    };
    let command = format!("mkdir -p ~/.cache && TMPDIR=~/.cache {}", around.machine.exe);
    let found = lack(missing, why, command, "roots are made there, and removed again");
    line("space", "space for a root", Some(found))
}

fn set_user_id(around: &Surroundings) -> Line {
    let found = first_directory(around).filter(|dir| dir.nosuid).map(|dir| {
        let why =
            format!("{} is mounted nosuid: su and ping in a root there gain nothing", dir.path.display());
        let mut others = around.directories.iter().filter(|dir| dir.writable && !dir.noexec && !dir.nosuid);
        let other = others.next().map_or("~/.cache".into(), |dir| dir.path.display().to_string());
        let command = format!("TMPDIR={other} {}", around.machine.exe);
        lack("set-user-ID programs", why, command, "roots are made there, and removed again")
    });
    line("setuid", "set-user-ID programs in a root", found)
}

fn sudo(around: &Surroundings) -> &'static str {
    if around.machine.is_root() { "" } else { "sudo " }
}
