//! The child: from a copy of the runtime to the container's first process, in a straight line.
//!
//! It never returns into the parent's code, and it never goes on after the parent has died: the kernel ends it then, and
//! every answer that does not come is an error. Which step comes before which is decided by what each of them takes away;
//! the comments say what fails otherwise.

use std::convert::Infallible;
use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, open};
use nix::sys::prctl::{set_dumpable, set_pdeathsig};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, getpid, setgroups, setresgid, setresuid, setsid};

use super::cgroup::{Entrances, Place};
use super::ids::Maps;
use super::mounts::{self, Planned, Surroundings};
use super::namespace::Namespaces;
use super::protocol::{InitEnd, Step};
use super::{console, device, hook, process, sysctl};
use crate::error::{Doing, Error, Result};
use crate::oci::Spec;
use crate::oci::linux::Linux;
use crate::oci::state::{State, Status};
use crate::sys::keyring;
use crate::sys::mount::{Attributes, Change, Extent, Propagation, Tree};
use crate::sys::namespace::Kind as Namespace;
use crate::sys::path::Root;
use crate::sys::pivot::pivot_into;

/// All that init needs, prepared by the parent: as little as possible is left to be found out, or to be allocated.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) spec: &'a Spec,
    pub(super) maps: Option<Maps>,
    pub(super) root: PathBuf,
    /// The root's tree, where the parent had to take it.
    pub(super) root_tree: Option<Tree>,
    pub(super) mounts: Vec<Planned>,
    pub(super) cgroups: Vec<Place>,
    pub(super) entrances: Entrances,
    pub(super) process: process::Plan,
    /// Where the terminal's other end is sent.
    pub(super) console: Option<OwnedFd>,
    /// The name of the session keyring, if it gets one of its own.
    pub(super) keyring: Option<String>,
    /// What hooks are told.
    pub(super) state: State,
    pub(super) start: Start,
}

/// When the program is executed.
#[derive(Debug)]
pub(super) enum Start {
    /// As soon as the parent knows that everything is ready.
    AtOnce,
    /// When somebody has written into the first; why it failed is written into the second.
    Later {
        /// Read from.
        start: File,
        /// Written to.
        started: File,
    },
}

/// Becomes the container's first process. Errors are for the parent, or later for who starts the container.
pub(super) fn init(plan: &mut Plan<'_>, namespaces: &Namespaces, parent: &InitEnd) -> Result<Infallible> {
    // Before anything else: whatever is done from here on, nobody is left behind who does it.
    set_pdeathsig(Signal::SIGKILL).doing("prctl(2) PR_SET_PDEATHSIG", "")?;
    plan.entrances.enter()?;
    // While /proc/self is ours: becoming another user takes it away.
    oom_score(plan)?;
    if let Some(maps) = &plan.maps {
        parent.ask(Step::MapIds)?;
        become_root(maps.allow_groups())?;
        // To become another user has undone both of these.
        set_pdeathsig(Signal::SIGKILL).doing("prctl(2) PR_SET_PDEATHSIG", "")?;
        set_dumpable(true).doing("prctl(2) PR_SET_DUMPABLE", "")?;
    }
    namespaces.set_clocks()?;
    // A process of a container that we join could otherwise trace us, and use what we have open.
    set_dumpable(false).doing("prctl(2) PR_SET_DUMPABLE", "")?;
    namespaces.settle()?;
    setsid().doing("setsid(2)", "")?;
    if let Some(name) = &plan.keyring {
        keyring::join_session(name)?;
    }
    // Modes of what is made from here on are meant as they are said.
    umask(Mode::empty());

    let default = Linux::default();
    let linux = plan.spec.linux.as_ref().unwrap_or(&default);
    sysctl::names(plan.spec)?;
    sysctl::write_all(&linux.sysctl)?;
    let tree = enter_tree(plan, linux)?;
    let root = Root::from_directory(tree.try_clone()?.into())?;
    furnish(plan, namespaces, linux, &root)?;

    parent.ask(Step::RunHooks)?;
    // What the hooks of its own namespaces are told is its number there.
    plan.state.pid = Some(getpid().as_raw());
    if let Some(hooks) = &plan.spec.hooks {
        hook::run("createContainer", &hooks.create_container, &plan.state, Path::new("/"))?;
    }
    pivot_into(tree.as_fd())?;
    if plan.spec.root.as_ref().is_some_and(|root| root.readonly) {
        tree.change(&Change { set: Attributes::RDONLY, ..Change::default() }, Extent::One)?;
    }
    let shared = match linux.rootfs_propagation.as_deref() {
        Some("shared") => Some(Extent::One),
        Some("rshared") => Some(Extent::All),
        _ => None,
    };
    if let Some(extent) = shared {
        tree.change(&Change { propagation: Some(Propagation::Shared), ..Change::default() }, extent)?;
    }
    drop((tree, root));

    plan.process.become_it()?;
    // The parent may end as soon as it has answered. If it dies before, there is an end to be read in place of an answer.
    set_pdeathsig(None).doing("prctl(2) PR_SET_PDEATHSIG", "")?;
    parent.ask(Step::Ready)?;
    plan.state.status = Status::Created;
    wait_and_execute(plan)
}

/// The user who is root inside, with the groups that are theirs: none.
pub(super) fn become_root(may_choose_groups: bool) -> Result<()> {
    if may_choose_groups {
        setgroups(&[]).doing("setgroups(2)", "")?;
    }
    let (uid, gid) = (Uid::from_raw(0), Gid::from_raw(0));
    setresgid(gid, gid, gid).doing("setresgid(2)", "0").map_err(|e| e.advise("is the group 0 mapped?"))?;
    setresuid(uid, uid, uid).doing("setresuid(2)", "0").map_err(|e| e.advise("is the user 0 mapped?"))
}

fn oom_score(plan: &Plan<'_>) -> Result<()> {
    let Some(score) = plan.spec.process.as_ref().and_then(|process| process.oom_score_adj) else {
        return Ok(());
    };
    write_oom_score(score)
}

/// How likely the kernel is to end this process when memory is short.
pub(super) fn write_oom_score(score: i32) -> Result<()> {
    let path = "/proc/self/oom_score_adj";
    match fs::write(path, score.to_string()).doing(format_args!("write {score} to"), path) {
        // Who is not root may not make a process safer than it was. The parent has warned of it.
        Err(error) if super::rootless::excuses(&error) => Ok(()),
        outcome => outcome,
    }
}

/// The container's root, as a mount of its own in a mount namespace of its own. It hangs on the old root, for nobody walks
/// through there, and it lies in the way of nothing.
fn enter_tree(plan: &mut Plan<'_>, linux: &Linux) -> Result<Tree> {
    let slash = Path::new("/");
    let directory = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let old = open(slash, directory, Mode::empty()).doing("open(2) O_PATH|O_DIRECTORY", slash)?;
    let (propagation, extent) = match linux.rootfs_propagation.as_deref() {
        // Shared: what is mounted on the host stays in step with it, so that its mounts can be the container's as well.
        // Only the old root itself cannot, for the new one is going to hang on it.
        Some("private" | "shared" | "rshared") => (Propagation::Private, Extent::One),
        Some("rprivate") => (Propagation::Private, Extent::All),
        Some("unbindable") => (Propagation::Unbindable, Extent::One),
        Some("runbindable") => (Propagation::Unbindable, Extent::All),
        Some("slave") => (Propagation::Slave, Extent::One),
        _ => (Propagation::Slave, Extent::All),
    };
    // Nothing that is mounted here appears on the host, from the first mount on.
    Change { propagation: Some(propagation), ..Change::default() }.apply(old.as_fd(), extent)?;
    let tree = match plan.root_tree.take() {
        Some(tree) => tree,
        None => mounts::take_tree(&plan.root, Extent::All).doing("root.path", "")?,
    };
    tree.change(&Change { propagation: Some(Propagation::Private), ..Change::default() }, Extent::One)?;
    tree.attach(old.as_fd())?;
    Ok(tree)
}

/// Everything in the root: mounts, then devices in what was mounted, then what is covered in all of it.
fn furnish(plan: &Plan<'_>, namespaces: &Namespaces, linux: &Linux, root: &Root) -> Result<()> {
    let surroundings = Surroundings {
        own_pids: namespaces.is_new(Namespace::Pid),
        own_cgroup: namespaces.is_new(Namespace::Cgroup),
        cgroups: &plan.cgroups,
    };
    mounts::mount_all(root, &plan.mounts, &surroundings)?;
    if device::is_ours(plan.spec) {
        device::make_all(root, &linux.devices, plan.maps.is_some())?;
    }
    if let (Some(socket), Some(process)) = (&plan.console, &plan.spec.process) {
        console::own_terminal(root, process, socket)?;
    }
    mounts::make_readonly(root, &linux.readonly_paths)?;
    mounts::mask(root, &linux.masked_paths)
}

/// The end of the line. From here on the parent may be gone, and rightly.
fn wait_and_execute(plan: &Plan<'_>) -> Result<Infallible> {
    if let Start::Later { start, .. } = &plan.start {
        nix::unistd::read(start, &mut [0]).doing("read(2)", "the start FIFO")?;
    }
    if let Some(hooks) = &plan.spec.hooks {
        hook::run("startContainer", &hooks.start_container, &plan.state, Path::new("/"))?;
    }
    plan.process.execute()
}

/// Tells why init has failed, to whoever waits for it at that moment.
pub(super) fn tell(plan: &Plan<'_>, parent: &InitEnd, error: &Error) {
    parent.fail(error);
    if let Start::Later { started, .. } = &plan.start {
        // Nobody reads it before the container is started, and what nobody reads is no loss.
        let _ = nix::unistd::write(started, &error.encode());
    }
}
