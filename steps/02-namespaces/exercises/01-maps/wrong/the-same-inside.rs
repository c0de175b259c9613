// hint: no-root-inside
//! Everybody keeps the number that they have.

use std::fs;

use kit::{Doing, Result};
use nix::unistd::Pid;

pub fn write_maps(pid: Pid, uid: u32, gid: u32) -> Result<()> {
    write(pid, "setgroups", "deny")?;
    write(pid, "uid_map", &format!("{uid} {uid} 1"))?;
    write(pid, "gid_map", &format!("{gid} {gid} 1"))
}

fn write(pid: Pid, file: &str, text: &str) -> Result<()> {
    fs::write(format!("/proc/{pid}/{file}"), text).doing("write", file)
}
