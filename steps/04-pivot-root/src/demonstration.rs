//! The demonstration of step 04: the guest looks for the host's files, and finds none.

use std::collections::BTreeSet;

use guest::Report;
use kit::demo::{self, Capture, Story};
use kit::{Result, Rootfs};
use step_00::Program;
use step_03::limits::Bytes;
use step_03::{Cgroup, Limits};

use crate::container;

pub(crate) fn demonstrate() -> Result<u8> {
    let root = Rootfs::at_or_assembled(None)?;
    let limits = Limits { memory: Some(Bytes(64 << 20)), pids: Some(64), ..Limits::default() };
    let cgroup = Cgroup::create_if_allowed(&limits)?;
    let ask = |words: &[&str]| -> Result<(u8, Capture)> {
        let capture = Capture::new()?;
        let guest = Program::new(words)?.in_container()?.stdout(capture.writer()?);
        Ok((container(root.path(), cgroup.as_ref(), &guest)?, capture))
    };
    let (seen, walked) = (ask(demo::REPORT), ask(demo::WALK_OUT));
    if let Some(cgroup) = cgroup {
        cgroup.remove()?;
    }
    let ((status, mut seen), (_, mut walked)) = (seen?, walked?);

    let report: Report = seen.parsed()?;
    let tops: BTreeSet<_> = report.mounts.iter().filter_map(|mount| mount.target.split('/').nth(1)).collect();
    let tops: Vec<_> = tops.iter().map(|name| format!("/{name}")).collect();
    demo::tell(&Story {
        title: ("04", "a mount tree without the host's"),
        done: &[
            ("mount(2)", "MS_BIND of the root onto itself: pivot_root takes mounts, not directories"),
            ("mount(2)", "/proc, /sys and /dev of its own, while there still is a host to mount from"),
            (
                "pivot_root(2)",
                "\".\", \".\": the new root below, the old one on top of it, at the same place",
            ),
            ("umount2(2)", "MNT_DETACH: the old root goes, and with it every file of the host's"),
            ("execve(2)", "as before"),
        ],
        lent: &[],
        guest: &report,
        shown: &[
            ("mounted".into(), tops.join(" ")),
            ("A1".into(), format!("walk out of the root with a second chroot and `..`: {}", walked.text()?)),
        ],
        hole: &[
            (
                "A6",
                "root keeps every capability that it has: it may make a disk's node and mount the disk"
                    .into(),
            ),
            ("next", "cargo run -p step-05 takes all that is hard-coded here from a config.json".into()),
        ],
        status,
    });
    Ok(status)
}
