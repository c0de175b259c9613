//! Trying: each thing once, in a child that ends with it.
//!
//! A probe answers with the error of the call that failed. Only its outcome leaves the child, through the pipe
//! by which a child of lesson 00 tells its parent why the command never began.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use kit::{Doing, Error, Result, Rootfs, Tier};
use nix::mount::{MsFlags, mount};
use nix::sched::CloneFlags;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::dup2_stderr;
use serde::{Deserialize, Serialize};
use step_00::birth;
use step_01::chroot_into;
use step_02::ids::{self, Maps};
use step_02::{Clone3, clock, mounts, spawn};
use step_03::{Cgroup, Limits};
use step_04::{bind_to_itself, pivot_into};

use super::lesson;

/// All outcomes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tried {
    /// Single abilities, in the order in which a container needs them.
    pub abilities: Vec<Trial<Ability>>,
    /// Whole lessons, by number.
    pub lessons: Vec<Trial<u8>>,
    /// What the lessons said meanwhile on standard error: that a killed run was cleaned up, say.
    pub said: Vec<String>,
}

/// One try: what, and the error if it failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trial<T> {
    /// What was tried.
    pub what: T,
    /// The call that failed; nothing if none did.
    pub failed: Option<Error>,
}

/// What a machine can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// fork and execve, as lesson 00 has them.
    Process,
    /// A root assembled from the host's programs.
    Root,
    /// A user namespace with its maps.
    UserNamespace,
    /// A mount that only a capability allows.
    Tmpfs,
    /// A procfs of a new pid namespace; without it the outer one is bound.
    Proc,
    /// A sysfs of a new network namespace; without it the outer one is bound.
    Sys,
    /// chroot, as lesson 01 has it.
    Chroot,
    /// `pivot_root`, as lesson 04 has it.
    Pivot,
    /// A control group with a limit of memory and of processes.
    Cgroup,
    /// A child that is born in a control group of version 2, or moves into those of version 1.
    CgroupBirth,
    /// A clock of one's own: `step-02 run --boottime`.
    TimeNamespace,
    /// Landlock, by which a process shuts itself out of files.
    Landlock,
    /// An overlay mount, which stacks the layers of an image.
    Overlay,
    /// The socket of Docker's daemon.
    Docker,
    /// The socket of containerd.
    Containerd,
}

/// Tries everything. The caller has one thread.
pub(super) fn all() -> Tried {
    let hushed = Hushed::new();
    let tier = Tier::of_self();
    let root = Rootfs::at_or_assembled(None);
    let abilities = abilities(tier, root.as_ref());
    let in_root = |test: fn(Tier, &Path) -> Result<()>| match &root {
        Ok(root) => test(tier, root.path()),
        Err(error) => Err(error.clone()),
    };
    let lessons = [
        lesson::spawned(),
        in_root(lesson::chrooted),
        in_root(lesson::namespaced),
        in_root(lesson::limited),
        in_root(lesson::pivoted),
        in_root(lesson::configured),
        in_root(lesson::confined),
        in_root(lesson::lived),
    ];
    let lessons = (0..).zip(lessons).map(|(what, outcome)| Trial { what, failed: outcome.err() }).collect();
    drop(root);
    Tried { abilities, lessons, said: hushed.map(Hushed::end).unwrap_or_default() }
}

fn abilities(tier: Tier, root: Result<&Rootfs, &Error>) -> Vec<Trial<Ability>> {
    let mut tried = Vec::new();
    let mut note = |what, outcome: Result<()>| tried.push(Trial { what, failed: outcome.err() });
    note(Ability::Process, lesson::spawned());
    note(Ability::Root, root.map(drop).map_err(Clone::clone));
    note(Ability::UserNamespace, contained(Tier::User, CloneFlags::empty(), || Ok(())));
    if let Ok(root) = root.map(Rootfs::path) {
        let mounts = |flags, test: &dyn Fn() -> Result<()>| {
            contained(tier, CloneFlags::CLONE_NEWNS | flags, || mounts::make_private().and_then(|()| test()))
        };
        let only = CloneFlags::empty();
        note(Ability::Tmpfs, mounts(only, &|| mount_new("tmpfs", &root.join("tmp"), "")));
        note(Ability::Proc, mounts(CloneFlags::CLONE_NEWPID, &|| mount_new("proc", &root.join("proc"), "")));
        note(Ability::Sys, mounts(CloneFlags::CLONE_NEWNET, &|| mount_new("sysfs", &root.join("sys"), "")));
        note(Ability::Chroot, mounts(only, &|| chroot_into(root)));
        note(Ability::Pivot, mounts(only, &|| bind_to_itself(root).and_then(|()| pivot_into(root))));
        note(Ability::Overlay, mounts(only, &|| overlay(&root.join("tmp"))));
    }
    note(Ability::Cgroup, lesson::with(&lesson::limits_of_04(), |_| Ok(())));
    note(Ability::CgroupBirth, lesson::with(&Limits::default(), |cgroup| born_into(tier, cgroup)));
    note(Ability::TimeNamespace, contained(tier, CloneFlags::empty(), || clock::shift(3600)));
    note(Ability::Landlock, step_06::landlock::version().map(drop));
    note(Ability::Docker, connect("/var/run/docker.sock"));
    note(Ability::Containerd, connect("/run/containerd/containerd.sock"));
    tried
}

/// Runs a test in a child with new namespaces; as root of a user namespace if we are no root.
fn contained(tier: Tier, namespaces: CloneFlags, test: impl FnOnce() -> Result<()>) -> Result<()> {
    in_child(tier, Clone3 { namespaces, cgroup: None }, test)
}

fn born_into(tier: Tier, cgroup: &Cgroup) -> Result<()> {
    let clone = Clone3 { namespaces: CloneFlags::empty(), cgroup: cgroup.birthplace() };
    in_child(tier, clone, || cgroup.enter())
}

fn in_child(tier: Tier, clone: Clone3<'_>, test: impl FnOnce() -> Result<()>) -> Result<()> {
    let user = tier == Tier::User;
    let more = if user { CloneFlags::CLONE_NEWUSER } else { CloneFlags::empty() };
    let clone = Clone3 { namespaces: clone.namespaces | more, ..clone };
    let init = spawn(clone, |gate| {
        if user {
            ids::become_root(gate)?;
        }
        test()?;
        birth::end(0)
    })?;
    if user {
        Maps::me_as_root().write_for(init.pid(), Tier::of_self())?;
    }
    match init.release_and_wait()? {
        0 => Ok(()),
        status => {
            Err(Error::refused("wait for the child of a probe", "", format!("it ended with status {status}")))
        }
    }
}

fn mount_new(kind: &str, target: &Path, data: &str) -> Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some(kind), target, Some(kind), flags, Some(data)).doing(format!("mount(2) {kind} on"), target)
}

/// The layers lie on a tmpfs of the probe's, so that nothing of them stays.
fn overlay(dir: &Path) -> Result<()> {
    mount_new("tmpfs", dir, "")?;
    for name in ["lower", "upper", "work", "merged"] {
        let dir = dir.join(name);
        fs::create_dir(&dir).doing("mkdir(2)", &dir)?;
    }
    let layer = |name: &str| dir.join(name).display().to_string();
    let data = format!("lowerdir={},upperdir={},workdir={}", layer("lower"), layer("upper"), layer("work"));
    mount_new("overlay", &dir.join("merged"), &data)
}

fn connect(socket: &str) -> Result<()> {
    UnixStream::connect(socket).doing("connect(2)", socket).map(drop)
}

/// Standard error turned away while the lessons are tried: what they say is said by the report.
struct Hushed {
    before: OwnedFd,
    said: File,
}

impl Hushed {
    /// `None` if it cannot be turned away: then the lessons speak for themselves.
    fn new() -> Option<Self> {
        let said: File = memfd_create(c"said", MFdFlags::MFD_CLOEXEC).ok()?.into();
        let before = std::io::stderr().as_fd().try_clone_to_owned().ok()?;
        dup2_stderr(&said).ok()?;
        Some(Self { before, said })
    }

    fn end(mut self) -> Vec<String> {
        let _ = dup2_stderr(&self.before);
        let mut text = String::new();
        let _ = self.said.rewind().and_then(|()| self.said.read_to_string(&mut text));
        let mut lines: Vec<_> =
            text.lines().map(|line| line.trim_start_matches("dive: ").to_owned()).collect();
        lines.dedup();
        lines
    }
}

impl Ability {
    /// For people: what is tried.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Process => "fork a child and execute a program",
            Self::Root => "assemble a root from this host's programs",
            Self::UserNamespace => "make a user namespace and write its maps",
            Self::Tmpfs => "mount a tmpfs",
            Self::Proc => "mount a new /proc",
            Self::Sys => "mount a new /sys",
            Self::Chroot => "chroot",
            Self::Pivot => "pivot_root",
            Self::Cgroup => "make a cgroup with limits",
            Self::CgroupBirth => "have a child in a cgroup",
            Self::TimeNamespace => "shift a clock in a time namespace",
            Self::Landlock => "ask for Landlock's version",
            Self::Overlay => "mount an overlay",
            Self::Docker => "connect to Docker's daemon",
            Self::Containerd => "connect to containerd",
        }
    }

    /// The name by which programs know it: as in the JSON of an outcome.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Root => "root",
            Self::UserNamespace => "user_namespace",
            Self::Tmpfs => "tmpfs",
            Self::Proc => "proc",
            Self::Sys => "sys",
            Self::Chroot => "chroot",
            Self::Pivot => "pivot",
            Self::Cgroup => "cgroup",
            Self::CgroupBirth => "cgroup_birth",
            Self::TimeNamespace => "time_namespace",
            Self::Landlock => "landlock",
            Self::Overlay => "overlay",
            Self::Docker => "docker",
            Self::Containerd => "containerd",
        }
    }

    /// The number of the lesson that needs it first.
    pub(super) fn step(self) -> &'static str {
        match self {
            Self::Process => "00",
            Self::Root | Self::Chroot => "01",
            Self::UserNamespace | Self::Tmpfs | Self::Proc | Self::TimeNamespace => "02",
            Self::Cgroup | Self::CgroupBirth => "03",
            Self::Sys | Self::Pivot => "04",
            Self::Landlock => "06",
            Self::Overlay | Self::Docker | Self::Containerd => "07",
        }
    }
}
