//! The parent: makes a container, and leaves it waiting to be started; or runs it at once.

use std::fs::OpenOptions;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;

use nix::sys::stat::Mode;
use nix::unistd::{close, geteuid, mkfifo};

use super::alive::Process as Alive;
use super::bundle::Bundle;
use super::cgroup::{self, Entrances};
use super::ids::Maps;
use super::init::{self, Plan, Start};
use super::namespace::Namespaces;
use super::protocol::{self, InitEnd, ParentEnd, Step};
use super::store::{Container, Record, START, STARTED, Store, replace};
use super::{Warn, console, delete, hook, mounts, process, rootless, time};
use crate::error::{Doing, Error, Kind, Result};
use crate::oci::Spec;
use crate::oci::resources::Resources;
use crate::oci::state::Status;
use crate::sys::capability::Sets;
use crate::sys::clone::{self, Child, Clone};
use crate::sys::mount::Extent;
use crate::sys::namespace::Kind as Namespace;

/// What is to be made.
#[derive(Debug)]
pub struct Request {
    /// The container's name.
    pub id: String,
    /// What it is made of.
    pub bundle: Bundle,
    /// Where the number of its first process is to be written.
    pub pid_file: Option<PathBuf>,
    /// The socket on which somebody waits for its terminal.
    pub console_socket: Option<PathBuf>,
    /// So many descriptors from 3 on reach its process.
    pub preserve_fds: u32,
    /// That it stays in the session keyring of its creator.
    pub no_new_keyring: bool,
}

/// A container that has just been made, with its first process still the child of this one.
pub(super) struct Made {
    pub(super) container: Container,
    pub(super) child: Child,
    pub(super) end: ParentEnd,
}

/// Makes a container that waits to be started.
pub fn create(store: &Store, request: &Request, warn: Warn<'_>) -> Result<()> {
    let console = match &request.console_socket {
        Some(path) => Some(console::connect(path)?),
        None => None,
    };
    make(store, request, console, true, warn).map(drop)
}

/// Makes a container; everything is undone if it fails. `waits`: it will be started by another process than this one.
pub(super) fn make(
    store: &Store,
    request: &Request,
    console: Option<OwnedFd>,
    waits: bool,
    warn: Warn<'_>,
) -> Result<Made> {
    let spec = &request.bundle.spec;
    check_console(spec, console.is_some())?;
    say(warn, &rootless::warnings(spec));
    let mut container = store.claim(&request.id, &request.bundle.text, || {
        Ok(Record {
            id: request.id.clone(),
            bundle: request.bundle.dir.clone(),
            rootfs: request.bundle.root.clone(),
            created: time::now(),
            owner: geteuid().as_raw(),
            init: None,
            cgroups: plan_cgroups(spec, &request.id, warn)?,
            annotations: spec.annotations.clone(),
        })
    })?;
    let mut child = None;
    match build(&mut container, request, console, waits, &mut child, warn) {
        Ok(end) => match child {
            Some(child) => Ok(Made { container, child, end }),
            None => Err(Error::refused(Kind::System, "make the container", "", "there is no child")),
        },
        Err(error) => {
            undo(container, child, warn);
            Err(error)
        }
    }
}

/// Ends the child, if there is one, and removes what was made. What cannot be removed is told, and stays written down.
pub(super) fn undo(container: Container, child: Option<Child>, warn: Warn<'_>) {
    if let Some(child) = child {
        let ended = child.pidfd.send(nix::sys::signal::Signal::SIGKILL).and_then(|()| child.pidfd.wait());
        if let Err(error) = ended {
            warn(&format!("end init after a failure: {error}"));
        }
    }
    if let Err(error) = delete::dismantle(container) {
        warn(&format!("clean up after a failure: {error}"));
    }
}

fn say(warn: Warn<'_>, warnings: &[String]) {
    for warning in warnings {
        warn(warning);
    }
}

fn check_console(spec: &Spec, has_socket: bool) -> Result<()> {
    let wants = spec.process.as_ref().is_some_and(|process| process.terminal);
    let reason = match (wants, has_socket) {
        (true, false) => "cannot allocate tty if runtime will detach without setting console socket",
        (false, true) => "cannot use console socket if runtime will not detach or allocate tty",
        _ => return Ok(()),
    };
    Err(Error::refused(Kind::Invalid, "config.json", "process.terminal", reason))
}

/// Where the cgroups will be. Who is not root may have none, as long as no limit needs one.
fn plan_cgroups(spec: &Spec, id: &str, warn: Warn<'_>) -> Result<Vec<cgroup::Place>> {
    let linux = spec.linux.as_ref();
    let places = cgroup::plan(linux.and_then(|linux| linux.cgroups_path.as_deref()), id)?;
    let limited =
        linux.and_then(|linux| linux.resources.as_ref()).is_some_and(cgroup::value::limits_anything);
    if !rootless::applies() || limited || places.iter().all(cgroup::may_make) {
        return Ok(places);
    }
    warn("the container stays in the cgroups of its creator: who is not root may make none here");
    Ok(Vec::new())
}

fn build(
    container: &mut Container,
    request: &Request,
    console: Option<OwnedFd>,
    waits: bool,
    child: &mut Option<Child>,
    warn: Warn<'_>,
) -> Result<ParentEnd> {
    let spec = &request.bundle.spec;
    make_cgroups(container, spec)?;
    let start = if waits { fifos(container)? } else { Start::AtOnce };
    let namespaces = Namespaces::of(spec)?;
    let mut plan = plan(container, request, &namespaces, console, start, warn)?;
    let (mut parent, init) = protocol::pair()?;
    let made = spawn(&mut plan, &namespaces, container, &parent, &init)?;
    drop(init);
    let child = child.insert(made);
    serve(&mut parent, container, child, &plan, request)?;
    Ok(parent)
}

fn make_cgroups(container: &mut Container, spec: &Spec) -> Result<()> {
    if let Err(error) = cgroup::make(&mut container.record.cgroups) {
        // What turned out not to be ours must not be removed as if it were.
        container.save()?;
        return Err(error);
    }
    let places = &container.record.cgroups;
    if places.is_empty() {
        return Ok(());
    }
    let none = Resources::default();
    let resources = spec.linux.as_ref().and_then(|linux| linux.resources.as_ref()).unwrap_or(&none);
    cgroup::limit(places, resources)?;
    if rootless::applies() { Ok(()) } else { cgroup::permit(places, &resources.devices) }
}

/// The two FIFOs by which the container is started. They are opened for reading and writing, which never waits.
fn fifos(container: &Container) -> Result<Start> {
    let make = |name: &str| {
        let path = container.path(name);
        mkfifo(&path, Mode::from_bits_truncate(0o600)).doing("mkfifo(3)", &path)?;
        OpenOptions::new().read(true).write(true).open(&path).doing("open(2)", &path)
    };
    Ok(Start::Later { start: make(START)?, started: make(STARTED)? })
}

fn plan<'a>(
    container: &Container,
    request: &'a Request,
    namespaces: &Namespaces,
    console: Option<OwnedFd>,
    start: Start,
    warn: Warn<'_>,
) -> Result<Plan<'a>> {
    let spec = &request.bundle.spec;
    let missing = || Error::refused(Kind::Invalid, "config.json", "process", "it is missing");
    let process = spec.process.as_ref().ok_or_else(missing)?;
    let own_users = namespaces.is_new(Namespace::User);
    let maps = spec
        .linux
        .as_ref()
        .filter(|_| own_users)
        .map(|linux| Maps::new(&linux.uid_mappings, &linux.gid_mappings));
    let may_choose = maps.as_ref().is_none_or(Maps::allow_groups);
    let (mut process, warnings) =
        process::Plan::of(process, spec.linux.as_ref(), request.preserve_fds, may_choose)?;
    say(warn, &warnings);
    say(warn, &process.filter_by(spec)?);
    // Root of a new user namespace has all capabilities in it.
    if !own_users {
        say(warn, &process.within(Sets::of_self()?.permitted));
    }
    // What only the host's root can reach, root of a user namespace cannot: so it is taken before.
    let take = own_users && geteuid().is_root();
    let root = request.bundle.root.clone();
    let root_tree =
        if take { Some(mounts::take_tree(&root, Extent::All).doing("root.path", "")?) } else { None };
    Ok(Plan {
        spec,
        maps,
        root,
        root_tree,
        mounts: mounts::plan(spec, &request.bundle.dir, take)?,
        cgroups: match container.record.cgroups.as_slice() {
            [] => cgroup::Place::of_process(std::process::id().cast_signed())?,
            own => own.to_owned(),
        },
        entrances: Entrances::open(&container.record.cgroups)?,
        process,
        console,
        keyring: (!request.no_new_keyring).then(|| format!("_ses.{}", request.id)),
        state: container.state_as(Status::Creating),
        start,
    })
}

fn spawn(
    plan: &mut Plan<'_>,
    namespaces: &Namespaces,
    container: &Container,
    parent: &ParentEnd,
    init: &InitEnd,
) -> Result<Child> {
    // A child keeps a copy of every descriptor. Two of them would lie to somebody: the lock says that its creator lives, and
    // our end of the pair that we do.
    let lock = container.lock().map(|lock| lock.as_raw_fd());
    let not_its_own: Vec<_> = lock.into_iter().chain([parent.as_fd().as_raw_fd()]).collect();
    let cgroup = plan.entrances.two.take();
    let clone =
        Clone { namespaces: &namespaces.made, cgroup: cgroup.as_ref().map(AsFd::as_fd), ..Clone::default() };
    let body = || {
        for fd in not_its_own {
            let _ = close(fd);
        }
        match init::init(plan, namespaces, init) {
            Ok(never) => match never {},
            Err(error) => {
                init::tell(plan, init, &error);
                error.exit_status()
            }
        }
    };
    namespaces.around(|| clone::spawn(&clone, body))
}

/// Does what init asks for, until it is ready.
fn serve(
    parent: &mut ParentEnd,
    container: &mut Container,
    child: &Child,
    plan: &Plan<'_>,
    request: &Request,
) -> Result<()> {
    loop {
        match parent.next()? {
            Step::MapIds => {
                if let Some(maps) = &plan.maps {
                    maps.write(child.pid)?;
                }
            }
            Step::RunHooks => run_hooks(container, child, &request.bundle)?,
            Step::Ready => {
                container.record.init = Some(Alive::of(child.pid)?);
                container.save()?;
                if let Some(path) = &request.pid_file {
                    replace(path, child.pid.to_string().as_bytes())?;
                }
                return parent.done();
            }
        }
        parent.done()?;
    }
}

fn run_hooks(container: &Container, child: &Child, bundle: &Bundle) -> Result<()> {
    let Some(hooks) = &bundle.spec.hooks else { return Ok(()) };
    let mut state = container.state_as(Status::Creating);
    state.pid = Some(child.pid.as_raw());
    hook::run("prestart", &hooks.prestart, &state, &bundle.dir)?;
    hook::run("createRuntime", &hooks.create_runtime, &state, &bundle.dir)
}
