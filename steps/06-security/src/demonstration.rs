//! The demonstration of step 06: what the guest may still do.

use guest::Report;
use kit::demo::{self, Capture, Story};
use kit::{Result, Rootfs};
use step_00::Program;
use step_06::spec;

use crate::container;

pub(crate) fn demonstrate() -> Result<u8> {
    let root = Rootfs::at_or_assembled(None)?;
    let (bundle, confinement) = spec::bundle_for(root.path())?;
    let ask = |words: &[&str]| -> Result<(u8, Capture)> {
        let capture = Capture::new()?;
        let guest = Program::new(words)?.env(&bundle.config.process.env)?.stdout(capture.writer()?);
        Ok((container(&bundle, &confinement, &guest)?, capture))
    };
    let (status, mut seen) = ask(demo::REPORT)?;
    let (_, mut walked) = ask(demo::WALK_OUT)?;

    let report: Report = seen.parsed()?;
    let root_mount = report.mounts.iter().find(|mount| mount.target == "/");
    let read_only = root_mount.is_some_and(|mount| mount.options.split(',').any(|option| option == "ro"));
    let mut shown = vec![
        ("hostname".to_owned(), report.hostname.clone()),
        (
            "root.readonly".to_owned(),
            if read_only { "the root is read-only" } else { "the root is writable" }.into(),
        ),
        ("process.env".to_owned(), report.environment.join(" ")),
    ];
    shown.extend(
        bundle.unapplied.iter().map(|field| ("not applied".into(), format!("{} ({})", field.path, field.by))),
    );
    demo::tell(&Story {
        title: ("06", "root with less than root's power"),
        done: &[
            (
                "read",
                "config.json, which names the root, the process, the mounts, the namespaces and the limits",
            ),
            ("check", "every field, before anything is done; an error names the field"),
            ("clone3(2)", "linux.namespaces are its flags; linux.resources is the group of step 03"),
            ("mount(2)", "each of mounts, below the root"),
            ("pivot_root(2)", "root.path, as in step 04; then read-only, if root.readonly says so"),
            ("setuid(2)", "process.user, when nothing is left that needs privilege"),
            ("execve(2)", "process.args, in process.cwd, with process.env"),
        ],
        lent: &[],
        guest: &report,
        shown: &shown,
        hole: &[
            ("A1", format!("walk out of the root with a second chroot and `..`: {}", walked.text()?)),
            ("A6", "root keeps every capability, for process.capabilities is not applied yet".into()),
            ("next", "lesson 06 takes privileges away: capabilities, seccomp, masked paths".into()),
        ],
        status,
    });
    Ok(status)
}
