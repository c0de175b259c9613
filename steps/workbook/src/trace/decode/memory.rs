//! The memory and the descriptors of a thread that has stopped.

use std::fs;
use std::io::IoSliceMut;
use std::path::Path;

use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

use super::Tracee;

/// A thread of another process.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Its id.
    pub tid: i32,
}

impl Tracee for Memory {
    fn bytes(&self, address: u64, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        let base = usize::try_from(address).ok().filter(|base| *base != 0)?;
        let mut local = [IoSliceMut::new(&mut bytes)];
        let remote = [RemoteIoVec { base, len: length }];
        let read = process_vm_readv(Pid::from_raw(self.tid), &mut local, &remote).ok()?;
        bytes.truncate(read);
        Some(bytes)
    }

    fn descriptor(&self, fd: i32) -> Option<String> {
        let link = fs::read_link(format!("/proc/{}/fd/{fd}", self.tid)).ok()?;
        Some(link.to_string_lossy().into_owned())
    }

    /// By the mount that it was opened through. The file system itself is not asked: it may be one that the
    /// tracee serves, and would wait for a process that waits for us.
    fn opened_in_cgroup(&self, fd: i32, path: &str) -> bool {
        if path.starts_with("/sys/fs/cgroup/") {
            return true;
        }
        let info = fs::read_to_string(format!("/proc/{}/fdinfo/{fd}", self.tid)).unwrap_or_default();
        let Some(mount) = info.lines().find_map(|line| line.strip_prefix("mnt_id:")) else { return false };
        // Inherited from another mount namespace it is in that one's table: most often in ours.
        [self.tid.to_string(), "self".to_owned()].iter().any(|process| {
            let table = fs::read_to_string(format!("/proc/{process}/mountinfo")).unwrap_or_default();
            table.lines().filter(|line| line.split(' ').next() == Some(mount.trim())).any(is_cgroup)
        })
    }

    /// By the mount that it lies in: the last of those with the longest mount point.
    fn is_in_cgroup(&self, path: &str) -> bool {
        let process = Path::new("/proc").join(self.tid.to_string());
        let here = fs::read_link(process.join("cwd")).unwrap_or_default();
        let path = here.join(path);
        let table = fs::read_to_string(process.join("mountinfo")).unwrap_or_default();
        let depth = |line: &str| {
            let point = line.split(' ').nth(4).map(Path::new).filter(|point| path.starts_with(point))?;
            Some(point.components().count())
        };
        let mounts = table.lines().filter_map(|line| Some((depth(line)?, line)));
        mounts.max_by_key(|(depth, _)| *depth).is_some_and(|(_, line)| is_cgroup(line))
    }
}

/// The file system's type follows the separator (proc(5), mountinfo).
fn is_cgroup(line: &str) -> bool {
    line.split_once(" - ").is_some_and(|(_, rest)| rest.starts_with("cgroup"))
}
