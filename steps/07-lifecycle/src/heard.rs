//! What the demonstration's commands say on standard error: notes for the reader, and the lines of hooks.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::OwnedFd;

use kit::demo::Capture;
use kit::{Doing, Result};

/// All that was said, and how much of it was told.
pub(crate) struct Heard {
    errors: Capture,
    lines: usize,
    told: BTreeSet<String>,
}

impl Heard {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { errors: Capture::new()?, lines: 0, told: BTreeSet::new() })
    }

    /// For a command.
    pub(crate) fn writer(&self) -> Result<OwnedFd> {
        self.errors.writer()
    }

    /// The hooks that have spoken since, and in whose mount namespace: on standard error, and what init's have said to
    /// the terminal.
    pub(crate) fn hooks(&mut self, to_terminal: &[String]) -> Result<String> {
        let own = fs::read_link("/proc/self/ns/mnt").doing("readlink(2)", "/proc/self/ns/mnt")?;
        let text = self.errors.text()?;
        let mut told: Vec<(&str, Vec<&str>)> = vec![];
        let said = to_terminal.iter().map(String::as_str).chain(text.lines().skip(self.lines));
        for (hook, namespace) in said.filter_map(|line| line.strip_prefix("hook ")?.split_once(' ')) {
            let whose = if own.as_os_str() == namespace { "runtime" } else { "container" };
            match told.last_mut() {
                Some((last, hooks)) if *last == whose => hooks.push(hook),
                _ => told.push((whose, vec![hook])),
            }
        }
        let told =
            told.iter().map(|(whose, hooks)| format!("{} among the {whose}'s mounts", hooks.join(", ")));
        let told = told.collect::<Vec<_>>().join("; ");
        self.lines = text.lines().count();
        Ok(told)
    }

    /// All that the commands said on standard error.
    pub(crate) fn all(&mut self) -> Result<String> {
        self.told.extend(self.errors.text()?.lines().map(without_names));
        self.errors.text()
    }

    /// What the commands noted, each thing once.
    pub(crate) fn tell_notes(&mut self) -> Result<()> {
        for line in self.errors.text()?.lines().filter(|line| !line.starts_with("hook ")) {
            if self.told.insert(without_names(line)) {
                anstream::eprintln!("{line}");
            }
        }
        Ok(())
    }
}

/// The names of groups differ from one command to the next.
fn without_names(line: &str) -> String {
    line.split(' ').filter(|word| !word.contains("docker-dive.")).collect::<Vec<_>>().join(" ")
}
