// hint: not-ones-own
//! A range for a whole distribution, as root would map it.

use std::fs;

use kit::{Doing, Result};
use nix::unistd::Pid;

pub fn write_maps(pid: Pid, uid: u32, gid: u32) -> Result<()> {
    write(pid, "setgroups", "deny")?;
    write(pid, "uid_map", &format!("0 {uid} 65536"))?;
    write(pid, "gid_map", &format!("0 {gid} 65536"))
}

fn write(pid: Pid, file: &str, text: &str) -> Result<()> {
    fs::write(format!("/proc/{pid}/{file}"), text).doing("write", file)
}
