//! Init: what happens between clone3(2) and execve(2).

use std::convert::Infallible;
use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::Path;

use kit::{Doing, Result};
use nix::mount::MsFlags;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::prctl;
use nix::unistd::{sethostname, setsid};
use serde_json::Value;
use step_01::exec;
use step_02::gate::Gate;
use step_02::{ids, mounts};
use step_03::Cgroup;
use step_04::{bind_to_itself, pivot_into};
use step_05::mount;
use step_06::mount_all;
use step_07::fifo::Wait;
use step_07::hooks::Moment;
use step_07::protocol::{End, Message};
use step_07::terminal::{self, CONSOLE, MULTIPLEXER, Terminal};
use step_07::{Status, console};

use crate::create::Order;

/// What init has from its parent.
pub(crate) struct Inside<'a> {
    pub(crate) order: &'a Order<'a>,
    pub(crate) cgroup: Option<&'a Cgroup>,
    pub(crate) joined: &'a [(CloneFlags, File)],
    /// The state as the parent sees it.
    pub(crate) state: Value,
}

impl Inside<'_> {
    // ANCHOR: init
    /// Init: the container so far, and then its wait for `start`.
    pub(crate) fn init(&self, gate: &Gate, create: &End, wait: Wait) -> Result<Infallible> {
        let Order { plan, program, detached, .. } = self.order;
        let (bundle, config) = (&plan.bundle, &plan.bundle.config);
        self.enter_groups_and_namespaces(gate)?;
        mounts::make_private()?;
        bind_to_itself(&bundle.root)?;
        mount_all(bundle, self.cgroup)?;

        create.tell(Message::RunHooks)?;
        create.expect(Message::HooksRan, None)?;
        plan.hooks.run(Moment::CreateContainer, &self.as_seen_inside(Status::Creating))?;
        plan.confinement.confine_paths(&bundle.root)?;
        pivot_into(&bundle.root)?;
        if *detached {
            // What its terminal does is no concern of the container's any more.
            setsid().doing("setsid(2)", "")?;
        }
        if let Some(console) = &self.order.console {
            self.make_terminal(console)?;
        }
        if config.read_only {
            mount::remount(Path::new("/"), MsFlags::MS_RDONLY)?;
        }
        plan.confinement.drop_privileges(&config.process)?;
        gate.die_with_parent()?;

        create.tell(Message::Ready)?;
        create.expect(Message::Written, None)?;
        if *detached {
            prctl::set_pdeathsig(None).doing("prctl(2) PR_SET_PDEATHSIG", "0")?;
        }
        create.tell(Message::Waiting)?;
        wait.for_start()?.until_exec(|start| {
            plan.hooks.run(Moment::StartContainer, &self.as_seen_inside(Status::Created))?;
            plan.confinement.seal()?;
            start.executes()?;
            exec(program)
        })
    }
    // ANCHOR_END: init

    fn enter_groups_and_namespaces(&self, gate: &Gate) -> Result<()> {
        let config = &self.order.plan.bundle.config;
        if let Some(cgroup) = self.cgroup {
            cgroup.enter()?;
        }
        for (kind, file) in self.joined {
            setns(file, *kind).doing(format!("setns(2) {}", step_02::names(*kind)), "")?;
        }
        if config.namespaces.contains(CloneFlags::CLONE_NEWCGROUP) {
            unshare(CloneFlags::CLONE_NEWCGROUP).doing("unshare(2) CLONE_NEWCGROUP", "")?;
        }
        if config.maps.is_some() {
            ids::become_root(gate)?;
        }
        match &config.hostname {
            Some(name) => sethostname(name).doing("sethostname(2)", name),
            None => Ok(()),
        }
    }

    // ANCHOR: terminal
    /// A terminal of the container's own devpts. The master goes out, and no copy of it stays here.
    fn make_terminal(&self, console: &UnixStream) -> Result<()> {
        let terminal = Terminal::open(MULTIPLEXER)?;
        if let Some(size) = self.order.size {
            terminal::set_size(terminal.slave(), size)?;
        }
        terminal.bind_to(Path::new(CONSOLE))?;
        console::send(console, terminal.master())?;
        terminal.take(self.order.plan.bundle.config.process.uid)
    }
    // ANCHOR_END: terminal

    /// The state for hooks in here, with the pid that init has in here.
    fn as_seen_inside(&self, status: Status) -> Value {
        let mut state = self.state.clone();
        state["status"] = status.to_string().into();
        state["pid"] = nix::unistd::getpid().as_raw().into();
        state
    }
}
