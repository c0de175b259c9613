// hint: deaf
//! It waits for everybody and hears nothing.

use std::convert::Infallible;

use kit::{Doing, Result};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::waitpid;
use step_00::supervise::{FORWARDED, exit_status};
use step_00::{Program, birth, spawn};

pub fn init(program: &Program, exec: fn(&Program) -> Result<Infallible>) -> Result<Infallible> {
    let mut signals: SigSet = FORWARDED.into_iter().collect();
    signals.add(Signal::SIGCHLD);
    signals.thread_block().doing("sigprocmask(2)", "")?;
    let child = spawn(|| {
        SigSet::empty().thread_set_mask().doing("sigprocmask(2)", "")?;
        exec(program)
    })?;
    loop {
        let status = waitpid(None, None).doing("waitpid(2)", "-1")?;
        if status.pid() == Some(child.pid()) {
            return child.error().map_or_else(|| birth::end(exit_status(status)), Err);
        }
    }
}
