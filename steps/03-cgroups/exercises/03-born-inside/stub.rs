//! Exercise 03.03: inside before exec.

use kit::{Result, todo};
use step_00::Program;
use step_03::Cgroup;

/// Runs a program in a control group, from its first instruction on; returns its exit status.
///
/// `step_02::spawn` makes the child, and `step_01::exec` is the last thing that it does. No namespace is wanted.
pub fn start_in(cgroup: &Cgroup, program: &Program) -> Result<u8> {
    let _ = (cgroup, program);
    Err(todo("03.03"))
}
