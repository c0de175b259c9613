//! From an errno to its reason on this machine, and to what would mend it at what cost.
//!
//! Nothing is changed to find out: only settings are read ([`Machine`]). The remedies themselves are in
//! `remedy`, because the same one mends several refusals.

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use crate::Error;

mod machine;
mod remedy;

pub use machine::{Machine, Platform};

/// Why the kernel refused, and what would mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// The reason, a sentence.
    pub why: String,
    /// Ways out, the cheapest first.
    pub remedies: Vec<Remedy>,
}

/// A command, and what it costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remedy {
    /// To be typed as it is; where it is a file's contents or a place to click, it says so.
    pub command: String,
    /// What it gives away.
    pub cost: String,
}

/// The advice for an error, if something was forbidden that a setting could allow.
pub fn of(error: &Error) -> Option<Advice> {
    on(&Machine::here(), error)
}

/// The same on a machine that was read already.
pub fn on(machine: &Machine, error: &Error) -> Option<Advice> {
    let doing = error.doing();
    let Some(errno) = error.errno() else { return missing(doing, error.subject(), machine) };
    if doing.starts_with("landlock_") && matches!(errno, Errno::ENOSYS | Errno::EOPNOTSUPP) {
        return Some(no_landlock(errno, machine));
    }
    if let Some((call, since)) = newer(doing).filter(|_| errno == Errno::ENOSYS) {
        return Some(no_call(call, since, machine));
    }
    if machine.platform == Platform::Wsl1 && (doing.contains("(2) CLONE_") || doing.starts_with("mount(2)")) {
        let why = "WSL 1 has no kernel of Linux, and neither namespaces nor control groups";
        return Some(advice(why, vec![remedy::wsl2()]));
    }
    if let Some(limit) = limit(doing, errno, machine) {
        return Some(limit);
    }
    let map = error.subject().ends_with("id_map") || error.subject().ends_with("setgroups");
    if map && machine.is_root() && errno == Errno::EPERM {
        let why = "who is uid 0 may map it only with CAP_SETFCAP, since Linux 5.12: a program's capabilities would \
                   be worth something outside";
        return Some(advice(why, remedy::another_user(machine)));
    }
    // No filter looks at what is written to a file; AppArmor, whose namespaces hold no capability, refuses this as well.
    if map && errno == Errno::EPERM && machine.apparmor_restricts.as_deref() != Some("1") {
        let why = "the kernel's rule for maps (user_namespaces(7)): each file is written once, and without privilege a map is one \
                   line for one id, the writer's own; gid_map wants \"deny\" in setgroups before it";
        return Some(advice(why, vec![]));
    }
    if map || doing.contains("CLONE_NEWUSER") {
        return Some(user_namespace(errno, machine));
    }
    if errno == Errno::EPERM
        && doing.starts_with("mount(2)")
        && doing.contains("MS_REMOUNT")
        && !machine.in_container()
    {
        let why = "a remount sets all flags anew, and those that came with the mount from outside of a user namespace are \
                   locked: name them too (mount_namespaces(7)); without a namespace of one's own it needs CAP_SYS_ADMIN";
        return Some(advice(why, vec![]));
    }
    if doing.contains("cgroup") && !doing.starts_with("mount(2)") {
        return cgroup(errno, machine);
    }
    match errno {
        Errno::ENODEV => Some(no_filesystem(doing, machine)),
        Errno::EINVAL if doing.contains("CLONE_") || doing.contains("overlay") => {
            Some(old_kernel(doing, machine))
        }
        Errno::EPERM | Errno::EACCES => denied(doing, machine),
        _ => None,
    }
}

/// How to be what lessons call root on this machine.
pub fn for_root(machine: &Machine) -> Advice {
    advice("you do not hold CAP_SYS_ADMIN in the first user namespace", remedy::real_root(machine))
}

fn advice(why: impl Into<String>, remedies: Vec<Remedy>) -> Advice {
    Advice { why: why.into(), remedies }
}

/// What the kernel did not refuse, because it is not there at all.
fn missing(doing: &str, subject: &str, machine: &Machine) -> Option<Advice> {
    let (why, remedies) = match doing {
        "find a directory for the root" => {
            let why = "no directory allows both files to be made and programs to be executed";
            (why.to_owned(), vec![remedy::other_directory(machine), remedy::executable_tmp()])
        }
        "find a shell for the root" => {
            ("no shell was found to put into the root".into(), vec![remedy::busybox(machine)])
        }
        "find a cgroup tree" => {
            let why = "no cgroup tree is mounted, so there is nothing to make a group in";
            (why.into(), remedy::cgroup_tree(machine))
        }
        "find the controller" | "find the freezer" => {
            let why =
                format!("the cgroup tree has no controller {subject:?} here: it was not handed down to us");
            (why.trim_end().replace(" \"\"", " that freezes"), remedy::controllers(machine))
        }
        _ => return None,
    };
    Some(advice(why, remedies))
}

/// Refusals that are about a number or a size, whatever the privilege.
fn limit(doing: &str, errno: Errno, machine: &Machine) -> Option<Advice> {
    let files = ["copy ", "mkdir(2)", "write", "link(2)", "symlink(2)", "open(2)", "chmod(2)"];
    let on_files = files.iter().any(|call| doing.starts_with(call)) && !doing.contains("cgroup");
    match errno {
        Errno::ENOSPC | Errno::EDQUOT if on_files => {
            let why = "no space is left where the root is assembled";
            Some(advice(why, vec![remedy::other_directory(machine)]))
        }
        Errno::EAGAIN if ["fork(2)", "clone3(2)", "execute"].iter().any(|call| doing.starts_with(call)) => {
            let why = "a limit of processes is reached: RLIMIT_NPROC, or pids.max of a cgroup around us";
            Some(advice(why, remedy::more_processes(machine)))
        }
        // That user namespaces are switched off is told more exactly elsewhere.
        Errno::ENOSPC
            if doing.contains("CLONE_NEW") && machine.max_user_namespaces.as_deref() != Some("0") =>
        {
            let off: Vec<_> =
                machine.switched_off.iter().map(|kind| format!("user.max_{kind}_namespaces")).collect();
            let why = match off.as_slice() {
                [] => "a limit of namespaces is reached: of their number (user.max_*_namespaces) or of their depth, 32".into(),
                off => format!("these namespaces are switched off: {} is 0", off.join(", ")),
            };
            Some(advice(why, remedy::more_namespaces(&off, machine)))
        }
        _ => None,
    }
}

/// Calls that a kernel may lack, or a filter may hide, and the kernel that was first to have each.
fn newer(doing: &str) -> Option<(&'static str, (u32, u32))> {
    let calls = [
        ("clone3(2)", (5, 3)),
        ("fsopen(2)", (5, 2)),
        ("fsconfig(2)", (5, 2)),
        ("fsmount(2)", (5, 2)),
        ("open_tree(2)", (5, 2)),
        ("move_mount(2)", (5, 2)),
        ("openat2(2)", (5, 6)),
        ("mount_setattr(2)", (5, 12)),
        ("close_range(2)", (5, 9)),
    ];
    calls.into_iter().find(|(call, _)| doing.starts_with(call))
}

fn no_call(call: &str, since: (u32, u32), machine: &Machine) -> Advice {
    if machine.kernel() >= since || (machine.kernel() == (0, 0) && machine.seccomp) {
        let unseen = if call == "clone3(2)" {
            ": a filter cannot look into what the call is given, so Docker's refuses it whole"
        } else {
            ""
        };
        let why = format!("this kernel has {call}, but a filter around us answers as if it had not{unseen}");
        return advice(why, remedy::outer_filter(machine));
    }
    let (major, minor) = since;
    let why = format!("this kernel has no {call}, which came with Linux {major}.{minor}");
    advice(why, remedy::newer_kernel(machine))
}

fn no_landlock(errno: Errno, machine: &Machine) -> Advice {
    let why = "this kernel has Landlock, and it was not switched on when it booted";
    match errno {
        Errno::EOPNOTSUPP => advice(why, vec![remedy::security_module("landlock")]),
        _ => no_call("Landlock", (5, 13), machine),
    }
}

fn user_namespace(errno: Errno, machine: &Machine) -> Advice {
    let zero = |setting: &Option<String>| setting.as_deref() == Some("0");
    if machine.apparmor_restricts.as_deref() == Some("1") && !zero(&machine.max_user_namespaces) {
        let why = "AppArmor lets a user namespace be made and then denies what it is for: \
                   kernel.apparmor_restrict_unprivileged_userns is 1";
        return advice(why, remedy::or_as_root(machine, remedy::apparmor(machine)));
    }
    let (why, mend) = if zero(&machine.max_user_namespaces) && machine.platform == Platform::Nested {
        let why = "user namespaces are switched off in the one that we are in: user.max_user_namespaces is 0";
        (why, remedy::outer_filter(machine))
    } else if zero(&machine.max_user_namespaces) {
        let why = "user namespaces are switched off: user.max_user_namespaces is 0";
        (why, vec![remedy::user_namespaces("user.max_user_namespaces=65536")])
    } else if zero(&machine.unprivileged_userns_clone) {
        let why = "only root may make user namespaces here: kernel.unprivileged_userns_clone is 0";
        (why, vec![remedy::user_namespaces("kernel.unprivileged_userns_clone=1")])
    } else if machine.seccomp || machine.in_container() {
        ("an outer container's seccomp filter refuses user namespaces", remedy::outer_filter(machine))
    } else if errno == Errno::EINVAL {
        ("this kernel was built without one of the namespaces", remedy::newer_kernel(machine))
    } else {
        let command = "cat /proc/sys/user/max_user_namespaces".into();
        let cost = "no setting known to this program forbids it: look for a security module".into();
        let why = "the kernel refuses a user namespace; inside a chroot it always does (user_namespaces(7))";
        (why, vec![Remedy { command, cost }])
    };
    advice(why, remedy::or_as_root(machine, mend))
}

fn cgroup(errno: Errno, machine: &Machine) -> Option<Advice> {
    let why = match errno {
        Errno::EROFS => {
            let why = "the cgroup tree is mounted read-only, as an outer container has it";
            return Some(advice(why, remedy::writable_cgroups(machine)));
        }
        // The path of our group is one of the host's, and the mount shows only a part of the host's tree.
        Errno::ENOENT => "the cgroup in which we are lies outside of the tree that is mounted here",
        Errno::EACCES | Errno::EPERM => {
            "this part of the cgroup tree belongs to root, and nobody delegated it to you"
        }
        Errno::EBUSY => {
            "processes sit in the cgroup whose controllers are to be handed down (no internal processes)"
        }
        Errno::EAGAIN => "a limit of control groups is reached: cgroup.max.descendants or cgroup.max.depth",
        _ => return None,
    };
    let mend =
        if machine.in_container() { remedy::writable_cgroups(machine) } else { remedy::delegation(machine) };
    Some(advice(why, remedy::or_as_root(machine, mend)))
}

fn no_filesystem(doing: &str, machine: &Machine) -> Advice {
    let name = doing.split(' ').nth(1).unwrap_or_default();
    let why = format!("this kernel has no file system {name}, or its module is not loaded");
    let load = Remedy {
        command: format!("sudo modprobe {name}"),
        cost: "the module stays until the next boot".into(),
    };
    let mut remedies = if machine.in_container() { vec![] } else { vec![load] };
    remedies.extend(remedy::newer_kernel(machine));
    advice(why, remedies)
}

fn old_kernel(doing: &str, machine: &Machine) -> Advice {
    let (what, since) = match doing {
        doing if doing.contains("CLONE_NEWTIME") => ("time namespaces", (5, 6)),
        doing if doing.contains("overlay") => ("overlayfs for user namespaces", (5, 11)),
        _ => ("one of these flags (CLONE_INTO_CGROUP came with Linux 5.7)", (5, 7)),
    };
    let why = if machine.kernel() >= since {
        format!("this kernel was built without {what}")
    } else {
        format!("this kernel does not have {what}: Linux {}.{} was the first", since.0, since.1)
    };
    advice(why, remedy::newer_kernel(machine))
}

fn denied(doing: &str, machine: &Machine) -> Option<Advice> {
    if doing.contains("overlay") && machine.kernel() < (5, 11) {
        return Some(old_kernel(doing, machine));
    }
    let privileged = [
        "mount(2)",
        "fsopen(2)",
        "fsconfig(2)",
        "fsmount(2)",
        "open_tree(2)",
        "move_mount(2)",
        "mount_setattr(2)",
        "umount2(2)",
        "chroot(2)",
        "pivot_root(2)",
        "unshare(2)",
        "setns(2)",
        "clone3(2)",
        "sethostname(2)",
    ];
    let call = privileged.iter().find(|call| doing.starts_with(**call))?;
    if machine.apparmor_restricts.as_deref() == Some("1") && !machine.is_root() {
        return Some(user_namespace(Errno::EPERM, machine));
    }
    if ["mount(2) proc", "mount(2) sysfs"].iter().any(|mount| doing.starts_with(mount)) {
        let why = "parts of the outer one are covered, or it belongs to another user namespace: a new one would \
                   show what was covered (mount_too_revealing)";
        return Some(advice(why, remedy::or_as_root(machine, remedy::outer_filter(machine))));
    }
    if machine.in_container() || machine.seccomp {
        let outer = "an outer container, or a security module, takes back what a user namespace gives";
        let mend = remedy::outer_filter(machine);
        return Some(advice(format!("{call} is refused here: {outer}"), remedy::or_as_root(machine, mend)));
    }
    let why = format!("{call} needs CAP_SYS_ADMIN or CAP_SYS_CHROOT in the namespace that it changes");
    let mend = if machine.is_root() { remedy::every_capability(machine) } else { vec![] };
    Some(advice(why, remedy::or_as_root(machine, mend)))
}

#[cfg(test)]
mod tests;
