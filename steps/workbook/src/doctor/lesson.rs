//! Each lesson's container, made once with the functions that the lesson itself uses.
//!
//! What is composed here is what the step's `main.rs` composes, in the same order: so the call that fails is
//! the one that will fail there, and the error is the same sentence.

use std::convert::Infallible;
use std::fs::File;
use std::path::Path;

use guest::Report;
use guest::load::Loaded;
use kit::demo::{self, Capture};
use kit::scratch::Scratch;
use kit::{Doing, Result, Tier, tier};
use nix::mount::MsFlags;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Pid, sethostname};
use serde::de::DeserializeOwned;
use step_00::{Program, birth};
use step_01::chroot_into;
use step_02::gate::Gate;
use step_02::ids::{self, Maps};
use step_02::{Clone3, mounts, reap, spawn};
use step_03::limits::{Bytes, Cpus};
use step_03::{Cgroup, Limits};
use step_04::{bind_to_itself, dev, pivot_into, sys};
use step_05::{Bundle, mount, mount_all, spec};
use step_06::Confinement;
use step_07::process::Process;
use step_07::terminal::{MULTIPLEXER, Terminal};
use step_07::{Plan, Store, clone_binary, fifo};

const HOSTNAME: &str = "doctor";

/// The namespaces of lessons 02 to 04; without privilege the one of users makes the others possible.
pub(super) fn namespaces(tier: Tier) -> CloneFlags {
    let own = CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWNET;
    if tier == Tier::User { own | CloneFlags::CLONE_NEWUSER } else { own }
}

/// A child that becomes the guest.
pub(super) fn spawned() -> Result<()> {
    let mut capture = Capture::new()?;
    let guest = Program::new(&["guest", "report", "--json"])?.executed_from("/proc/self/exe")?;
    let guest = guest.stdout(capture.writer()?);
    step_00::spawn(|| step_00::exec(&guest))?.wait()?;
    capture.parsed::<Report>().map(drop)
}

/// The same in a root directory, with what the kit lends.
pub(super) fn chrooted(tier: Tier, root: &Path) -> Result<()> {
    ask(|program| {
        let child = step_00::spawn(|| {
            tier::lend_mounts(tier, root)?;
            chroot_into(root)?;
            step_01::exec(program)
        })?;
        child.wait()
    })
}

/// The same in namespaces of its own, without the small init and with it.
pub(super) fn namespaced(tier: Tier, root: &Path) -> Result<()> {
    let enter = || enter_by_chroot(root);
    ask(|program| container(tier, None, program, enter))?;
    let with_init = |program: &Program| {
        let init = Init { tier, cgroup: None, exec: |program| reap::init(program, step_01::exec) };
        init.run(program, enter)
    };
    ask_for::<Loaded>(&["/bin/guest", "orphans", "3"], with_init)
}

/// The same with limits, one after another, as the lesson shows them.
pub(super) fn limited(tier: Tier, root: &Path) -> Result<()> {
    let in_group =
        |cgroup: &Cgroup| ask(|program| container(tier, Some(cgroup), program, || enter_by_chroot(root)));
    with(&Limits::default(), in_group)?;
    let limits = [
        Limits { memory: Some(Bytes(32 << 20)), ..Limits::default() },
        Limits { pids: Some(16), ..Limits::default() },
        Limits { cpus: Cpus::from_quota(1, 5), ..Limits::default() },
    ];
    limits.iter().try_for_each(|limits| with(limits, in_group))?;
    // Whoever is born into a frozen group waits until somebody else thaws it.
    with(&Limits::default(), |cgroup| {
        cgroup.freeze()?;
        let thawer = step_00::spawn(|| {
            cgroup.thaw()?;
            birth::end(0)
        })?;
        let outcome = in_group(cgroup);
        thawer.wait().and(outcome)
    })
}

/// The same with a mount tree of its own, and with limits only where they are allowed.
pub(super) fn pivoted(tier: Tier, root: &Path) -> Result<()> {
    let cgroup = Cgroup::create_if_allowed(&limits_of_04())?;
    let outcome = ask(|program| {
        container(tier, cgroup.as_ref(), program, || {
            bind_to_itself(root)?;
            mounts::mount_proc(root)?;
            sys::mount_sys(root)?;
            let cgroups = root.join("sys/fs/cgroup");
            if let Some(cgroup) = cgroup.as_ref().filter(|_| cgroups.is_dir()) {
                sys::mount_cgroups(&cgroups, cgroup)?;
            }
            dev::mount_dev(root)?;
            pivot_into(root)
        })
    });
    cgroup.map_or(Ok(()), Cgroup::remove).and(outcome)
}

/// The same from a configuration.
pub(super) fn configured(tier: Tier, root: &Path) -> Result<()> {
    let bundle = spec::bundle_for(root)?;
    let mut capture = Capture::new()?;
    let guest = Program::new(demo::REPORT)?.env(&bundle.config.process.env)?.stdout(capture.writer()?);
    run_bundle(tier, &bundle, None, &guest)?;
    capture.parsed::<Report>().map(drop)
}

/// The same, confined.
pub(super) fn confined(tier: Tier, root: &Path) -> Result<()> {
    let (bundle, confinement) = step_06::spec::bundle_for(root)?;
    let mut capture = Capture::new()?;
    let guest = Program::new(demo::REPORT)?.env(&bundle.config.process.env)?.stdout(capture.writer()?);
    run_bundle(tier, &bundle, Some(&confinement), &guest)?;
    capture.parsed::<Report>().map(drop)
}

/// The same with a terminal, begun by a FIFO, from a file that nobody can write.
pub(super) fn lived(tier: Tier, root: &Path) -> Result<()> {
    let exe = File::open("/proc/self/exe").doing("open(2)", "/proc/self/exe")?;
    clone_binary::detached(&exe).or_else(|_| clone_binary::sealed_copy(&exe))?;
    let plan = step_07::spec::plan_for(root)?;
    // Nobody else may come near the FIFO.
    let scratch = Scratch::new()?;
    let state = scratch.path().join("state");
    Store::open(Some(&state))?;
    let mut capture = Capture::new()?;
    let guest = Program::new(demo::REPORT)?.env(&plan.bundle.config.process.env)?.stdout(capture.writer()?);
    // As in the demonstration, where at most so many other processes of ours live beside a container.
    beside(3, &|| run_plan(tier, &plan, &state, &guest).map(drop))?;
    capture.parsed::<Report>().map(drop)
}

/// Runs something while so many processes more than needed are there.
fn beside(others: u8, run: &dyn Fn() -> Result<()>) -> Result<()> {
    let Some(others) = others.checked_sub(1) else { return run() };
    let child = step_00::spawn(|| {
        beside(others, run)?;
        birth::end(0)
    })?;
    child.wait().map(drop)
}

/// The limits of lesson 04's demonstration: without them it still runs.
pub(super) fn limits_of_04() -> Limits {
    Limits { memory: Some(Bytes(64 << 20)), pids: Some(64), ..Limits::default() }
}

/// Runs the guest, and reads what it reports.
fn ask(run: impl FnOnce(&Program) -> Result<u8>) -> Result<()> {
    ask_for::<Report>(demo::REPORT, run)
}

fn ask_for<T: DeserializeOwned>(words: &[&str], run: impl FnOnce(&Program) -> Result<u8>) -> Result<()> {
    let mut capture = Capture::new()?;
    let guest = Program::new(words)?.in_container()?.stdout(capture.writer()?);
    run(&guest)?;
    capture.parsed::<T>().map(drop)
}

/// Makes a group, tries something with it, and removes it whatever came of it.
pub(super) fn with(limits: &Limits, test: impl FnOnce(&Cgroup) -> Result<()>) -> Result<()> {
    let cgroup = Cgroup::create(limits)?;
    let outcome = test(&cgroup);
    cgroup.remove().and(outcome)
}

/// The container of lessons 02 to 04, which differ in how init enters its root.
fn container(
    tier: Tier,
    cgroup: Option<&Cgroup>,
    program: &Program,
    enter: impl FnOnce() -> Result<()>,
) -> Result<u8> {
    Init { tier, cgroup, exec: step_01::exec }.run(program, enter)
}

/// The first process of such a container, and what becomes of it.
struct Init<'a> {
    tier: Tier,
    cgroup: Option<&'a Cgroup>,
    exec: fn(&Program) -> Result<Infallible>,
}

impl Init<'_> {
    fn run(&self, program: &Program, enter: impl FnOnce() -> Result<()>) -> Result<u8> {
        let user = self.tier == Tier::User;
        let birthplace = self.cgroup.and_then(Cgroup::birthplace);
        let init = spawn(Clone3 { namespaces: namespaces(self.tier), cgroup: birthplace }, |gate| {
            if let Some(cgroup) = self.cgroup {
                cgroup.enter()?;
                unshare(CloneFlags::CLONE_NEWCGROUP).doing("unshare(2) CLONE_NEWCGROUP", "")?;
            }
            if user {
                ids::become_root(gate)?;
            }
            sethostname(HOSTNAME).doing("sethostname(2)", HOSTNAME)?;
            mounts::make_private()?;
            enter()?;
            (self.exec)(program)
        })?;
        if user {
            Maps::me_as_root().write_for(init.pid(), self.tier)?;
        }
        init.release_and_wait()
    }
}

fn enter_by_chroot(root: &Path) -> Result<()> {
    mounts::mount_proc(root)?;
    chroot_into(root)
}

fn run_bundle(
    tier: Tier,
    bundle: &Bundle,
    confinement: Option<&Confinement>,
    program: &Program,
) -> Result<u8> {
    let init = |gate: &Gate, cgroup: Option<&Cgroup>| {
        enter_bundle(bundle, gate, cgroup)?;
        if let Some(confinement) = confinement {
            step_06::mount_all(bundle, cgroup)?;
            confinement.confine_paths(&bundle.root)?;
        } else {
            mount_all(bundle, cgroup)?;
        }
        pivot_into(&bundle.root)?;
        mount::remount(Path::new("/"), MsFlags::MS_RDONLY)?;
        match confinement {
            Some(confinement) => confinement.drop_privileges(&bundle.config.process)?,
            None => bundle.config.process.become_user()?,
        }
        gate.die_with_parent()?;
        confinement.map_or(Ok(()), Confinement::seal)?;
        step_01::exec(program)
    };
    in_bundle(tier, bundle, init, |_| Ok(()))
}

fn run_plan(tier: Tier, plan: &Plan, state: &Path, program: &Program) -> Result<u8> {
    let (bundle, confinement) = (&plan.bundle, &plan.confinement);
    let wait = fifo::prepare(state)?;
    let init = move |gate: &Gate, cgroup: Option<&Cgroup>| {
        enter_bundle(bundle, gate, cgroup)?;
        step_06::mount_all(bundle, cgroup)?;
        confinement.confine_paths(&bundle.root)?;
        pivot_into(&bundle.root)?;
        Terminal::open(MULTIPLEXER)?;
        mount::remount(Path::new("/"), MsFlags::MS_RDONLY)?;
        confinement.drop_privileges(&bundle.config.process)?;
        gate.die_with_parent()?;
        wait.for_start()?.until_exec(|start| {
            confinement.seal()?;
            start.executes()?;
            step_01::exec(program)
        })
    };
    in_bundle(tier, bundle, init, |init| {
        // What went wrong before its wait is init's to say.
        let _ = fifo::let_go(state, &Process::of(init)?.hold()?);
        Ok(())
    })
}

/// What both begin with.
fn enter_bundle(bundle: &Bundle, gate: &Gate, cgroup: Option<&Cgroup>) -> Result<()> {
    let config = &bundle.config;
    if let Some(cgroup) = cgroup {
        cgroup.enter()?;
    }
    if config.namespaces.contains(CloneFlags::CLONE_NEWCGROUP) {
        unshare(CloneFlags::CLONE_NEWCGROUP).doing("unshare(2) CLONE_NEWCGROUP", "")?;
    }
    if config.maps.is_some() {
        ids::become_root(gate)?;
    }
    sethostname(HOSTNAME).doing("sethostname(2)", HOSTNAME)?;
    mounts::make_private()?;
    bind_to_itself(&bundle.root)
}

/// Makes init, lets it go, does what else is to be done from outside, and waits.
fn in_bundle(
    tier: Tier,
    bundle: &Bundle,
    init: impl FnOnce(&Gate, Option<&Cgroup>) -> Result<Infallible>,
    outside: impl FnOnce(Pid) -> Result<()>,
) -> Result<u8> {
    let config = &bundle.config;
    let cgroup = Cgroup::create_if_allowed(&config.limits)?;
    let namespaces = config.namespaces - CloneFlags::CLONE_NEWCGROUP;
    let outcome = (|| {
        let birthplace = cgroup.as_ref().and_then(Cgroup::birthplace);
        let group = cgroup.as_ref();
        let init = spawn(Clone3 { namespaces, cgroup: birthplace }, move |gate| init(gate, group))?;
        if let Some(maps) = &config.maps {
            maps.write_for(init.pid(), tier)?;
        }
        init.release()?;
        outside(init.pid())?;
        init.wait()
    })();
    cgroup.map_or(Ok(()), Cgroup::remove).and(outcome)
}
