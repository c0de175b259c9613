//! Exercise 02.01: who is root inside.

use std::fs;

use kit::{Doing, Result, todo};
use nix::unistd::Pid;

/// Makes root, in the user namespace in which `pid` waits, the user `uid` and the group `gid` of ours.
///
/// Which files, in which order, and what is in them?
pub fn write_maps(pid: Pid, uid: u32, gid: u32) -> Result<()> {
    let _ = (write, pid, uid, gid);
    Err(todo("02.01"))
}

/// Writes a file of the process at once; an error names it.
fn write(pid: Pid, file: &str, text: &str) -> Result<()> {
    fs::write(format!("/proc/{pid}/{file}"), text).doing("write", file)
}
