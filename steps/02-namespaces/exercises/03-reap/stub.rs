//! Exercise 02.03: what process 1 owes.

use std::convert::Infallible;

use kit::{Doing, Result, todo};
use nix::sys::signal::{SigSet, Signal};
use step_00::supervise::FORWARDED;
use step_00::{Program, spawn};

/// Starts the command as a child, reaps whatever ends, passes signals on, and ends as the command does.
///
/// What you need: `signals.wait()` sleeps until one of them comes; `waitpid(None, …)` of nix::sys::wait asks for any
/// child; `exit_status` of step_00::supervise makes a number of its answer; `step_00::birth::end` ends init with it.
/// If the command could not be executed, `child.error()` says why: return that.
pub fn init(program: &Program, exec: fn(&Program) -> Result<Infallible>) -> Result<Infallible> {
    let mut signals: SigSet = FORWARDED.into_iter().collect();
    signals.add(Signal::SIGCHLD);
    signals.thread_block().doing("sigprocmask(2)", "")?;
    let child = spawn(|| {
        // What is blocked stays so over execve(2), and the command expects its signals.
        SigSet::empty().thread_set_mask().doing("sigprocmask(2)", "")?;
        exec(program)
    })?;
    let _ = child.pid();
    Err(todo("02.03"))
}
