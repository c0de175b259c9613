//! From an errno to its reason on this machine, and to what would mend it at what cost.
//!
//! Nothing is changed to find out: only settings are read.

use std::fs;
use std::path::Path;

use nix::errno::Errno;

use crate::Error;

/// Why the kernel refused, and what would mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// The reason, a sentence.
    pub why: String,
    /// Ways out, the cheapest first.
    pub remedies: Vec<Remedy>,
}

/// A command, and what it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// To be typed as it is.
    pub command: String,
    /// What it gives away.
    pub cost: String,
}

/// What is read of the machine; a type of its own, so that tests can make one up.
#[derive(Debug, Clone, Default)]
struct Machine {
    max_user_namespaces: Option<String>,
    unprivileged_userns_clone: Option<String>,
    apparmor_restricts: Option<String>,
    in_container: bool,
    seccomp: bool,
    exe: String,
}

/// The advice for an error, if the kernel forbade something that a setting could allow.
pub fn of(error: &Error) -> Option<Advice> {
    advice(error.doing(), error.errno()?, &Machine::here())
}

impl Machine {
    fn here() -> Self {
        let sysctl = |name: &str| {
            let text = fs::read_to_string(Path::new("/proc/sys").join(name)).ok()?;
            Some(text.trim().to_owned())
        };
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let marks = ["/.dockerenv", "/run/.containerenv"];
        Self {
            max_user_namespaces: sysctl("user/max_user_namespaces"),
            unprivileged_userns_clone: sysctl("kernel/unprivileged_userns_clone"),
            apparmor_restricts: sysctl("kernel/apparmor_restrict_unprivileged_userns"),
            in_container: marks.iter().any(|mark| Path::new(mark).exists()),
            seccomp: status.lines().any(|line| line == "Seccomp:\t2"),
            exe: exe(),
        }
    }

    fn as_root(&self) -> Remedy {
        Remedy {
            command: format!("sudo {}", self.exe),
            cost: "the built program runs as root; nothing else on the machine changes".into(),
        }
    }

    fn sysctl(setting: &str, cost: &str) -> Remedy {
        Remedy { command: format!("sudo sysctl -w {setting}"), cost: cost.into() }
    }
}

/// As the reader would type it: below the working directory where it lies there.
fn exe() -> String {
    let exe = std::env::current_exe().unwrap_or_default();
    let here = std::env::current_dir().unwrap_or_default();
    exe.strip_prefix(here).unwrap_or(&exe).display().to_string()
}

fn advice(doing: &str, errno: Errno, machine: &Machine) -> Option<Advice> {
    if doing.contains("CLONE_NEWUSER") || doing.contains("uid_map") {
        return Some(user_namespace(errno, machine));
    }
    if doing.contains("cgroup") {
        return cgroup(errno, machine);
    }
    if matches!(errno, Errno::EPERM | Errno::EACCES) {
        let privileged =
            ["mount(2)", "umount2(2)", "chroot(2)", "pivot_root(2)", "unshare(2)", "setns(2)", "clone3(2)"];
        let call = privileged.iter().find(|call| doing.starts_with(**call))?;
        return Some(denied(call, machine));
    }
    None
}

fn user_namespace(errno: Errno, machine: &Machine) -> Advice {
    let many = "any user may then reach kernel code that only root could reach before";
    let (why, mend) = if machine.max_user_namespaces.as_deref() == Some("0") {
        let setting = "user.max_user_namespaces=65536";
        ("user namespaces are switched off: user.max_user_namespaces is 0", Machine::sysctl(setting, many))
    } else if machine.unprivileged_userns_clone.as_deref() == Some("0") {
        let setting = "kernel.unprivileged_userns_clone=1";
        (
            "only root may make user namespaces here: kernel.unprivileged_userns_clone is 0",
            Machine::sysctl(setting, many),
        )
    } else if machine.apparmor_restricts.as_deref() == Some("1") {
        let setting = "kernel.apparmor_restrict_unprivileged_userns=0";
        let why = "AppArmor lets a user namespace be made and then denies what it is for: \
                   kernel.apparmor_restrict_unprivileged_userns is 1";
        (why, Machine::sysctl(setting, many))
    } else if machine.seccomp || machine.in_container {
        let why = "an outer container's seccomp filter refuses user namespaces";
        let command = "docker run --security-opt seccomp=unconfined …".into();
        let cost = "that container may then make every system call of the kernel's".into();
        (why, Remedy { command, cost })
    } else if errno == Errno::ENOSYS {
        let why = "this kernel has no clone3(2), which came with Linux 5.3";
        let command = "uname -r".into();
        (why, Remedy { command, cost: "a kernel of 5.14 or later is needed: see README, platforms".into() })
    } else {
        let command = "cat /proc/sys/user/max_user_namespaces".into();
        let why = "the kernel refuses a user namespace; inside a chroot it always does (user_namespaces(7))";
        (
            why,
            Remedy {
                command,
                cost: "no setting known to this program forbids it: look for a security module".into(),
            },
        )
    };
    let remedies = if machine.in_container { vec![mend] } else { vec![machine.as_root(), mend] };
    Advice { why: why.into(), remedies }
}

fn cgroup(errno: Errno, machine: &Machine) -> Option<Advice> {
    let delegated = Remedy {
        command: format!("systemd-run --user --scope -p Delegate=yes {}", machine.exe),
        cost:
            "needs a systemd user session with cgroup v2; limits reach only what it delegates (memory, pids)"
                .into(),
    };
    let why = match errno {
        Errno::EACCES | Errno::EPERM => {
            "this part of the cgroup tree belongs to root, and nobody delegated it to you"
        }
        Errno::EROFS => {
            let command = "docker run --privileged …".into();
            let cost =
                "that container is then no boundary: it holds every capability and the host's devices".into();
            let why = "the cgroup tree is mounted read-only, as an outer container has it".into();
            return Some(Advice { why, remedies: vec![Remedy { command, cost }] });
        }
        Errno::EBUSY => {
            "processes sit in the cgroup whose controllers are to be handed down (no internal processes)"
        }
        _ => return None,
    };
    Some(Advice { why: why.into(), remedies: vec![machine.as_root(), delegated] })
}

fn denied(call: &str, machine: &Machine) -> Advice {
    if machine.apparmor_restricts.as_deref() == Some("1") {
        return user_namespace(Errno::EPERM, machine);
    }
    let outer = "an outer container, or a security module, takes back what a user namespace gives";
    let why = if machine.in_container || machine.seccomp {
        format!("{call} is refused here: {outer}")
    } else {
        format!("{call} needs CAP_SYS_ADMIN or CAP_SYS_CHROOT in the namespace that it changes")
    };
    Advice { why, remedies: vec![machine.as_root()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn off(setting: &str) -> Machine {
        let zero = Some("0".to_owned());
        let mut machine = Machine { exe: "target/debug/step-02".into(), ..Machine::default() };
        match setting {
            "max" => machine.max_user_namespaces = zero,
            "clone" => machine.unprivileged_userns_clone = zero,
            "apparmor" => machine.apparmor_restricts = Some("1".into()),
            _ => {}
        }
        machine
    }

    #[test]
    fn each_switch_that_forbids_user_namespaces_is_told_by_name() {
        let told = |setting, doing, errno| {
            let advice = advice(doing, errno, &off(setting)).expect("advice");
            assert_eq!(advice.remedies[0].command, "sudo target/debug/step-02");
            (advice.why, advice.remedies[1].command.clone())
        };
        let clone = "clone3(2) CLONE_NEWUSER|CLONE_NEWPID";
        assert!(told("max", clone, Errno::ENOSPC).1.contains("max_user_namespaces=65536"));
        assert!(told("clone", clone, Errno::EPERM).1.contains("unprivileged_userns_clone=1"));
        assert!(told("apparmor", "write \"0 1000 1\" to uid_map", Errno::EPERM).0.contains("AppArmor"));
        assert!(told("apparmor", "mount(2) proc on", Errno::EACCES).0.contains("AppArmor"));
        assert!(told("", clone, Errno::EPERM).0.contains("inside a chroot"));
    }

    #[test]
    fn a_cgroup_tree_of_somebody_elses_and_one_that_is_read_only_differ() {
        let machine = off("");
        let theirs = advice("mkdir(2) cgroup", Errno::EACCES, &machine).expect("advice");
        assert!(theirs.remedies[1].command.contains("Delegate=yes"));
        let read_only = advice("mkdir(2) cgroup", Errno::EROFS, &machine).expect("advice");
        assert!(read_only.why.contains("read-only"));
    }

    #[test]
    fn what_no_setting_would_mend_gets_no_advice() {
        assert_eq!(advice("execve(2)", Errno::ENOENT, &off("max")), None);
        assert_eq!(advice("mount(2) proc on", Errno::ENOENT, &off("")), None);
    }
}
