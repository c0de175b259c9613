//! Signals, as a program expects them when it begins.

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask};

use crate::error::{Doing, Result};

/// Blocks no signal, and gives SIGPIPE its default: both outlive execve(2), and Rust's runtime ignores SIGPIPE. What
/// whoever started us ignores stays ignored, as nohup(1) wants it.
pub fn reset() -> Result<()> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: no handler is installed, the default is no code of ours.
    unsafe { sigaction(Signal::SIGPIPE, &default) }.doing("sigaction(2) SIG_DFL", "SIGPIPE")?;
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None).doing("sigprocmask(2)", "").map(drop)
}
