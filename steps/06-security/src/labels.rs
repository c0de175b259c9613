//! `process.apparmorProfile` and `process.selinuxLabel`: the host's own rules for what a program may touch.
//!
//! Both were written by the host's administrator before any container was, and are asked *besides* everything else
//! here. A runtime only names which of them shall hold from the next execve(2) on, by a write into /proc. A file of
//! that name in an image's /proc would take the write and do nothing (CVE-2019-19921), so it is done while /proc
//! is the host's.
//!
//! A kernel without the module in question refuses: a container that asks for a profile does not start without.

use std::fs;
use std::io;
use std::path::Path;

use kit::{Doing, Result};

/// AppArmor's file, and the older one that it shared with SELinux.
const APPARMOR: [&str; 2] = ["/proc/self/attr/apparmor/exec", "/proc/self/attr/exec"];
const SELINUX: &str = "/proc/self/attr/exec";

/// The profile of AppArmor from the next execve(2) on.
pub fn set_apparmor(profile: &str) -> Result<()> {
    let enabled = fs::read_to_string("/sys/module/apparmor/parameters/enabled");
    let file = APPARMOR.into_iter().find(|file| Path::new(file).exists()).unwrap_or(APPARMOR[0]);
    let written = match enabled.as_deref().map(str::trim) {
        Ok("Y") => fs::write(file, format!("exec {profile}")),
        _ => Err(io::Error::from_raw_os_error(libc::ENOENT)),
    };
    let doing = format!("write \"exec {profile}\" to");
    written
        .doing(doing, file)
        .map_err(|error| error.advise("has this kernel AppArmor, and is the profile loaded?"))
}

/// The label of SELinux from the next execve(2) on.
pub fn set_selinux(label: &str) -> Result<()> {
    let written = if Path::new("/sys/fs/selinux/enforce").exists() {
        fs::write(SELINUX, label)
    } else {
        Err(io::Error::from_raw_os_error(libc::ENOENT))
    };
    let doing = format!("write {label:?} to");
    written
        .doing(doing, SELINUX)
        .map_err(|error| error.advise("has this kernel SELinux, and its policy such a label?"))
}
