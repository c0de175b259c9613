//! What the advice depends on, read once: settings, the platform, who we are.

use std::fs;
use std::path::Path;

use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};

/// What is read of the machine; a value, so that tests can make one up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The kernel's release, as `uname -r` says it.
    pub release: String,
    /// ID and `ID_LIKE` of os-release(5): which package manager there is.
    pub distribution: String,
    /// What stands between this process and the hardware's kernel.
    pub platform: Platform,
    /// `user.max_user_namespaces`
    pub max_user_namespaces: Option<String>,
    /// Kinds of namespaces whose number is limited to 0: `net`, `time`, …
    pub switched_off: Vec<String>,
    /// `kernel.unprivileged_userns_clone`, a setting of Debian's.
    pub unprivileged_userns_clone: Option<String>,
    /// `kernel.apparmor_restrict_unprivileged_userns`, a setting of Ubuntu's.
    pub apparmor_restricts: Option<String>,
    /// Whether a seccomp filter is in force.
    pub seccomp: bool,
    /// Effective user id; what 0 is worth depends on the capabilities.
    pub uid: u32,
    /// Whether all cgroup controllers are in the tree of version 2.
    pub pure_v2: bool,
    /// Whether a systemd of this user answers: only it can delegate without root.
    pub user_manager: bool,
    /// The program as the reader would type it.
    pub exe: String,
}

/// The surroundings that change which remedy works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// A machine, real or virtual.
    #[default]
    Host,
    /// A container of Docker's.
    Docker,
    /// A container of Podman's.
    Podman,
    /// A container of an editor's, described by a devcontainer.json.
    Devcontainer,
    /// The same on GitHub's machines.
    Codespaces,
    /// A container of somebody else's.
    Container,
    /// A user namespace alone, as unshare(1) or a sandbox makes it: uid 0 in it is nobody outside.
    Nested,
    /// Windows, with its own implementation of some system calls.
    Wsl1,
    /// Windows, with a Linux kernel in a virtual machine.
    Wsl2,
}

/// The namespaces in which a kernel starts have these numbers since Linux 3.8. In a container at least one of
/// them is another, even where it shares the host's processes.
const INITIAL: [&str; 4] = ["pid:[4026531836]", "uts:[4026531838]", "ipc:[4026531839]", "user:[4026531837]"];

impl Machine {
    /// This one.
    pub fn here() -> Self {
        let release = sysctl("kernel/osrelease").unwrap_or_default();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let namespaces = ["pid", "uts", "ipc", "user"].map(|kind| {
            let link = fs::read_link(Path::new("/proc/self/ns").join(kind)).unwrap_or_default();
            link.to_string_lossy().into_owned()
        });
        let runtime_dir = format!("/run/user/{}/systemd/private", geteuid());
        Self {
            distribution: distribution(&fs::read_to_string("/etc/os-release").unwrap_or_default()),
            platform: Platform::of(
                &release,
                &namespaces,
                |name| std::env::var(name).ok(),
                |path| Path::new(path).exists(),
            ),
            release,
            max_user_namespaces: sysctl("user/max_user_namespaces"),
            switched_off: switched_off(),
            unprivileged_userns_clone: sysctl("kernel/unprivileged_userns_clone"),
            apparmor_restricts: sysctl("kernel/apparmor_restrict_unprivileged_userns"),
            seccomp: status.lines().any(|line| line == "Seccomp:\t2"),
            uid: geteuid().as_raw(),
            pure_v2: Path::new("/sys/fs/cgroup/cgroup.controllers").exists(),
            user_manager: Path::new(&runtime_dir).exists(),
            exe: exe(),
        }
    }

    /// Major and minor version of the kernel; 0.0 if the release does not begin with them.
    pub fn kernel(&self) -> (u32, u32) {
        let mut numbers =
            self.release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }

    /// Whether sudo would change nothing.
    pub fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// Whether somebody else's container is around this process.
    pub fn in_container(&self) -> bool {
        !matches!(self.platform, Platform::Host | Platform::Wsl1 | Platform::Wsl2)
    }
}

impl Platform {
    /// By the release of the kernel, the numbers of our namespaces (pid, uts, ipc, user), the environment and the marks
    /// that engines leave. The more special comes first: a container of Docker's may run on the kernel of WSL.
    ///
    /// A mark alone proves nothing: a file system that was once a container's may be a machine's now.
    pub fn of(
        release: &str,
        namespaces: &[String; 4],
        env: impl Fn(&str) -> Option<String>,
        exists: impl Fn(&str) -> bool,
    ) -> Self {
        let own = |index: usize| !namespaces[index].is_empty() && namespaces[index] != INITIAL[index];
        let (nested, marked) = ((0..3).any(own), |path| (0..3).any(own) && exists(path));
        let says_true = |name| nested && env(name).is_some_and(|value| value == "true");
        if says_true("CODESPACES") {
            Self::Codespaces
        } else if says_true("REMOTE_CONTAINERS") {
            Self::Devcontainer
        } else if marked("/.dockerenv") {
            Self::Docker
        } else if marked("/run/.containerenv") {
            Self::Podman
        } else if release.to_lowercase().contains("microsoft") {
            // The pid namespace is no witness here: WSL starts every distribution in one of its own.
            if release.contains("WSL2") || !release.starts_with("4.4.") { Self::Wsl2 } else { Self::Wsl1 }
        } else if own(0) || (nested && env("container").is_some()) {
            Self::Container
        } else if own(3) {
            Self::Nested
        } else {
            Self::Host
        }
    }
}

fn sysctl(name: &str) -> Option<String> {
    let text = fs::read_to_string(Path::new("/proc/sys").join(name)).ok()?;
    Some(text.trim().to_owned())
}

fn switched_off() -> Vec<String> {
    let kinds = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];
    let off = |kind: &&str| sysctl(&format!("user/max_{kind}_namespaces")).as_deref() == Some("0");
    kinds.into_iter().filter(off).map(str::to_owned).collect()
}

/// The values of ID and `ID_LIKE`, in one line.
fn distribution(os_release: &str) -> String {
    let value = |key| os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let values = [value("ID"), value("ID_LIKE")].into_iter().flatten().map(|value| value.trim_matches('"'));
    values.collect::<Vec<_>>().join(" ")
}

/// As the reader would type it: below the working directory where it lies there.
fn exe() -> String {
    let exe = std::env::current_exe().unwrap_or_default();
    let here = std::env::current_dir().unwrap_or_default();
    let called = std::env::args_os().next().unwrap_or_default();
    found_or_called(&exe, Path::new(&called), &here)
}

/// Lesson 07 executes itself from a detached mount, or from a copy in memory: neither has a path that anybody could type.
fn found_or_called(exe: &Path, called: &Path, here: &Path) -> String {
    match (exe.is_file(), called.is_absolute()) {
        (true, _) => typed(exe, here),
        (false, true) => typed(called, here),
        (false, false) => called.display().to_string(),
    }
}

fn typed(exe: &Path, here: &Path) -> String {
    let below = exe.strip_prefix(here).unwrap_or(exe);
    // A shell looks for a name without a slash in PATH, not here.
    let lead = if below.components().count() == 1 { "./" } else { "" };
    format!("{lead}{}", below.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_lies_nowhere_is_told_as_it_was_called() {
        let told =
            |exe: &str, called: &str| found_or_called(Path::new(exe), Path::new(called), Path::new("/h"));
        assert_eq!(told("/bin/sh", "x"), "/bin/sh");
        assert_eq!(told("/memfd:step-07 (deleted)", "target/debug/step-07"), "target/debug/step-07");
        assert_eq!(told("/", "/h/target/debug/step-07"), "target/debug/step-07");
        assert_eq!(told("/", "step-07"), "step-07");
    }

    const HOST: [&str; 4] = INITIAL;
    const NESTED: [&str; 4] = ["pid:[4026532300]", "uts:[4026532298]", "ipc:[4026532299]", INITIAL[3]];

    fn platform(release: &str, namespaces: [&str; 4], set: &str, file: &str) -> Platform {
        let env = |name: &str| (name == set).then(|| "true".to_owned());
        Platform::of(release, &namespaces.map(str::to_owned), env, |path| path == file)
    }

    #[test]
    fn each_platform_is_known_by_its_marks() {
        assert_eq!(platform("6.8.0-45-generic", HOST, "", ""), Platform::Host);
        assert_eq!(platform("6.8.0-45-generic", NESTED, "", "/.dockerenv"), Platform::Docker);
        assert_eq!(platform("6.8.0-45-generic", NESTED, "", "/run/.containerenv"), Platform::Podman);
        assert_eq!(platform("6.5.0-1025-azure", NESTED, "CODESPACES", "/.dockerenv"), Platform::Codespaces);
        assert_eq!(platform("6.8.0", NESTED, "REMOTE_CONTAINERS", "/.dockerenv"), Platform::Devcontainer);
        assert_eq!(platform("6.8.0", NESTED, "", ""), Platform::Container);
        let with_the_hosts_processes = [HOST[0], NESTED[1], NESTED[2], HOST[3]];
        assert_eq!(platform("6.8.0", with_the_hosts_processes, "", "/.dockerenv"), Platform::Docker);
        assert_eq!(platform("6.8.0", with_the_hosts_processes, "container", ""), Platform::Container);
        let only_a_user = [HOST[0], HOST[1], HOST[2], "user:[4026532111]"];
        assert_eq!(platform("6.8.0", only_a_user, "", ""), Platform::Nested);
    }

    #[test]
    fn a_mark_without_a_namespace_is_the_leftover_of_an_image() {
        assert_eq!(platform("6.8.0", HOST, "container", "/.dockerenv"), Platform::Host);
    }

    #[test]
    fn both_kinds_of_wsl_are_known_and_docker_on_it_is_docker() {
        let none = [""; 4];
        assert_eq!(platform("4.4.0-19041-Microsoft", none, "", ""), Platform::Wsl1);
        let second = "5.15.167.4-microsoft-standard-WSL2";
        assert_eq!(platform(second, NESTED, "", ""), Platform::Wsl2);
        assert_eq!(platform("4.19.104-microsoft-standard", HOST, "", ""), Platform::Wsl2);
        assert_eq!(platform(second, NESTED, "", "/.dockerenv"), Platform::Docker);
    }

    #[test]
    fn a_program_is_named_so_that_a_shell_finds_it() {
        let typed = |exe: &str, here: &str| typed(Path::new(exe), Path::new(here));
        assert_eq!(typed("/src/target/debug/dive", "/src"), "target/debug/dive");
        assert_eq!(typed("/usr/bin/dive", "/src"), "/usr/bin/dive");
        assert_eq!(typed("/src/dive", "/src"), "./dive");
    }

    #[test]
    fn releases_and_distributions_are_read() {
        let of = |release: &str| Machine { release: release.into(), ..Machine::default() }.kernel();
        assert_eq!((of("6.8.0-45-generic"), of("5.14.0-rc1"), of("")), ((6, 8), (5, 14), (0, 0)));
        assert_eq!(
            distribution("NAME=\"U\"\nID=ubuntu\nID_LIKE=\"debian\"\nVERSION_ID=1\n"),
            "ubuntu debian"
        );
    }
}
