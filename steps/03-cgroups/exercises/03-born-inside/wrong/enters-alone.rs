// hint: outside
//! The way of version 1 alone: in the version 2 tree the child stays with its parent.

use kit::Result;
use nix::sched::CloneFlags;
use step_00::Program;
use step_01::exec;
use step_02::{Clone3, spawn};
use step_03::Cgroup;

pub fn start_in(cgroup: &Cgroup, program: &Program) -> Result<u8> {
    let child = spawn(Clone3 { namespaces: CloneFlags::empty(), cgroup: None }, |_| {
        cgroup.enter()?;
        exec(program)
    })?;
    child.release_and_wait()
}
