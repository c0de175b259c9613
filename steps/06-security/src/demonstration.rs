//! The demonstration of step 06: what is left to root, and what of it still reaches the host.

use std::path::PathBuf;

use guest::Report;
use guest::capability::names;
use kit::demo::{self, Capture, Story};
use kit::{Result, Rootfs};
use step_00::Program;
use step_03::Cgroup;
use step_06::{Confinement, landlock, spec};

use crate::{cgroup_for, container};

/// Written where Landlock allows it, and where it does not.
const WRITE: &str =
    "(: > /dev/shm/new) 2>&- && echo in /dev/shm: done; (: > /dev/new) 2>&- || echo in /dev: refused";

pub(crate) fn demonstrate() -> Result<u8> {
    let root = Rootfs::at_or_assembled(None)?;
    let (bundle, confinement) = spec::bundle_for(root.path())?;
    let restricted = Confinement { writable: Some(vec![PathBuf::from("/dev/shm")]), ..confinement.clone() };
    let cgroup = cgroup_for(&bundle)?;
    let ask = |confinement: &Confinement, words: &[&str]| -> Result<(u8, Capture)> {
        let capture = Capture::new()?;
        let guest = Program::new(words)?.env(&bundle.config.process.env)?.stdout(capture.writer()?);
        Ok((container(&bundle, confinement, cgroup.as_ref(), &guest)?, capture))
    };
    let seen = ask(&confinement, demo::REPORT);
    let opened = ask(&confinement, &["/bin/guest", "attack", "A11"]);
    let written = landlock::version().ok().map(|_| ask(&restricted, &["/bin/sh", "-c", WRITE]));
    cgroup.map_or(Ok(()), Cgroup::remove)?;
    let ((status, mut seen), (_, mut opened)) = (seen?, opened?);
    let written = match written.transpose()? {
        Some((_, mut said)) => said.text()?.replace('\n', ", "),
        None => "this kernel has none".into(),
    };

    let report: Report = seen.parsed()?;
    let left: Vec<_> = names(report.capabilities.effective);
    let left: Vec<_> = left.iter().map(|name| name.trim_start_matches("CAP_")).collect();
    demo::tell(&Story {
        title: ("06", "root with less than root's power"),
        done: &[
            ("openat2(2)", "each place that a mount goes to, found inside the root and held by a descriptor"),
            ("move_mount(2)", "each of mounts onto it; then linux.maskedPaths and readonlyPaths"),
            ("pivot_root(2)", "as before"),
            ("close_range(2)", "every descriptor but the first three is closed by execve"),
            ("prctl(2)", "PR_CAPBSET_DROP: what execve shall never give"),
            ("setuid(2)", "process.user"),
            ("capset(2)", "what is left to it"),
            ("prctl(2)", "PR_SET_NO_NEW_PRIVS: no program gains anything by being executed"),
            ("seccomp(2)", "which calls may be made at all; from here on, for good"),
            ("execve(2)", "process.args"),
        ],
        lent: &[],
        guest: &report,
        shown: &[
            ("capabilities".into(), left.join(" ").to_lowercase()),
            ("seccomp".into(), format!("mode {}: step-06 filter shows what is refused", report.seccomp.mode)),
            ("Landlock".into(), written),
            ("A11".into(), format!("open /proc/sys/kernel/core_pattern for writing: {}", opened.text()?)),
        ],
        hole: &[
            (
                "A7",
                "the program that made all this is one of the host's, and /proc/self/exe leads to it".into(),
            ),
            (
                "next",
                "one command from start to end: lesson 07 has create, start, state, kill, delete".into(),
            ),
        ],
        status,
    });
    Ok(status)
}
