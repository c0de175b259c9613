//! A pause that the paused cannot notice or refuse: SIGSTOP can be seen by a parent, a frozen group by nobody.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use kit::{Doing, Error, Result};

use crate::Cgroup;

/// How long the kernel may take: a process in an uninterruptible sleep freezes only when it wakes.
const PATIENCE: Duration = Duration::from_secs(5);

impl Cgroup {
    /// Freezes everybody in the group; returns when all are.
    pub fn freeze(&self) -> Result<()> {
        self.set_frozen(true)
    }

    /// Lets them go on.
    pub fn thaw(&self) -> Result<()> {
        self.set_frozen(false)
    }

    /// Version 2 takes a number and reports in `cgroup.events`; version 1 takes a word and reports in the same
    /// file.
    fn set_frozen(&self, frozen: bool) -> Result<()> {
        if let Ok(state) = self.file("freezer", "freezer.state") {
            let word = if frozen { "FROZEN" } else { "THAWED" };
            return set_and_wait(&state, word, &state, word);
        }
        let group = self.unified().map(|group| &group.path);
        let group =
            group.ok_or_else(|| Error::refused("find the freezer", "", "no tree of this host has one"))?;
        let number = if frozen { "1" } else { "0" };
        set_and_wait(
            &group.join("cgroup.freeze"),
            number,
            &group.join("cgroup.events"),
            &format!("frozen {number}"),
        )
    }
}

fn set_and_wait(file: &Path, value: &str, report: &Path, line: &str) -> Result<()> {
    fs::write(file, value).doing(format!("write {value:?} to the cgroup file"), file)?;
    let begun = Instant::now();
    while !fs::read_to_string(report).doing("read the cgroup file", report)?.lines().any(|l| l == line) {
        if begun.elapsed() > PATIENCE {
            return Err(Error::refused("wait for", line, format!("not within {PATIENCE:?}")));
        }
        sleep(Duration::from_millis(1));
    }
    Ok(())
}
