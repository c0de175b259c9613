// hint: not-ones-own
//! The columns the other way round: the id outside first.

use std::fs;

use kit::{Doing, Result};
use nix::unistd::Pid;

pub fn write_maps(pid: Pid, uid: u32, gid: u32) -> Result<()> {
    write(pid, "setgroups", "deny")?;
    write(pid, "uid_map", &format!("{uid} 0 1"))?;
    write(pid, "gid_map", &format!("{gid} 0 1"))
}

fn write(pid: Pid, file: &str, text: &str) -> Result<()> {
    fs::write(format!("/proc/{pid}/{file}"), text).doing("write", file)
}
