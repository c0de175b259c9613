//! Programs that give privilege, and lose it under a tracer.
//!
//! A setuid file, or one with file capabilities, makes execve(2) raise the privileges of who executes it.
//! Under a tracer without `CAP_SYS_PTRACE` it does not: the tracer could have it do anything. So newuidmap,
//! fusermount or sudo run, and fail for a reason that their own message does not know.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use guest::capability;
use nix::unistd::geteuid;

/// What the tracer may do, as far as it matters here.
#[derive(Debug, Clone)]
pub struct Privilege {
    may_trace_all: bool,
    user_namespace: PathBuf,
    mount_namespace: PathBuf,
}

impl Privilege {
    /// Of this process.
    pub fn of_self() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let effective = effective.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0);
        Self {
            may_trace_all: capability::holds(effective, "CAP_SYS_PTRACE"),
            user_namespace: namespace("self", "user"),
            mount_namespace: namespace("self", "mnt"),
        }
    }

    /// What is to be said when a thread executes this file. Looked at only where the file is one of the
    /// host's: in other namespaces it may lie in a file system that the tracee itself serves.
    pub fn lost_by(&self, tid: i32, path: &str) -> Option<String> {
        let of = |kind| namespace(&tid.to_string(), kind);
        if self.may_trace_all || of("user") != self.user_namespace || of("mnt") != self.mount_namespace {
            return None;
        }
        let here = fs::read_link(format!("/proc/{tid}/cwd")).unwrap_or_default();
        let what = gives(&here.join(path))?;
        Some(format!(
            "{path} has {what}, which the kernel ignores under a tracer without CAP_SYS_PTRACE: it will lack that \
             privilege, and probably fail (trace as root)"
        ))
    }
}

/// How executing a file would raise the privileges of who is not root.
fn gives(path: &Path) -> Option<&'static str> {
    let file = path.metadata().ok()?;
    if file.mode() & libc::S_ISUID != 0 && file.uid() != geteuid().as_raw() {
        return Some(if file.uid() == 0 { "a setuid bit and belongs to root" } else { "a setuid bit" });
    }
    // Without the bit to execute as group, setgid on a file once meant mandatory locking.
    if file.mode() & libc::S_ISGID != 0 && file.mode() & libc::S_IXGRP != 0 {
        return Some("a setgid bit");
    }
    has_capabilities(path).then_some("file capabilities")
}

fn has_capabilities(path: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else { return false };
    // SAFETY: both strings end in NUL, and a buffer of no length asks for the size alone.
    #[allow(unsafe_code)]
    let size =
        unsafe { libc::getxattr(path.as_ptr(), c"security.capability".as_ptr(), std::ptr::null_mut(), 0) };
    size > 0
}

fn namespace(process: &str, kind: &str) -> PathBuf {
    fs::read_link(format!("/proc/{process}/ns/{kind}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_setgid_program_gives_privilege_and_a_plain_one_does_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("helper");
        fs::write(&path, "").expect("written");
        let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
        mode(0o755);
        assert_eq!(gives(&path), None);
        mode(0o2755);
        assert_eq!(gives(&path), Some("a setgid bit"));
        mode(0o2644);
        assert_eq!(gives(&path), None, "not executable by its group");
        mode(0o4755);
        assert_eq!(gives(&path), None, "it is ours already");
    }
}
