// hint: nothing-closed
//! Whatever Rust opens is close-on-exec, so there is nothing to do.

use std::convert::Infallible;

use kit::Result;
use step_00::Program;

pub fn exec(program: &Program) -> Result<Infallible> {
    step_00::exec(program)
}
