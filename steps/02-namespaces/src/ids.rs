//! Who is root inside, and who that is outside.
//!
//! A user namespace begins without ids: everybody is the overflow user, 65534. Writing its maps gives them.
//! Who is not privileged may map one id, their own, and only after giving up setgroups(2) for good: leaving
//! a group could otherwise open files that a group is *denied* (user_namespaces(7), since Linux 3.19).

use std::fs;
use std::str::FromStr;

use kit::{Doing, Error, Result, Tier};
use nix::errno::Errno;
use nix::unistd::{Gid, Pid, Uid, getegid, geteuid, setgid, setgroups, setuid};

use crate::gate::Gate;

/// A range of ids: one line of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// First id inside.
    pub inside: u32,
    /// First id outside.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

/// The two maps of a user namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maps {
    /// User ids.
    pub uids: Vec<Range>,
    /// Group ids.
    pub gids: Vec<Range>,
}

impl Maps {
    /// Root inside is who I am outside.
    pub fn me_as_root() -> Self {
        let own = |id| vec![Range { inside: 0, outside: id, count: 1 }];
        Self { uids: own(geteuid().as_raw()), gids: own(getegid().as_raw()) }
    }

    // ANCHOR: write_for
    /// Writes them for a process that waits in a new user namespace. The order matters: without privilege
    /// gid_map is EPERM until setgroups is denied. The kernel takes each map in one write, once.
    pub fn write_for(&self, pid: Pid, tier: Tier) -> Result<()> {
        if tier == Tier::User {
            write(pid, "setgroups", "deny")?;
        }
        write(pid, "uid_map", &lines(&self.uids))?;
        write(pid, "gid_map", &lines(&self.gids))
    }
    // ANCHOR_END: write_for
}

// ANCHOR: become_root
/// Takes the ids that the maps have given, in init: groups first, for afterwards they may not be changed.
pub fn become_root(gate: &Gate) -> Result<()> {
    match setgroups(&[]) {
        // Denied for good, as above: the groups of the caller stay.
        Ok(()) | Err(Errno::EPERM) => {}
        Err(errno) => return Err(Error::call("setgroups(2)", "", errno)),
    }
    setgid(Gid::from_raw(0)).doing("setgid(2)", "0")?;
    setuid(Uid::from_raw(0)).doing("setuid(2)", "0")?;
    gate.die_with_parent()
}
// ANCHOR_END: become_root

fn write(pid: Pid, file: &str, text: &str) -> Result<()> {
    let path = format!("/proc/{pid}/{file}");
    // The pid would differ from run to run in the error's text.
    fs::write(path, text).doing(format!("write {text:?} to"), format!("/proc/PID/{file}").as_str())
}

fn lines(ranges: &[Range]) -> String {
    let lines: Vec<_> = ranges.iter().map(|r| format!("{} {} {}", r.inside, r.outside, r.count)).collect();
    lines.join("\n")
}

// ANCHOR: from_str
/// `INSIDE:OUTSIDE:COUNT`
impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Option<Vec<u32>> = text.split(':').map(|number| number.parse().ok()).collect();
        match numbers.as_deref() {
            Some([inside, outside, count]) if *count > 0 => {
                Ok(Self { inside: *inside, outside: *outside, count: *count })
            }
            _ => Err("a range of ids is INSIDE:OUTSIDE:COUNT, three numbers, the last at least 1".into()),
        }
    }
}
// ANCHOR_END: from_str
