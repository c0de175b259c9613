//! The end of cgroups, and of whoever is in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::{Place, Version, inhabitants};
use crate::error::{Doing, Error, Kind, Result};
use crate::sys::task::Pidfd;

/// How often the end of processes is looked for, with pauses that grow from one to 64 ms: some five seconds.
const TRIES: u32 = 80;

/// Ends all processes in the cgroups that we have made, and in what was made below them. Where the cgroup was there
/// before us, whoever is in it is not known to be ours.
///
/// Errors: [`Kind::Busy`] if some are still there after five seconds.
pub(crate) fn kill(places: &[Place]) -> Result<()> {
    let own: Vec<_> =
        places.iter().filter(|place| place.ours.contains(&place.dir) && place.dir.exists()).collect();
    for attempt in 0..TRIES {
        let mut alive = 0;
        for place in &own {
            thaw(place);
            for dir in with_children(&place.dir)? {
                alive += kill_in(&dir, place.version())?;
            }
        }
        if alive == 0 {
            return Ok(());
        }
        pause(attempt);
    }
    let dirs: Vec<_> = own.iter().map(|place| place.dir.display().to_string()).collect();
    Err(Error::refused(Kind::Busy, "end all processes in", dirs.join(", "), "some are still there"))
}

/// Sends a signal to all processes in the cgroups that we have made.
pub(crate) fn signal_all(places: &[Place], signal: Signal) -> Result<()> {
    let Some(place) = places.iter().find(|place| place.ours.contains(&place.dir) && place.dir.exists())
    else {
        return Ok(());
    };
    for dir in with_children(&place.dir)? {
        for pid in inhabitants(&dir)? {
            send(pid, signal)?;
        }
    }
    Ok(())
}

/// How many were there. A cgroup that is gone meanwhile holds nobody.
fn kill_in(dir: &Path, version: Version) -> Result<usize> {
    let pids = match inhabitants(dir) {
        Err(error) if is_gone(&error) => return Ok(0),
        outcome => outcome?,
    };
    // All at once, also those that are born meanwhile (Linux 5.14).
    let at_once =
        version == Version::Two && !pids.is_empty() && fs::write(dir.join("cgroup.kill"), "1").is_ok();
    if !at_once {
        for pid in &pids {
            send(*pid, Signal::SIGKILL)?;
        }
    }
    Ok(pids.len())
}

/// To a process by descriptor, which is in the cgroup still after it was opened, or has ended.
fn send(pid: i32, signal: Signal) -> Result<()> {
    match Pidfd::open(Pid::from_raw(pid)).and_then(|process| process.send(signal)) {
        Err(error) if error.kind() == Kind::NotFound => Ok(()),
        outcome => outcome,
    }
}

/// What is frozen does not end, in version 1.
fn thaw(place: &Place) {
    if place.controllers.iter().any(|name| name == "freezer") {
        let _ = fs::write(place.dir.join("freezer.state"), "THAWED");
    }
}

/// A cgroup and all below it, the deepest first.
fn with_children(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(dir).doing("read", dir) {
        Err(error) if is_gone(&error) => return Ok(found),
        outcome => outcome?,
    };
    for entry in entries {
        let Ok(entry) = entry else { continue };
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(with_children(&entry.path())?);
        }
    }
    found.push(dir.to_owned());
    Ok(found)
}

/// Removes the cgroups that we have made, as long as they are empty. Whether all of them are gone afterwards.
pub(crate) fn remove_empty(places: &[Place]) -> bool {
    let mut gone = true;
    for place in places {
        let Some(above) = above(place) else { continue };
        match fs::remove_dir(&place.dir).doing("rmdir(2)", &place.dir) {
            Err(error) if !is_gone(&error) => gone = false,
            _ => remove_above(above),
        }
    }
    gone
}

/// Removes the cgroups that we have made, with all below them, and then looks whether they are gone. Directories above them
/// that we have made go as well, as far as nobody else uses them by now.
///
/// Errors: [`Kind::Busy`] for one that stays.
pub(crate) fn remove(places: &[Place]) -> Result<()> {
    for place in places {
        if let Some(above) = above(place) {
            remove_tree(&place.dir)?;
            remove_above(above);
        }
    }
    Ok(())
}

/// The directories above a cgroup that we have made, if we have made it itself.
fn above(place: &Place) -> Option<&[PathBuf]> {
    place.ours.split_last().filter(|(own, _)| **own == place.dir).map(|(_, above)| above)
}

fn remove_above(above: &[PathBuf]) {
    for dir in above.iter().rev() {
        if fs::remove_dir(dir).is_err() {
            break;
        }
    }
}

fn remove_tree(top: &Path) -> Result<()> {
    for attempt in 0..TRIES {
        let mut last = None;
        for dir in with_children(top)? {
            match fs::remove_dir(&dir).doing("rmdir(2)", &dir) {
                Err(error) if is_gone(&error) => {}
                // Whoever was in it is on its way out.
                Err(error) if error.kind() == Kind::Busy => last = Some(error),
                outcome => outcome?,
            }
        }
        match last {
            None if !top.exists() => return Ok(()),
            Some(error) if attempt + 1 == TRIES => return Err(error),
            _ => pause(attempt),
        }
    }
    Err(Error::refused(Kind::Busy, "remove the cgroup", top, "it comes back again and again"))
}

fn is_gone(error: &Error) -> bool {
    matches!(error.errno(), Some(nix::errno::Errno::ENOENT | nix::errno::Errno::ENODEV))
}

fn pause(attempt: u32) {
    sleep(Duration::from_millis(1 << (attempt / 2).min(6)));
}
