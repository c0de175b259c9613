// hint: asks-in-return
//! The maps alone: enough for root, not for who has no privilege.

use std::fs;

use kit::{Doing, Result};
use nix::unistd::Pid;

pub fn write_maps(pid: Pid, uid: u32, gid: u32) -> Result<()> {
    write(pid, "uid_map", &format!("0 {uid} 1"))?;
    write(pid, "gid_map", &format!("0 {gid} 1"))
}

fn write(pid: Pid, file: &str, text: &str) -> Result<()> {
    fs::write(format!("/proc/{pid}/{file}"), text).doing("write", file)
}
