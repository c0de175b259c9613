//! What a killed run leaves, and its removal.
//!
//! A cgroup is a directory of the kernel's, and stays when its maker is killed. The maker held a lock on it,
//! which the kernel dropped; so the next run knows it for dead, kills what still lives in it, and removes it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use kit::scratch;
use kit::{Doing, Error, Result, term};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

/// A killed process leaves its group when it is reaped, which may take a moment.
const PATIENCE: Duration = Duration::from_secs(5);

/// Removes the groups of dead runs of this user below a directory, and says so.
pub fn sweep(parent: &Path) {
    let prefix = scratch::prefix();
    for group in children(parent) {
        let name = group.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ours = group.metadata().is_ok_and(|dir| dir.uid() == geteuid().as_raw());
        if !name.starts_with(&prefix) || !ours {
            continue;
        }
        let Some(_lock) = scratch::lock(&group) else { continue };
        match remove(&group) {
            Ok(()) => term::note(format!("removed what a killed run left: {}", group.display())),
            Err(error) => term::warn(&error),
        }
    }
}

/// Kills everybody in a group of ours and removes it, the groups below it first.
pub fn remove(group: &Path) -> Result<()> {
    children(group).iter().try_for_each(|child| remove(child))?;
    let begun = Instant::now();
    loop {
        match fs::remove_dir(group) {
            Ok(()) => return Ok(()),
            Err(error) if error.raw_os_error() == Some(Errno::ENOENT as i32) => return Ok(()),
            Err(error) if error.raw_os_error() == Some(Errno::EBUSY as i32) && begun.elapsed() < PATIENCE => {
                kill_all(group)?;
                sleep(Duration::from_millis(1));
            }
            outcome => return outcome.doing("rmdir(2) cgroup", group),
        }
    }
}

/// `cgroup.kill` (Linux 5.14) reaches even those who fork meanwhile; without it, pid by pid, thawed first.
fn kill_all(group: &Path) -> Result<()> {
    if fs::write(group.join("cgroup.kill"), "1").is_ok() {
        return Ok(());
    }
    let _ = fs::write(group.join("freezer.state"), "THAWED");
    let pids = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    for pid in pids.lines().filter_map(|pid| pid.parse().ok()).filter(|pid| *pid > 0) {
        match kill(Pid::from_raw(pid), Signal::SIGKILL) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => return Err(Error::call("kill(2) in the cgroup", pid, errno)),
        }
    }
    Ok(())
}

fn children(group: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}
