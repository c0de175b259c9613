//! `create`: everything but the program.

use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use kit::{Doing, Result, Tier};
use nix::errno::Errno;
use nix::sched::CloneFlags;
use step_00::Program;
use step_02::{Clone3, Init, spawn};
use step_03::Cgroup;
use step_07::fifo;
use step_07::hooks::Moment;
use step_07::process::Process;
use step_07::protocol::{self, End, Message, PATIENCE};
use step_07::store::Claim;
use step_07::{Container, Plan, Status, signals};

use crate::init::Inside;

/// What is made.
pub(crate) struct Order<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) program: &'a Program,
    /// Whether the container outlives the command that makes it.
    pub(crate) detached: bool,
    /// Where the master of its terminal goes, if it shall have one.
    pub(crate) console: Option<UnixStream>,
    /// Rows and columns of the terminal.
    pub(crate) size: Option<(u16, u16)>,
    /// Where this command ends itself as `kill -9` would, to see what is left.
    pub(crate) killed_at: Option<Milestone>,
}

/// How far `create` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Milestone {
    /// The directory is there: the id is taken
    Claimed,
    /// It is on disk what will be made
    Recorded,
    /// The control groups are there
    Limited,
    /// Init is born, and its pid on disk
    Born,
    /// Init has mounted, pivoted and given up what it shall not have
    Ready,
    /// It is on disk that the container is created
    Created,
}

impl Order<'_> {
    pub(crate) fn reached(&self, milestone: Milestone) -> Result<()> {
        if self.killed_at == Some(milestone) { Err(signals::end_self()) } else { Ok(()) }
    }
}

/// Makes the container that is recorded; init waits for `start` then. If that fails, what was made is there still: the
/// caller has the record, and undoes it.
pub(crate) fn create(container: &mut Container, claim: &Claim, order: &Order<'_>) -> Result<Init> {
    let config = &order.plan.bundle.config;
    let attempt = Cgroup::create_named(&container.record.cgroup.name, &config.limits);
    let cgroup = if config.limits.is_empty() { Cgroup::if_allowed(attempt)? } else { Some(attempt?) };
    order.reached(Milestone::Limited)?;

    let wait = fifo::prepare(container.dir())?;
    let (ours, inits) = protocol::pair()?;
    let joined = joined(order.plan)?;
    let inside =
        Inside { order, cgroup: cgroup.as_ref(), joined: &joined, state: container.state(Status::Creating) };
    let namespaces = config.namespaces - CloneFlags::CLONE_NEWCGROUP;
    let birthplace = cgroup.as_ref().and_then(Cgroup::birthplace);
    let creates = &ours;
    let child = spawn(Clone3 { namespaces, cgroup: birthplace }, move |gate| {
        claim.drop_copy()?;
        inits.drop_copy_of(creates)?;
        inside.init(gate, &inits, wait)
    })?;
    match bring_up(container, order, &child, &ours) {
        Ok(()) => Ok(child),
        Err(error) => {
            // Init that went first is about to say why, and is given the time. Else it is to end because we have failed.
            let went = matches!(error.errno(), Some(Errno::ECONNRESET | Errno::EPIPE));
            let patience = if went { PATIENCE } else { Duration::ZERO };
            if let Some(Ok(held)) = container.record.init.as_ref().map(Process::hold)
                && !held.ended_within(patience)?
            {
                signals::end(held)?;
            }
            drop(ours);
            Err(child.wait().err().unwrap_or(error))
        }
    }
}

// ANCHOR: bring_up
/// The parent's side of the protocol.
fn bring_up(container: &mut Container, order: &Order<'_>, child: &Init, init: &End) -> Result<()> {
    // Before init may do anything: a container whose pid nobody knows could not be undone.
    container.record.init = Some(Process::of(child.pid())?);
    container.write()?;
    order.reached(Milestone::Born)?;
    if let Some(maps) = &order.plan.bundle.config.maps {
        maps.write_for(child.pid(), Tier::of_self())?;
    }
    child.release()?;
    init.expect(Message::RunHooks, Some(PATIENCE))?;
    let (hooks, state) = (&order.plan.hooks, container.state(Status::Creating));
    hooks.run(Moment::Prestart, &state)?;
    hooks.run(Moment::CreateRuntime, &state)?;
    init.tell(Message::HooksRan)?;
    // Its hooks may take as long as they like: then we wait for as long as it lives.
    init.expect(Message::Ready, Some(PATIENCE).filter(|_| !hooks.any(Moment::CreateContainer)))?;
    order.reached(Milestone::Ready)?;
    container.record.created = true;
    container.write()?;
    order.reached(Milestone::Created)?;
    init.tell(Message::Written)?;
    init.expect(Message::Waiting, Some(PATIENCE))
}
// ANCHOR_END: bring_up

/// Namespaces that are there already: the kind, and the file that stands for it.
fn joined(plan: &Plan) -> Result<Vec<(CloneFlags, File)>> {
    let open = |(kind, path): &(CloneFlags, PathBuf)| {
        File::open(path).doing("open(2) a namespace", path).map(|file| (*kind, file))
    };
    plan.bundle.config.joined.iter().map(open).collect()
}
