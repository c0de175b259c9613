// hint: went-along
//! The parent goes into the group, and the child inherits it.

use std::fs;

use kit::{Doing, Result};
use step_00::{Program, spawn};
use step_01::exec;
use step_03::Cgroup;

pub fn start_in(cgroup: &Cgroup, program: &Program) -> Result<u8> {
    for group in cgroup.groups() {
        let procs = group.path().join("cgroup.procs");
        fs::write(&procs, "0").doing("write to the cgroup file", &procs)?;
    }
    spawn(|| exec(program))?.wait()
}
