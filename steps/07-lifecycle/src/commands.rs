//! The commands of a container's life, each from one state to the next.

use std::os::unix::net::UnixStream;

use anstream::println;
use kit::{Doing, Error, Result, Tier};
use nix::sys::prctl;
use step_02::Init;
use step_07::cgroup::Groups;
use step_07::fifo;
use step_07::hooks::{Hooks, Moment};
use step_07::store::Claim;
use step_07::{Container, Operation, Record, Status, Store, signals};

use crate::create::{Milestone, Order, create as bring_about};
use crate::exec::sit_before;

// ANCHOR: create
/// Nothing to created: intent first, and what fails is undone. The lock on the directory is held all the while.
pub(crate) fn create(store: &Store, id: &str, order: &Order<'_>) -> Result<(Container, Init)> {
    let plan = order.plan;
    if Tier::of_self() == Tier::User && plan.bundle.config.maps.is_none() {
        let error =
            Error::refused("config.json", "linux.namespaces", "has no user namespace, and you are not root");
        return Err(error.advise("step-07 spec --rootless, or runc spec --rootless, writes one that has"));
    }
    let cgroup =
        if order.detached { Groups::planned(plan.cgroups_path.as_deref()) } else { Groups::of_this_run() }?;
    let record = Record {
        id: id.to_owned(),
        bundle: plan.bundle.dir.clone(),
        annotations: plan.annotations.clone(),
        cgroup,
        ..Record::default()
    };
    let claim = store.claim(id)?;
    order.reached(Milestone::Claimed)?;
    let mut container = claim.intend(record, &plan.document)?;
    order.reached(Milestone::Recorded)?;
    match bring_about(&mut container, &claim, order) {
        Ok(init) => Ok((container, init)),
        Err(error) => container.undo(&claim).and(Err(error)),
    }
}
// ANCHOR_END: create

/// Created to running.
pub(crate) fn start(container: &Container) -> Result<()> {
    container.require(Operation::Start)?;
    let init = container.process()?;
    fifo::let_go(container.dir(), &init)?;
    let hooks = container.config()?.map_or_else(|| Ok(Hooks::default()), |document| Hooks::of(&document))?;
    hooks.run_all(Moment::Poststart, &container.state(Status::Running));
    Ok(())
}

/// The state, for people and for engines.
pub(crate) fn state(container: &Container) -> Result<()> {
    println!("{:#}", container.state(container.status()?));
    Ok(())
}

/// A signal for the container's first process.
pub(crate) fn kill(container: &Container, signal: i32) -> Result<()> {
    container.require(Operation::Kill)?;
    signals::send(container.process()?, signal)
}

// ANCHOR: delete
/// Stopped to nothing; by force from anywhere, and then success means that nothing is left.
pub(crate) fn delete(store: &Store, id: &str, force: bool) -> Result<()> {
    if force && !store.dir_of(id)?.exists() {
        return Ok(());
    }
    let container = store.container(id)?;
    if !force {
        container.require(Operation::Delete)?;
    }
    container.undo(&Claim::of(container.dir())?)
}
// ANCHOR_END: delete

/// All of it in one command, in a store that ends with it. `seat` is where the terminal's master arrives.
pub(crate) fn run(store: &Store, order: &Order<'_>, seat: Option<&UnixStream>) -> Result<u8> {
    // Orphans of the container fall to us (prctl(2)), so that no process of it is left to strangers.
    prctl::set_child_subreaper(true).doing("prctl(2) PR_SET_CHILD_SUBREAPER", "")?;
    let (container, init) = create(store, "run", order)?;
    let process = container.process()?;
    let started = start(&container);
    let relayed = match seat {
        Some(seat) if started.is_ok() => sit_before(seat, &process),
        _ => Ok(()),
    };
    if started.is_err() || relayed.is_err() {
        // Init has said why and ended, or is to end.
        signals::end(&process)?;
    }
    let status = init.wait();
    let undone = Claim::of(container.dir()).and_then(|claim| container.undo(&claim));
    started.and(relayed)?;
    let status = status?;
    undone.map(|()| status)
}
