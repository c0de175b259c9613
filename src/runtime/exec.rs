//! Another process in a container that runs.
//!
//! It has to be a child of somebody in the container's namespace of processes, and the child of whoever waits for it. Where
//! users are the host's, this process enters that one namespace for its children, and one child does the rest. Where the
//! container has users of its own, only a process that has become one of them may enter: so a messenger does, and makes the
//! process as its own sibling.

use std::convert::Infallible;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::sys::prctl::{set_dumpable, set_pdeathsig};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Pid, close, setsid};

use super::cgroup::{Entrances, Place};
use super::foreground::{self, Console, Signals};
use super::init::{become_root, write_oom_score};
use super::protocol::{self, InitEnd, ParentEnd, Step};
use super::store::{Container, Store, replace};
use super::{Warn, console, namespace, process, unsupported};
use crate::error::{Doing, Error, Kind, Result};
use crate::oci::process::Process;
use crate::oci::state::Status;
use crate::oci::{Spec, validate};
use crate::sys::capability::Sets;
use crate::sys::clone::{self, Child, Clone};
use crate::sys::keyring;
use crate::sys::namespace::{Kind as Namespace, enter_those_of};
use crate::sys::packet::Packets;
use crate::sys::path::Root;
use crate::sys::task::{End, Pidfd};
use crate::sys::terminal::Terminal;

/// What is to be executed, and how.
#[derive(Debug)]
pub struct Request {
    /// The container.
    pub id: String,
    /// The process.
    pub process: Process,
    /// Where the number of the process is to be written.
    pub pid_file: Option<PathBuf>,
    /// The socket on which somebody waits for its terminal.
    pub console_socket: Option<PathBuf>,
    /// So many descriptors from 3 on reach it.
    pub preserve_fds: u32,
    /// A cgroup below the container's own.
    pub cgroup: Option<String>,
    /// That it waits in a container that is frozen, and is not refused.
    pub ignore_paused: bool,
    /// That nobody waits for its end.
    pub detach: bool,
}

/// What the child needs, prepared by the parent.
struct Plan<'a> {
    process: process::Plan,
    wanted: &'a Process,
    spec: &'a Spec,
    init: Pidfd,
    entrances: Entrances,
    console: Option<OwnedFd>,
    keyring: String,
    groups: bool,
}

/// Executes a process in a container, and waits for its end unless it is to be detached. The status is the process's.
///
/// Errors: why it was not executed.
pub fn exec(store: &Store, request: &Request, warn: Warn<'_>) -> Result<u8> {
    let container = store.load(&request.id)?;
    let init = held_init(&container, request.ignore_paused)?;
    let spec = container.spec()?;
    validate::process("", &request.process)?;
    unsupported::refuse_process("", &request.process)?;
    let mut own = if request.process.terminal && !request.detach && request.console_socket.is_none() {
        Some(Console::new()?)
    } else {
        None
    };
    let console = match (&request.console_socket, &mut own) {
        (Some(path), _) => Some(console::connect(path)?),
        (None, Some(own)) => own.theirs.take(),
        (None, None) if request.process.terminal => {
            let reason = "cannot allocate tty if runtime will detach without setting console socket";
            return Err(Error::refused(Kind::Invalid, "exec", request.id.as_str(), reason));
        }
        (None, None) => None,
    };
    let signals = if request.detach { None } else { Some(Signals::take()?) };
    let mut plan = plan(&container, &spec, request, init, console, warn)?;
    let (mut parent, child_end) = protocol::pair()?;
    let child = make(&mut plan, &parent, &child_end)?;
    drop(child_end);
    if let Err(error) = serve(&mut parent, &child, request) {
        // It has told why, or was told nothing any more: either way it ends by itself, at the latest now.
        let _ = child.pidfd.send(Signal::SIGKILL).and_then(|()| child.pidfd.wait());
        return Err(error);
    }
    // The child has its own copy of the socket, and this one would keep it open.
    drop(plan);
    let Some(signals) = signals else { return Ok(0) };
    let shown = own.map(|own| own.receive()).transpose()?;
    foreground::attend(&child.pidfd, &signals, shown).map(End::exit_status)
}

fn held_init(container: &Container, ignore_paused: bool) -> Result<Pidfd> {
    let id = container.record.id.as_str();
    let refused = |reason: &str| Err(Error::refused(Kind::Invalid, "exec", id, reason));
    match container.status()? {
        Status::Stopped => return refused("cannot exec in a stopped container"),
        Status::Creating => return refused("cannot exec in a container that is being created"),
        Status::Paused if !ignore_paused => {
            return refused("cannot exec in a paused container (use --ignore-paused to override)");
        }
        _ => {}
    }
    let held = container.record.init.as_ref().map(super::alive::Process::hold).transpose()?.flatten();
    held.ok_or_else(|| Error::refused(Kind::Invalid, "exec", id, "cannot exec in a stopped container"))
}

fn plan<'a>(
    container: &Container,
    spec: &'a Spec,
    request: &'a Request,
    init: Pidfd,
    console: Option<OwnedFd>,
    warn: Warn<'_>,
) -> Result<Plan<'a>> {
    let groups = super::ids::can_choose_groups(container.record.init.as_ref().map(|init| init.pid))?;
    let (mut process, mut warnings) =
        process::Plan::of(&request.process, spec.linux.as_ref(), request.preserve_fds, groups)?;
    warnings.extend(process.filter_by(spec)?);
    if !has_own(spec, Namespace::User) {
        warnings.extend(process.within(Sets::of_self()?.permitted));
    }
    for warning in &warnings {
        warn(warning);
    }
    Ok(Plan {
        process,
        wanted: &request.process,
        spec,
        init,
        entrances: entrances(container, request.cgroup.as_deref())?,
        console,
        keyring: format!("_ses.{}", container.record.id),
        groups,
    })
}

/// The container's cgroups; or those in which its first process is by now, where it has moved itself on.
fn entrances(container: &Container, below: Option<&str>) -> Result<Entrances> {
    let mut places = container.record.cgroups.clone();
    if let Some(below) = below {
        if Path::new(below).components().any(|part| part.as_os_str() == "..") {
            return Err(Error::refused(Kind::Invalid, "--cgroup", below, "it leads upwards"));
        }
        for place in &mut places {
            place.dir.push(below.trim_start_matches('/'));
        }
    }
    match Entrances::open(&places) {
        Err(error) if error.kind() == Kind::NotFound && below.is_none() => {
            let pid = container.record.init.as_ref().map_or(0, |init| init.pid);
            Entrances::open(&Place::of_process(pid)?)
        }
        outcome => outcome,
    }
}

fn has_own(spec: &Spec, kind: Namespace) -> bool {
    namespace::kinds(spec).contains(&kind)
}

fn make(plan: &mut Plan<'_>, parent: &ParentEnd, end: &InitEnd) -> Result<Child> {
    let two = plan.entrances.two.take();
    let clone = Clone { cgroup: two.as_ref().map(AsFd::as_fd), ..Clone::default() };
    let parents_own = parent.as_fd().as_raw_fd();
    if has_own(plan.spec, Namespace::User) {
        return make_by_messenger(plan, &clone, parents_own, end);
    }
    if has_own(plan.spec, Namespace::Pid) {
        enter_those_of(plan.init.as_fd(), &[Namespace::Pid])?;
    }
    clone::spawn(&clone, || {
        let _ = close(parents_own);
        let outcome = begin(plan).and_then(|()| go_on(plan, end));
        told(end, outcome)
    })
}

/// The messenger enters the namespaces that decide about the others, makes the process as a child of ours, and tells its
/// number, which is ours: it is in our namespace of processes itself.
fn make_by_messenger(
    plan: &mut Plan<'_>,
    clone: &Clone<'_>,
    parents_own: i32,
    end: &InitEnd,
) -> Result<Child> {
    let (ours, theirs) = Packets::pair()?;
    let mine = ours.as_fd().as_raw_fd();
    let messenger = clone::spawn(clone, || {
        let _ = (close(parents_own), close(mine));
        let outcome = begin(plan)
            .and_then(|()| {
                let first =
                    [Namespace::User, Namespace::Pid].into_iter().filter(|kind| has_own(plan.spec, *kind));
                enter_those_of(plan.init.as_fd(), &first.collect::<Vec<_>>())
            })
            .and_then(|()| {
                let sibling = Clone { exit_signal: None, sibling: true, ..Clone::default() };
                clone::spawn(&sibling, || {
                    let outcome = go_on(plan, end);
                    told(end, outcome)
                })
            })
            .and_then(|child| theirs.send(child.pid.as_raw().to_string().as_bytes()));
        match outcome {
            Ok(()) => 0,
            Err(error) => told(end, Err(error)),
        }
    })?;
    drop(theirs);
    let message = ours.receive(None)?;
    messenger.pidfd.wait()?;
    let pid = message.and_then(|text| String::from_utf8(text).ok()).and_then(|text| text.parse().ok());
    match pid.map(Pid::from_raw) {
        // It is a child of ours, and not waited for: its number is its own.
        Some(pid) => Ok(Child { pid, pidfd: Pidfd::open(pid)? }),
        // Why, it has told through the other pair, which the caller reads next: the messenger stands in for the process.
        None => Ok(messenger),
    }
}

fn told(end: &InitEnd, outcome: Result<Infallible>) -> u8 {
    match outcome {
        Ok(never) => match never {},
        Err(error) => {
            end.fail(&error);
            error.exit_status()
        }
    }
}

/// What has to be done before the first namespace is entered.
fn begin(plan: &Plan<'_>) -> Result<()> {
    set_pdeathsig(Signal::SIGKILL).doing("prctl(2) PR_SET_PDEATHSIG", "")?;
    plan.entrances.enter()?;
    if let Some(score) = plan.wanted.oom_score_adj {
        write_oom_score(score)?;
    }
    // Whoever is inside could otherwise trace us from the moment that they see us.
    set_dumpable(false).doing("prctl(2) PR_SET_DUMPABLE", "")
}

/// The process, from its birth to its program.
fn go_on(plan: &mut Plan<'_>, end: &InitEnd) -> Result<Infallible> {
    set_pdeathsig(Signal::SIGKILL).doing("prctl(2) PR_SET_PDEATHSIG", "")?;
    let own_users = has_own(plan.spec, Namespace::User);
    let others = namespace::kinds(plan.spec);
    let others: Vec<_> =
        others.into_iter().filter(|kind| !matches!(kind, Namespace::User | Namespace::Pid)).collect();
    enter_those_of(plan.init.as_fd(), &others)?;
    setsid().doing("setsid(2)", "")?;
    if own_users {
        become_root(plan.groups)?;
        set_pdeathsig(Signal::SIGKILL).doing("prctl(2) PR_SET_PDEATHSIG", "")?;
    }
    keyring::join_session(&plan.keyring)?;
    umask(Mode::empty());
    if let Some(socket) = &plan.console {
        let terminal = Terminal::open(&Root::open(Path::new("/"))?)?;
        console::adopt(&terminal, plan.wanted, socket)?;
    }
    plan.process.become_it()?;
    set_pdeathsig(None).doing("prctl(2) PR_SET_PDEATHSIG", "")?;
    end.ask(Step::Ready)?;
    plan.process.execute()
}

fn serve(parent: &mut ParentEnd, child: &Child, request: &Request) -> Result<()> {
    match parent.next()? {
        Step::Ready => {}
        step => return Err(Error::refused(Kind::System, "exec", "", format!("it asks for {step:?}"))),
    }
    if let Some(path) = &request.pid_file {
        replace(path, child.pid.to_string().as_bytes())?;
    }
    parent.done()?;
    parent.executed()
}
