//! The demonstration of step 03: a container for each limit, and a load that runs into it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use guest::Report;
use guest::load::Loaded;
use kit::demo::{self, Capture, Story};
use kit::{Result, Rootfs};
use step_00::{Program, birth};
use step_03::limits::{Bytes, Cpus};
use step_03::{Cgroup, Limits};

use crate::container;

pub(crate) fn demonstrate() -> Result<u8> {
    let root = Rootfs::at_or_assembled(None)?;
    let ask = |cgroup: &Cgroup, words: &[&str]| -> Result<(u8, Capture)> {
        let capture = Capture::new()?;
        let guest = Program::new(words)?.in_container()?.stdout(capture.writer()?);
        Ok((container(root.path(), cgroup, &guest)?, capture))
    };
    let unlimited = Cgroup::create(&Limits::default())?;
    let flavour = unlimited.flavour().to_owned();
    let seen = ask(&unlimited, demo::REPORT);
    let walked = ask(&unlimited, demo::WALK_OUT);
    unlimited.remove()?;
    let ((status, mut seen), (_, mut walked)) = (seen?, walked?);

    let memory = Limits { memory: Some(Bytes(32 << 20)), ..Limits::default() };
    let memory = with(&memory, |cgroup| {
        let (_, mut verdict) = ask(cgroup, &["/bin/guest", "attack", "A5", "64"])?;
        Ok(format!(
            "A5 touches 64 MiB: {}; OOM kills counted: {}",
            verdict.text()?,
            cgroup.events().oom_kills
        ))
    })?;
    let pids = Limits { pids: Some(16), ..Limits::default() };
    let pids = with(&pids, |cgroup| {
        let (_, mut verdict) = ask(cgroup, &["/bin/guest", "attack", "A4", "64"])?;
        let refused = if cgroup.events().forks_refused > 0 { "yes" } else { "no" };
        Ok(format!("A4 forks 64 times: {}; refusals counted: {refused}", verdict.text()?))
    })?;
    let cpu = Limits { cpus: Cpus::from_quota(1, 5), ..Limits::default() };
    let (cpu, waits) = with(&cpu, |cgroup| {
        let used: Loaded = ask(cgroup, &["/bin/guest", "load", "cpu", "500"])?.1.parsed()?;
        let share = if used.reached < 250 { "less than half of them" } else { "most of them" };
        let throttled = if cgroup.events().periods_throttled > 0 { "yes" } else { "no" };
        // Pressure stall information: the container was ready to run, and had to wait.
        let waited = match cgroup.pressure("cpu") {
            None => "not told by this kernel",
            Some(0) => "no",
            Some(_) => "yes",
        };
        Ok((
            format!("busy for 500 ms: runs {share}; throttled: {throttled}"),
            format!("a process had to wait: {waited}"),
        ))
    })?;
    let freezer = with(&Limits::default(), |cgroup| freeze(cgroup, &ask))?;

    let report: Report = seen.parsed()?;
    demo::tell(&Story {
        title: ("03", "limits by control groups"),
        done: &[
            ("mkdir(2)", "a control group; its files appear by themselves"),
            ("write(2)", "a number to each file that shall limit"),
            ("clone3(2)", "CLONE_INTO_CGROUP: the child is born in it; in version 1 trees it moves itself"),
            ("unshare(2)", "CLONE_NEWCGROUP, once it is there: its own group is the top of what it sees"),
            ("execve(2)", "as in step 02"),
            ("rmdir(2)", "afterwards; a group with a process in it cannot be removed"),
        ],
        lent: &[],
        guest: &report,
        shown: &[
            ("cgroup".into(), flavour),
            ("memory.max 32 MiB".into(), memory),
            ("pids.max 16".into(), pids),
            ("cpu.max 20 %".into(), cpu),
            ("cpu.pressure".into(), waits),
            ("cgroup.freeze".into(), freezer),
        ],
        hole: &[
            ("A1", format!("walk out of the root with a second chroot and `..`: {}", walked.text()?)),
            ("next", "cargo run -p step-04 takes the host's tree away".into()),
        ],
        status,
    });
    Ok(status)
}

/// A group for one test, which is gone afterwards whatever came of it.
fn with<T>(limits: &Limits, test: impl Fn(&Cgroup) -> Result<T>) -> Result<T> {
    let cgroup = Cgroup::create(limits)?;
    let outcome = test(&cgroup);
    cgroup.remove()?;
    outcome
}

type Ask<'a> = dyn Fn(&Cgroup, &[&str]) -> Result<(u8, Capture)> + 'a;

/// A container that is born into a frozen group stands still until somebody thaws it: here another child does.
fn freeze(cgroup: &Cgroup, ask: &Ask<'_>) -> Result<String> {
    const PAUSE: Duration = Duration::from_millis(100);
    cgroup.freeze()?;
    let begun = Instant::now();
    let thawer = step_00::spawn(|| {
        sleep(PAUSE);
        cgroup.thaw()?;
        birth::end(0)
    })?;
    ask(cgroup, &["/bin/guest", "load", "cpu", "0"])?;
    thawer.wait()?;
    let stood = if begun.elapsed() >= PAUSE { "stands still until it is thawed" } else { "does not stop" };
    Ok(format!("born frozen: {stood}"))
}
