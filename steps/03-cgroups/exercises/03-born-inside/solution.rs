//! Exercise 03.03: inside before exec.

use kit::Result;
use nix::sched::CloneFlags;
use step_00::Program;
use step_01::exec;
use step_02::{Clone3, spawn};
use step_03::Cgroup;

/// Runs a program in a control group, from its first instruction on; returns its exit status.
///
/// In the version 2 tree the child is born there (`CLONE_INTO_CGROUP`); into the others it goes before exec.
pub fn start_in(cgroup: &Cgroup, program: &Program) -> Result<u8> {
    let clone = Clone3 { namespaces: CloneFlags::empty(), cgroup: cgroup.birthplace() };
    let child = spawn(clone, |_| {
        cgroup.enter()?;
        exec(program)
    })?;
    child.release_and_wait()
}
