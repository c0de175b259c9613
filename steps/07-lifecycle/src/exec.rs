//! `exec`: one more program in a container that runs.

use std::ffi::OsString;
use std::os::unix::net::UnixStream;

use kit::{Doing, Error, Result};
use nix::sched::CloneFlags;
use step_00::Program;
use step_00::supervise::pidfd_open;
use step_01::exec;
use step_02::{Clone3, ids, spawn};
use step_07::process::Held;
use step_07::relay::Relay;
use step_07::terminal::{self, MULTIPLEXER, Terminal};
use step_07::{Container, Operation, Plan, console, join};

// ANCHOR: exec
/// Runs it with the environment, the directory and the user of the container's own, and ends as it does.
pub(crate) fn exec_in(container: &Container, command: &[OsString], with_terminal: bool) -> Result<u8> {
    container.require(Operation::Exec)?;
    let (Some(init), Some(document)) = (&container.record.init, container.config()?) else {
        return Err(Error::refused("exec", &container.record.id, "it was never created"));
    };
    let size = if with_terminal { terminal::size(std::io::stdin())? } else { (0, 0) };
    let plan = Plan::from_document(&container.record.bundle, document)?;
    let (plan, config) = (&plan, &plan.bundle.config);
    let program = Program::new(command)?.env(&config.process.env)?;
    let entrance = container.record.cgroup.entrance()?;
    let (ours, theirs) = UnixStream::pair().doing("socketpair(2)", "")?;

    join::enter(init, &container.process()?)?;
    let birthplace = entrance.birthplace();
    // Once more a child: who has joined a pid namespace does not live in it, only its children do.
    let entrance = &entrance;
    let child = spawn(Clone3 { namespaces: CloneFlags::empty(), cgroup: birthplace }, move |gate| {
        entrance.enter()?;
        if config.maps.is_some() {
            ids::become_root(gate)?;
        }
        if with_terminal {
            let terminal = Terminal::open(MULTIPLEXER)?;
            terminal::set_size(terminal.slave(), size)?;
            console::send(&theirs, terminal.master())?;
            terminal.take(config.process.uid)?;
        }
        plan.confinement.drop_privileges(&config.process)?;
        gate.die_with_parent()?;
        plan.confinement.seal()?;
        exec(&program)
    })?;
    if !with_terminal {
        return child.release_and_wait();
    }
    child.release()?;
    // By its number, for /proc is the container's by now.
    let process = pidfd_open(child.pid()).map(Held::from);
    let relayed = process.and_then(|process| sit_before(&ours, &process));
    let status = child.wait()?;
    relayed.map(|()| status)
}
// ANCHOR_END: exec

/// Receives the terminal and relays until the program ends. If it never comes, the program's own error says why.
pub(crate) fn sit_before(console: &UnixStream, program: &Held) -> Result<()> {
    let Ok(master) = console::receive(console) else { return Ok(()) };
    Relay { master: &master, program: Some(program), detachable: false }.run().map(drop)
}
