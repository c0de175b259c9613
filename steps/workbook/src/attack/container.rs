//! A container of one step, with the limits that its lesson can set.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use kit::{Doing, Error, Result, Tier};
use serde_json::{Value, json};

use super::{Answer, Attacker, output, readable};
use crate::lab::Lab;

/// Below what A5 wants, and above what the guest itself needs.
const MEMORY: u64 = 64 << 20;
/// Below what A4 wants.
const PIDS: u64 = 64;

/// The step, and who runs it.
pub(super) struct Container<'a> {
    pub(super) lab: &'a Lab,
    pub(super) attacker: Attacker,
    pub(super) step: u8,
    binary: PathBuf,
}

impl<'a> Container<'a> {
    pub(super) fn of(lab: &'a Lab, attacker: Attacker, step: u8) -> Result<Self> {
        Ok(Self { lab, attacker, step, binary: readable(lab, &format!("step-{step:02}"))? })
    }

    /// The guest's verdict. Limits are asked for where the lesson has them; where this machine refuses those, step
    /// 03 has nothing to show, and a later step runs without, as its demonstration does.
    pub(super) fn attack(&self, attack: &str, words: &[&str]) -> Result<String> {
        let guest = [&["/bin/guest", "attack", attack], words].concat();
        let mut answer = self.run(&self.options(true)?, &guest)?;
        if answer.status == 125 && self.step > 3 {
            answer = self.run(&self.options(false)?, &guest)?;
        }
        self.verdict(attack, answer, "FORBIDDEN")
    }

    /// The same for A8: a mount below a link of the root's that leads to a directory of the host's. Until lesson 05 nobody
    /// says where to mount. What does not start has refused the link, and has been blocked.
    pub(super) fn led_to(&self, outside: &Path) -> Result<Option<String>> {
        if self.step < 5 {
            return Ok(None);
        }
        let target = "/attack-a8/made";
        let bundle = self.bundle("with-a-link", |document| {
            if let Some(mounts) = document["mounts"].as_array_mut() {
                mounts.push(json!({ "destination": target, "type": "tmpfs", "source": "tmpfs" }));
            }
        })?;
        let link = bundle.join("rootfs/attack-a8");
        if !link.is_symlink() {
            symlink(outside, &link).doing("symlink(2)", &link)?;
        }
        let options = ["--bundle".to_owned(), bundle.display().to_string()];
        let answer = self.run(&options, &["/bin/guest", "attack", "A8", target])?;
        self.verdict("A8", answer, "BLOCKED").map(Some)
    }

    /// The guest's word, or that the step does not run here.
    pub(super) fn verdict(&self, attack: &str, answer: Answer, refused: &str) -> Result<String> {
        match (answer.status, answer.stdout.as_str()) {
            (0, verdict) if verdict == "ESCAPED" || verdict.starts_with("BLOCKED(") => Ok(verdict.to_owned()),
            (125, _) => Ok(format!("{refused}({})", errno(&answer))),
            _ => Err(Error::refused("attack", format!("step-{:02} with {attack}", self.step), answer)),
        }
    }

    fn run(&self, options: &[String], guest: &[&str]) -> Result<Answer> {
        output(self.attacker.command(self.lab, &self.binary).arg("run").args(options).args(guest))
    }

    pub(super) fn options(&self, limited: bool) -> Result<Vec<String>> {
        match self.step {
            3 | 4 if limited => Ok(vec![format!("--memory={MEMORY}"), format!("--pids={PIDS}")]),
            ..=4 => Ok(vec![]),
            _ => Ok(vec!["--bundle".into(), self.limited(limited)?.display().to_string()]),
        }
    }

    /// From lesson 05 on a configuration says the limits.
    pub(super) fn limited(&self, limited: bool) -> Result<PathBuf> {
        let name = if limited { "with-limits" } else { "without-limits" };
        self.bundle(name, |document| {
            if limited {
                document["linux"]["resources"]["memory"] = json!({ "limit": MEMORY });
                document["linux"]["resources"]["pids"] = json!({ "limit": PIDS });
            }
        })
    }

    /// A bundle of the step's own making, changed.
    fn bundle(&self, name: &str, change: impl FnOnce(&mut Value)) -> Result<PathBuf> {
        let dir = self.lab.dir().join(format!("bundle-{:02}-{}-{name}", self.step, self.attacker.tier));
        if dir.exists() {
            return Ok(dir);
        }
        fs::create_dir(&dir).doing("mkdir(2)", &dir)?;
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).doing("chmod(2)", &dir)?;
        let path = dir.display().to_string();
        self.prepare(&["rootfs", &format!("{path}/rootfs")])?;
        let rootless = if self.attacker.tier == Tier::Root { &[][..] } else { &["--rootless"][..] };
        self.prepare(&[&["spec", "--bundle", &path], rootless].concat())?;
        configure(&dir.join("config.json"), change)?;
        Ok(dir)
    }

    pub(super) fn prepare(&self, words: &[&str]) -> Result<()> {
        let answer = output(self.attacker.command(self.lab, &self.binary).args(words))?;
        if answer.status == 0 { Ok(()) } else { Err(Error::refused("prepare", words.join(" "), answer)) }
    }
}

/// A6 makes a node in the root, so the root is writable: what blocks it must be the container, not a flag.
fn configure(config: &Path, change: impl FnOnce(&mut Value)) -> Result<()> {
    let text = fs::read_to_string(config).doing("read", config)?;
    let mut document: Value =
        serde_json::from_str(&text).map_err(|error| Error::refused("read", config.display(), error))?;
    document["root"]["readonly"] = json!(false);
    change(&mut document);
    fs::write(config, document.to_string()).doing("write", config)
}

/// `EACCES` of `mkdir(2) cgroup "…": EACCES: Permission denied`.
fn errno(answer: &Answer) -> String {
    // Before the error there may be notes, and after it a screen of advice.
    let told = answer.stderr.lines().rfind(|line| line.starts_with("step-")).unwrap_or_default();
    let mut words = told.split([':', ' ']);
    let is_errno = |word: &&str| {
        word.len() > 2
            && word.starts_with('E')
            && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    };
    words.find(is_errno).unwrap_or("for a reason of the step's own").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_errno_is_found_in_the_sentence() {
        let said = |text: &str| errno(&Answer { status: 125, stdout: String::new(), stderr: text.into() });
        assert_eq!(said("step-03: mkdir(2) cgroup \"/x\": EACCES: Permission denied\n\n  why"), "EACCES");
        let note = "step-06: no cgroup: mkdir(2): EACCES\nstep-06: make below the root \"/x\": EEXIST: File exists\n  why  EIO";
        assert_eq!(said(note), "EEXIST");
        assert_eq!(said("step-01: unshare(2) CLONE_NEWUSER: ENOSPC: No space left"), "ENOSPC");
        assert_eq!(said("something else"), "for a reason of the step's own");
    }
}
