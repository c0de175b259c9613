// hint: strangers
//! It waits for the child that it made, as lesson 00 did.

use std::convert::Infallible;

use kit::{Doing, Result};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
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
        match signals.wait().doing("sigwait(3)", "")? {
            Signal::SIGCHLD => {
                match waitpid(child.pid(), Some(WaitPidFlag::WNOHANG)).doing("waitpid(2)", "")? {
                    WaitStatus::StillAlive => {}
                    status => return child.error().map_or_else(|| birth::end(exit_status(status)), Err),
                }
            }
            signal => kill(child.pid(), signal).doing("kill(2)", signal.as_str())?,
        }
    }
}
