//! A phrase for each call: what it does to the container that is being made.

use super::decode::Decoded;

/// What the call is for. Every call of the table has a phrase; flags and names make it more exact.
pub fn explain(call: &Decoded) -> &'static str {
    match call.name {
        "clone" | "clone3" => birth(call),
        "fork" => "a copy of this process, sharing nothing new and isolating nothing",
        "vfork" => "a child that borrows the memory until it executes",
        "execve" | "execveat" => program(call),
        "unshare" => unshare(call),
        "setns" => setns(call),
        "sethostname" => "the host name of this uts namespace",
        "setdomainname" => "the NIS domain name of this uts namespace",
        "mount" => mount(call),
        "umount2" if call.has("MNT_DETACH") => "takes a mount out of sight now, for good once nobody uses it",
        "umount2" => "takes a mount away",
        "fsopen" => file_system(&call.subject).unwrap_or("begins a new file system, by the newer calls"),
        "fsconfig" => configure(call),
        "fsmount" => "a mount made of it, attached nowhere yet",
        "fspick" => "picks a mounted file system, to change its settings",
        "open_tree" if call.has("OPEN_TREE_CLONE") => "a detached copy of a mount: the first half of a bind",
        "open_tree" => "a handle on a mount",
        "open_tree_attr" => "a detached copy of a mount, with attributes of its own",
        "move_mount" => "attaches a detached mount at its place",
        "mount_setattr" => attributes(call),
        "pivot_root" => "swaps the root mount: what was outside can be unmounted after it",
        "chroot" => "another directory for /: the mounts outside stay within reach",
        "write" | "pwrite64" | "writev" => written(&call.subject),
        "mkdir" | "mkdirat" => "makes a cgroup: its directory is the cgroup",
        "mknod" | "mknodat" => "makes a device node: only the initial user namespace may",
        "prctl" => prctl(call),
        "capset" => "sets its capabilities: what it may do of what root may",
        "seccomp" if call.args.last().is_some_and(|last| last == "NULL") => {
            "asks whether the kernel knows this flag"
        }
        "seccomp" if call.has("SECCOMP_SET_MODE_STRICT") && call.flags.len() > 1 => {
            "asks whether the kernel knows seccomp(2): with these flags it must refuse"
        }
        "seccomp" if call.has("SECCOMP_SET_MODE_STRICT") => "only read, write and exit from here on",
        "seccomp" => "a filter that judges every system call from here on",
        "landlock_restrict_self" => "a rule set over files that even root cannot leave",
        "connect" => connect(&call.subject),
        name => identity(name),
    }
}

/// The kinds of namespace that flags make or enter, as words.
pub fn namespaces(call: &Decoded) -> Vec<&'static str> {
    let kinds = [
        ("CLONE_NEWUSER", "user"),
        ("CLONE_NEWNS", "mount"),
        ("CLONE_NEWPID", "pid"),
        ("CLONE_NEWNET", "net"),
        ("CLONE_NEWUTS", "uts"),
        ("CLONE_NEWIPC", "ipc"),
        ("CLONE_NEWCGROUP", "cgroup"),
        ("CLONE_NEWTIME", "time"),
    ];
    kinds.into_iter().filter(|(flag, _)| call.has(flag)).map(|(_, kind)| kind).collect()
}

fn birth(call: &Decoded) -> &'static str {
    if call.has("CLONE_INTO_CGROUP") && namespaces(call).is_empty() {
        "a child that is born in a cgroup"
    } else if call.has("CLONE_INTO_CGROUP") {
        "a child in new namespaces, born in its cgroup: here a container begins"
    } else if !namespaces(call).is_empty() {
        "a child in new namespaces: here a container begins"
    } else if call.has("CLONE_THREAD") {
        "a thread"
    } else if call.has("CLONE_PARENT") {
        "a sibling: its parent is this process's parent"
    } else if call.has("CLONE_VFORK") {
        "a child that borrows the memory until it executes"
    } else {
        "a child in the same namespaces: no container"
    }
}

fn program(call: &Decoded) -> &'static str {
    if call.subject.starts_with("/proc/self/") || call.name == "execveat" {
        "executes an open file: itself again, or a copy of itself"
    } else {
        "becomes this program; namespaces, root and cgroup stay"
    }
}

fn unshare(call: &Decoded) -> &'static str {
    match namespaces(call)[..] {
        ["user"] => "a new user namespace: every capability, but only in here",
        ["mount"] => "a copy of the mount tree, to be changed unseen",
        ["pid"] => "the next child will be process 1 of a new pid namespace",
        ["net"] => "a new network: only a loopback that is down",
        ["uts"] => "a host name of its own",
        ["ipc"] => "System V and POSIX queues of its own",
        ["cgroup"] => "the cgroup it is in becomes the root that it sees",
        ["time"] => "the next child will have clocks of its own",
        [] if call.has("CLONE_FS") => "root, working directory and umask no longer shared with other threads",
        [] if call.has("CLONE_FILES") => "descriptors no longer shared with other threads",
        [] => "stops sharing something with other threads",
        _ => "leaves these namespaces for new ones",
    }
}

fn setns(call: &Decoded) -> &'static str {
    let target = call.args.first().map_or("", String::as_str);
    match (&namespaces(call)[..], target) {
        (["mount"], _) => "enters another mount tree",
        (["net"], _) => "enters another network",
        (["pid"], _) => "its next child will live in that pid namespace",
        (["user"], _) => "enters a user namespace, and gains its capabilities",
        (_, target) if target.contains("net:[") => "enters another network",
        (_, target) if target.contains("mnt:[") => "enters another mount tree",
        _ => "enters namespaces that are there already",
    }
}

fn mount(call: &Decoded) -> &'static str {
    let remount = call.has("MS_REMOUNT");
    if remount && call.has("MS_BIND") && call.has("MS_RDONLY") {
        "this one mount becomes read-only; the file system does not"
    } else if remount && call.has("MS_BIND") {
        "other flags for this one mount: a bind takes them only in a second call"
    } else if remount {
        "other settings for a whole file system"
    } else if call.has("MS_MOVE") {
        "moves a mount to another place"
    } else if call.has("MS_BIND") {
        bind(call)
    } else if call.has("MS_PRIVATE") {
        "cuts propagation: no mount goes out or comes in any more"
    } else if call.has("MS_SLAVE") {
        "mounts of the host still come in, none goes out"
    } else if call.has("MS_SHARED") {
        "mounts go both ways between the copies of this one"
    } else if call.has("MS_UNBINDABLE") {
        "cuts propagation, and cannot be bound elsewhere"
    } else {
        let kind = call.args.get(2).map(|kind| kind.trim_matches('"'));
        kind.and_then(file_system).unwrap_or("mounts a file system")
    }
}

fn bind(call: &Decoded) -> &'static str {
    let source = call.args.first().map_or("", |text| text.trim_matches('"'));
    if source == call.subject {
        "binds a place to itself: now it is a mount, for flags of its own or for pivot_root"
    } else if source == "/dev/null" && !call.subject.ends_with("/dev/null") {
        "lays /dev/null over a file, to hide it"
    } else if source.starts_with("/dev/") {
        "a device of the host: a user namespace may not make its own"
    } else {
        "shows a file or directory at a second place"
    }
}

fn file_system(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "proc" => "a /proc that shows this pid namespace",
        "sysfs" => "a /sys that shows this network namespace",
        "tmpfs" => "an empty file system in memory",
        "devpts" => "terminals of its own",
        "mqueue" => "message queues of this ipc namespace",
        "overlay" => "layers as one tree: the image below, what changes on top",
        "cgroup" | "cgroup2" => "a window on the cgroups, from its own as the root",
        "nsfs" => "a namespace, kept alive by a name",
        _ => return None,
    })
}

fn configure(call: &Decoded) -> &'static str {
    if call.has("FSCONFIG_CMD_CREATE") || call.has("FSCONFIG_CMD_CREATE_EXCL") {
        "makes the file system, as it was configured"
    } else if call.has("FSCONFIG_CMD_RECONFIGURE") {
        "applies the new settings"
    } else {
        "one setting of the file system to be"
    }
}

fn attributes(call: &Decoded) -> &'static str {
    if call.has("MOUNT_ATTR_IDMAP") {
        "owners on this mount are shifted: an idmapped mount"
    } else if ["MS_PRIVATE", "MS_SLAVE", "MS_SHARED", "MS_UNBINDABLE"].iter().any(|flag| call.has(flag)) {
        "how mounts propagate, of a whole tree at once"
    } else if call.has("MOUNT_ATTR_RDONLY") {
        "a whole tree of mounts becomes read-only at once"
    } else {
        "attributes of mounts, of a whole tree at once"
    }
}

fn written(path: &str) -> &'static str {
    let file = path.rsplit('/').next().unwrap_or_default();
    match file {
        "uid_map" => "who each user inside is outside; written once",
        "gid_map" => "who each group inside is outside; written once",
        "setgroups" => "gives up setgroups(2), the price of an unprivileged gid_map",
        "cgroup.procs" | "tasks" | "cgroup.threads" => {
            "puts a process into the cgroup; 0 is the writer itself"
        }
        "cgroup.subtree_control" => "controllers for the cgroups below this one",
        "cgroup.freeze" | "freezer.state" => "stops or resumes all processes of the cgroup",
        "cgroup.kill" => "kills all processes of the cgroup",
        "memory.max" | "memory.high" | "memory.limit_in_bytes" => "a limit on memory",
        "cpu.max" | "cpu.cfs_quota_us" | "cpu.cfs_period_us" => "a limit on processor time",
        "cpu.weight" | "cpu.shares" => "a share of processor time where it is short",
        "pids.max" => "a limit on the number of processes",
        "devices.allow" | "devices.deny" => "which devices may be opened",
        _ => "a setting of a cgroup",
    }
}

fn prctl(call: &Decoded) -> &'static str {
    match call.flags.first().map_or("", String::as_str) {
        "PR_SET_NO_NEW_PRIVS" => "execve can no longer give privilege: setuid means nothing from here on",
        "PR_SET_SECCOMP" => "a filter that judges every system call from here on",
        "PR_CAPBSET_DROP" => "a capability that no program executed from here on can have",
        "PR_CAP_AMBIENT" => "capabilities that an ordinary program keeps across execve",
        "PR_SET_SECUREBITS" => "whether user 0 is treated as root",
        "PR_SET_KEEPCAPS" if call.args.last().is_some_and(|last| last == "0") => {
            "a change of user takes the capabilities again"
        }
        "PR_SET_KEEPCAPS" => "keeps the capabilities through the next change of user",
        "PR_SET_DUMPABLE" => "whether others may look into its memory and /proc/PID",
        "PR_SET_PDEATHSIG" => "the signal it gets when its parent dies",
        "PR_SET_CHILD_SUBREAPER" => "orphans below it become its children, instead of process 1's",
        _ => "an attribute of this process",
    }
}

fn connect(path: &str) -> &'static str {
    if path.contains("docker.sock") {
        "talks to dockerd: the work is done there"
    } else if path.contains("containerd") {
        "talks to containerd, or to a shim of its"
    } else if path.contains("podman") {
        "talks to the podman service"
    } else {
        "talks to a daemon behind this socket"
    }
}

/// The changes of user and group.
fn identity(name: &str) -> &'static str {
    match name {
        "setgroups" => "the supplementary groups; an empty list leaves those of the caller",
        "setuid" | "setreuid" | "setresuid" => "changes its user; leaving 0 gives up the capabilities",
        "setgid" | "setregid" | "setresgid" => "changes its group",
        "setfsuid" | "setfsgid" => "acts as that one towards file systems only",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::decode::TABLE;

    fn call(name: &'static str, flags: &[&str], args: &[&str]) -> Decoded {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Decoded { name, args: owned(args), flags: owned(flags), subject: String::new() }
    }

    #[test]
    fn every_call_of_the_table_has_a_phrase() {
        for spec in TABLE {
            assert_ne!(explain(&call(spec.name, &[], &[])), "", "{}", spec.name);
        }
        assert_eq!(explain(&call("reboot", &[], &[])), "", "what is not in the table has none");
    }

    #[test]
    fn the_flags_decide_what_a_mount_is_for() {
        let of = |flags: &[&str], args: &[&str]| explain(&call("mount", flags, args));
        assert!(of(&["MS_REC", "MS_PRIVATE"], &["\"\"", "\"/\"", "NULL"]).contains("propagation"));
        assert!(of(&["MS_RDONLY", "MS_REMOUNT", "MS_BIND"], &[]).contains("read-only"));
        assert!(of(&[], &["\"proc\"", "\"/proc\"", "\"proc\""]).contains("pid namespace"));
        assert!(of(&["MS_BIND"], &["\"/dev/null\"", "\"/proc/kcore\""]).contains("hide"));
    }
}
