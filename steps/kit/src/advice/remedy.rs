//! The remedies, each for the platform at hand. What is cheapest comes first.

use super::{Machine, Platform, Remedy};

const MANY: &str = "any user may then reach kernel code that only root could reach before";
const UNCONFINED: [&str; 3] = ["seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined"];

fn remedy(command: impl Into<String>, cost: impl Into<String>) -> Remedy {
    Remedy { command: command.into(), cost: cost.into() }
}

/// Before other remedies: the built program as root. Not in a container, whose root is no more than we are.
pub(super) fn or_as_root(machine: &Machine, others: Vec<Remedy>) -> Vec<Remedy> {
    let cost = "the built program runs as root; nothing else on the machine changes";
    let root = remedy(format!("sudo {}", machine.exe), cost);
    let first = (!machine.is_root() && !machine.in_container()).then_some(root);
    first.into_iter().chain(others).collect()
}

pub(super) fn user_namespaces(setting: &str) -> Remedy {
    remedy(format!("sudo sysctl -w {setting}"), MANY)
}

/// A profile for what cargo builds here is the smaller gift; the switch is the shorter command.
pub(super) fn apparmor(machine: &Machine) -> Vec<Remedy> {
    let dir = machine.exe.rsplit_once('/').map_or(".", |(dir, _)| dir);
    let dir = if dir.starts_with('/') { dir.to_owned() } else { format!("'\"$PWD\"'/{dir}") };
    let profile = format!(
        "echo 'abi <abi/4.0>, profile docker-dive {dir}/* flags=(unconfined) {{ userns, }}' | \
         sudo tee /etc/apparmor.d/docker-dive && sudo apparmor_parser -r /etc/apparmor.d/docker-dive"
    );
    let setting = "kernel.apparmor_restrict_unprivileged_userns=0";
    let cost =
        "programs in that directory, and only they, may make user namespaces; remove the file to undo it";
    vec![remedy(profile, cost), user_namespaces(setting)]
}

/// What an outer container must be started with.
pub(super) fn outer_filter(machine: &Machine) -> Vec<Remedy> {
    let cost = "that container may then make every system call of the kernel's, and reads all of /proc";
    let options =
        |separator: &str| UNCONFINED.map(|option| format!("--security-opt{separator}{option}")).join(" ");
    match machine.platform {
        Platform::Codespaces | Platform::Devcontainer => vec![devcontainer()],
        Platform::Podman => {
            let command = "podman run --security-opt seccomp=unconfined --security-opt unmask=ALL …";
            vec![remedy(command, cost)]
        }
        Platform::Docker => vec![remedy(format!("docker run {} …", options(" ")), cost)],
        Platform::Container => {
            let why = "the outer runtime's config.json: no linux.seccomp, maskedPaths or readonlyPaths, and CAP_SYS_ADMIN";
            vec![remedy(why, "that container is then hardly a boundary")]
        }
        Platform::Nested => vec![outside(machine)],
        Platform::Host | Platform::Wsl1 | Platform::Wsl2 => {
            let why = "grep Seccomp_filters /proc/self/status";
            vec![remedy(why, "a filter of the session's is inherited: start from a shell that has none")]
        }
    }
}

/// For who is uid 0 with less than root's capabilities: any other uid may map itself.
pub(super) fn another_user(machine: &Machine) -> Vec<Remedy> {
    let user = remedy(
        format!("setpriv --reuid 65534 --regid 65534 --clear-groups {}", machine.exe),
        "the program runs as nobody, and must be readable for it; needs CAP_SETUID and CAP_SETGID",
    );
    match machine.platform {
        Platform::Docker => {
            vec![remedy("docker run --user 65534 …", "nobody owns no file in that container"), user]
        }
        Platform::Podman => {
            vec![remedy("podman run --user 65534 …", "nobody owns no file in that container"), user]
        }
        Platform::Nested => vec![outside(machine)],
        Platform::Container => {
            let command = "the outer runtime's config.json: process.user.uid of 65534, or CAP_SETFCAP";
            vec![remedy(command, "nobody owns no file in that container"), user]
        }
        _ => vec![user],
    }
}

/// For who is root only in a user namespace.
fn outside(machine: &Machine) -> Remedy {
    let command = format!("leave this user namespace (exit), and there: {}", machine.exe);
    remedy(command, "none: what made the namespace, unshare(1) or a sandbox, is left behind")
}

/// How to become root with everything that belongs to it.
pub(super) fn real_root(machine: &Machine) -> Vec<Remedy> {
    match machine.platform {
        _ if !machine.in_container() && !machine.is_root() => or_as_root(machine, vec![]),
        Platform::Host | Platform::Wsl1 | Platform::Wsl2 => every_capability(machine),
        _ => writable_cgroups(machine),
    }
}

fn devcontainer() -> Remedy {
    let options = UNCONFINED.map(|option| format!("\"--security-opt\", \"{option}\"")).join(", ");
    let command =
        format!("in .devcontainer/devcontainer.json: \"runArgs\": [{options}]; then \"Rebuild Container\"");
    remedy(command, "that container may then make every system call of the kernel's, and reads all of /proc")
}

/// For who is root and still may not.
pub(super) fn every_capability(machine: &Machine) -> Vec<Remedy> {
    let cost = "the program holds every capability that the bounding set allows";
    vec![remedy(format!("setpriv --inh-caps=+all --ambient-caps=+all {}", machine.exe), cost)]
}

pub(super) fn writable_cgroups(machine: &Machine) -> Vec<Remedy> {
    let cost = "that container is then no boundary: it holds every capability and the host's devices";
    let command = match machine.platform {
        Platform::Codespaces | Platform::Devcontainer => {
            "in .devcontainer/devcontainer.json: \"privileged\": true; then \"Rebuild Container\""
        }
        Platform::Podman => "podman run --privileged --cgroupns=private …",
        Platform::Container => {
            "the outer runtime's config.json: /sys/fs/cgroup mounted \"rw\", and a cgroup namespace"
        }
        Platform::Docker => "docker run --privileged --cgroupns=private …",
        Platform::Nested => return vec![outside(machine)],
        Platform::Host | Platform::Wsl1 | Platform::Wsl2 => {
            let cost = "every program that may write there can change groups again, as is usual";
            return vec![remedy("sudo mount -o remount,rw /sys/fs/cgroup", cost)];
        }
    };
    vec![remedy(command, cost)]
}

/// Without root a group can be made only where somebody delegated a directory: systemd does, in version 2.
pub(super) fn delegation(machine: &Machine) -> Vec<Remedy> {
    let scope = format!("systemd-run --user --scope -p Delegate=yes {}", machine.exe);
    let reach = "limits reach only what the session delegates (memory, pids; often cpu)";
    match (machine.pure_v2, machine.platform) {
        (true, _) if machine.user_manager => vec![remedy(scope, reach)],
        (true, Platform::Wsl2) => vec![
            remedy(
                "in /etc/wsl.conf: [boot] systemd=true; then, in Windows: wsl --shutdown",
                "the distribution starts anew",
            ),
            remedy(scope, reach),
        ],
        (true, _) => {
            let command =
                format!("sudo loginctl enable-linger \"$USER\"; XDG_RUNTIME_DIR=/run/user/$(id -u) {scope}");
            vec![remedy(command, format!("needs systemd; its session for you runs from boot on; {reach}"))]
        }
        (false, _) => version_2(machine),
    }
}

/// Version 1 knows no delegation that is safe.
fn version_2(machine: &Machine) -> Vec<Remedy> {
    if machine.platform == Platform::Wsl2 {
        let command =
            "in %UserProfile%\\.wslconfig: [wsl2] kernelCommandLine=cgroup_no_v1=all; then: wsl --shutdown";
        return vec![remedy(command, "every distribution starts anew, and old programs lose cgroup v1")];
    }
    let command = "boot Linux with systemd.unified_cgroup_hierarchy=1 (without systemd: mount cgroup2 at /sys/fs/cgroup)";
    vec![remedy(command, "a reboot, and old programs lose cgroup v1")]
}

pub(super) fn cgroup_tree(machine: &Machine) -> Vec<Remedy> {
    if machine.in_container() {
        return writable_cgroups(machine);
    }
    let cost = "until the next boot; nothing else changes";
    vec![remedy("sudo mount -t cgroup2 cgroup2 /sys/fs/cgroup", cost)]
}

pub(super) fn controllers(machine: &Machine) -> Vec<Remedy> {
    if machine.in_container() {
        return writable_cgroups(machine);
    }
    let boot = "boot Linux with cgroup_enable=memory, if /proc/cgroups says that it is off";
    let boot = remedy(boot, "a reboot; the kernel then counts memory, which costs a little of it");
    if !machine.pure_v2 {
        return vec![boot];
    }
    let delegate = "sudo mkdir -p /etc/systemd/system/user@.service.d && \
                    printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | \
                    sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload";
    let cost = "after the next login every user may divide these controllers among their own processes";
    or_as_root(machine, vec![remedy(delegate, cost), boot])
}

pub(super) fn newer_kernel(machine: &Machine) -> Vec<Remedy> {
    let (command, cost) = match machine.platform {
        Platform::Wsl1 => return vec![wsl2()],
        Platform::Wsl2 => {
            ("in Windows: wsl --update; then: wsl --shutdown", "every distribution starts anew")
        }
        Platform::Host => match family(machine) {
            Family::Ubuntu => ("sudo apt-get install linux-generic-hwe-$(lsb_release -rs)", "a reboot"),
            Family::Debian => {
                let command = "sudo apt-get install -t $(lsb_release -cs)-backports linux-image-$(dpkg --print-architecture)";
                (command, "needs backports among the sources; a reboot")
            }
            Family::Fedora => ("sudo dnf upgrade kernel", "a reboot"),
            Family::Arch => ("sudo pacman -Syu linux", "the whole system is upgraded; a reboot"),
            Family::Alpine => ("sudo apk add --upgrade linux-lts", "a reboot"),
            Family::Suse => ("sudo zypper update kernel-default", "a reboot"),
            Family::Other => ("boot a kernel of 5.14 or later, with every namespace built in", "a reboot"),
        },
        _ => {
            let command =
                "on the host of this container: a kernel of 5.14 or later, with every namespace built in";
            (command, "a container has no kernel of its own: its host must be rebooted")
        }
    };
    vec![remedy(command, cost)]
}

pub(super) fn security_module(name: &str) -> Remedy {
    let command =
        format!("boot Linux with lsm={name}, and after it those that cat /sys/kernel/security/lsm shows");
    remedy(command, "a reboot; a name that is left out of the list is switched off")
}

pub(super) fn wsl2() -> Remedy {
    let command = "in Windows: wsl --set-version \"$WSL_DISTRO_NAME\" 2, with the name that wsl -l shows";
    remedy(
        command,
        "the distribution is converted, which takes minutes, and files on Windows' drives get slower",
    )
}

pub(super) fn other_directory(machine: &Machine) -> Remedy {
    let command = format!("mkdir -p ~/.cache && TMPDIR=~/.cache {}", machine.exe);
    remedy(command, "the root is made there, some megabytes, and removed again")
}

pub(super) fn executable_tmp() -> Remedy {
    remedy("sudo mount -o remount,exec /tmp", "until the next boot every user may execute programs from /tmp")
}

pub(super) fn busybox(machine: &Machine) -> Remedy {
    let sudo = if machine.is_root() { "" } else { "sudo " };
    let install = match family(machine) {
        Family::Ubuntu | Family::Debian => "apt-get install busybox-static",
        Family::Fedora => "dnf install busybox",
        Family::Arch => "pacman -S busybox",
        Family::Alpine => "apk add busybox-static",
        Family::Suse => "zypper install busybox-static",
        Family::Other => {
            return remedy("PATH=/usr/bin:/bin:$PATH", "a shell must be installed in one of these folders");
        }
    };
    remedy(format!("{sudo}{install}"), "a package of about a megabyte")
}

pub(super) fn more_processes(machine: &Machine) -> Vec<Remedy> {
    let mut remedies = vec![remedy(
        format!("ulimit -S -u \"$(ulimit -H -u)\"; {}", machine.exe),
        "this shell may start as many processes as the administrator allows",
    )];
    if machine.in_container() {
        let command = "docker run --pids-limit=-1 … (podman run --pids-limit=-1 …)";
        remedies.push(remedy(command, "a fork bomb in that container reaches the host"));
    } else {
        let command = "sudo systemctl set-property --runtime user-$(id -u).slice TasksMax=infinity";
        remedies.push(remedy(command, "until the next boot a fork bomb of yours reaches everybody"));
    }
    or_as_root(machine, remedies)
}

pub(super) fn more_namespaces(off: &[String], machine: &Machine) -> Vec<Remedy> {
    let command = if off.is_empty() {
        "sudo sysctl -w user.max_user_namespaces=65536 user.max_mnt_namespaces=65536 user.max_net_namespaces=65536".into()
    } else {
        let settings: Vec<_> = off.iter().map(|name| format!("{name}=65536")).collect();
        format!("sudo sysctl -w {}", settings.join(" "))
    };
    let on_host = if machine.in_container() { "on the host, not in this container; " } else { "" };
    vec![remedy(command, format!("{on_host}{MANY}"))]
}

enum Family {
    Ubuntu,
    Debian,
    Fedora,
    Arch,
    Alpine,
    Suse,
    Other,
}

fn family(machine: &Machine) -> Family {
    let has = |name: &str| machine.distribution.split(' ').any(|word| word == name);
    match () {
        () if has("ubuntu") => Family::Ubuntu,
        () if has("debian") => Family::Debian,
        () if has("fedora") || has("rhel") || has("centos") => Family::Fedora,
        () if has("arch") => Family::Arch,
        () if has("alpine") => Family::Alpine,
        () if has("suse") || has("opensuse") => Family::Suse,
        () => Family::Other,
    }
}
