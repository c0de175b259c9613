//! The whole list of mounts, and the devices that no configuration needs to name.

use std::path::Path;

use kit::{Result, term};
use nix::errno::Errno;
use step_02::mounts;
use step_03::Cgroup;
use step_04::{dev, sys};

use crate::Bundle;

/// The mounts in their order, and then the devices that the specification wants in every /dev.
pub fn mount_all(bundle: &Bundle, cgroup: Option<&Cgroup>) -> Result<()> {
    for mount in &bundle.config.mounts {
        let target = mount.target(&bundle.root)?;
        match (mount.kind.as_str(), cgroup) {
            ("cgroup", Some(cgroup)) => sys::mount_cgroups(&target, cgroup)?,
            ("cgroup", None) => term::note("not applied: the mount of type cgroup (there is no cgroup)"),
            (kind, _) => mount_one(kind, &target, mount.mount(&target, &bundle.dir))?,
        }
    }
    let dev = bundle.root.join("dev");
    if dev.is_dir() && !dev.join("null").exists() { dev::populate(&dev) } else { Ok(()) }
}

/// Lessons 02 and 04 have told when a new procfs or sysfs is refused, and what serves instead.
fn mount_one(kind: &str, target: &Path, outcome: Result<()>) -> Result<()> {
    match (kind, outcome) {
        ("proc", Err(error)) if error.errno() == Some(Errno::EPERM) => mounts::bind_outer_proc(target),
        ("sysfs", Err(error)) if error.errno() == Some(Errno::EPERM) => sys::bind_outer_sys(target),
        (_, outcome) => outcome,
    }
}
