//! A7 takes more than a container: a runtime that may be written to, and that ends while its container goes on.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use guest::attack::HOLDING;
use kit::{Doing, Error, Result};
use nix::unistd::chown;

use super::Answer;
use super::container::Container;
use crate::lab::exit_status;

/// Where the root leads back to whatever executes it. By the name it is the guest that is executed so.
const LINK: &str = "a7/guest";

impl Container<'_> {
    /// The guest's verdict on a copy of the step's binary that is the lab's own and the attacker's.
    ///
    /// While the runtime lives, the kernel refuses to write to what it executes. That is luck and no wall: so the lab
    /// ends it, as anything may, once the guest holds the file.
    pub(super) fn attack_runtime(&self) -> Result<String> {
        let limited = self.linked(true)?;
        let mut answer = self.rewritten(&limited)?;
        if answer.status == 125 && self.step > 3 {
            answer = self.rewritten(&self.linked(false)?)?;
        }
        self.verdict("A7", answer, "FORBIDDEN")
    }

    /// Runs it to its end, which is the runtime's as well unless the guest holds the file.
    fn rewritten(&self, options: &[String]) -> Result<Answer> {
        let binary = self.own_copy()?;
        let run = |words: &[&str]| {
            let mut command = self.attacker.command(self.lab, &binary);
            command.arg("run").args(options).args(words).stdin(Stdio::null());
            command
        };
        let link = format!("/{LINK}");
        let mut command = run(&[&link, "attack", "A7"]);
        let mut runtime =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().doing("execve(2)", &binary)?;
        let (mut said, mut stderr) = (String::new(), String::new());
        let lost = || Error::refused("attack", &link, "the guest's output was not to be had");
        let mut output = BufReader::new(runtime.stdout.take().ok_or_else(lost)?);
        output.read_line(&mut said).doing("read", "the guest's output")?;
        let holds = said.trim_end() == HOLDING;
        if holds {
            said.clear();
            runtime.kill().doing("kill(2)", "the runtime")?;
        }
        let status = runtime.wait().doing("waitpid(2)", "the runtime")?;
        output.read_to_string(&mut said).doing("read", "the guest's output")?;
        let mut errors = runtime.stderr.take().ok_or_else(lost)?;
        errors.read_to_string(&mut stderr).doing("read", "standard error")?;
        if holds {
            // What a killed run leaves, the next one removes.
            self.lab.settle();
            run(&["/bin/true"]).output().doing("execve(2)", &binary)?;
        }
        let status = if holds { 0 } else { exit_status(status) };
        Ok(Answer { status, stdout: said.trim_end().to_owned(), stderr })
    }

    /// A link to the binary that was built would not do: it is to be written to.
    fn own_copy(&self) -> Result<PathBuf> {
        let name = format!("step-{:02}", self.step);
        let built = crate::sibling(&name)?;
        let dir = self.lab.dir().join(format!("a7-{}", self.attacker.tier));
        let copy = dir.join(name);
        if !copy.exists() {
            fs::create_dir_all(&dir).doing("mkdir(2)", &dir)?;
            fs::copy(&built, &copy).doing("copy", &built)?;
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).doing("chmod(2)", &copy)?;
            let (uid, gid) = self.attacker.owner();
            chown(&copy, Some(uid), Some(gid)).doing("chown(2)", &copy)?;
        }
        Ok(copy)
    }

    /// The options of the step's other attacks, and a root with the link in it.
    fn linked(&self, limited: bool) -> Result<Vec<String>> {
        let mut options = self.options(limited)?;
        let root = if self.step < 5 {
            let root = self.lab.dir().join(format!("a7-root-{}", self.attacker.tier));
            if !root.exists() {
                self.prepare(&["rootfs", &root.display().to_string()])?;
            }
            options.extend(["--rootfs".into(), root.display().to_string()]);
            root
        } else {
            self.limited(limited)?.join("rootfs")
        };
        let link = root.join(LINK);
        let dir = link.parent().unwrap_or(Path::new("/"));
        if !dir.exists() {
            fs::create_dir(dir).doing("mkdir(2)", dir)?;
            fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).doing("chmod(2)", dir)?;
            symlink("/proc/self/exe", &link).doing("symlink(2)", &link)?;
        }
        Ok(options)
    }
}
