// hint: outside
//! Started first, moved when it runs.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use kit::{Doing, Result};
use step_00::{Program, spawn};
use step_01::exec;
use step_03::Cgroup;

pub fn start_in(cgroup: &Cgroup, program: &Program) -> Result<u8> {
    let child = spawn(|| exec(program))?;
    sleep(Duration::from_millis(200));
    for group in cgroup.groups() {
        let procs = group.path().join("cgroup.procs");
        fs::write(&procs, child.pid().to_string()).doing("write to the cgroup file", &procs)?;
    }
    child.wait()
}
