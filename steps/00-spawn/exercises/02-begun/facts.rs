//! Exercise 00.02: commands that begin, and commands that do not.

use std::process::ExitCode;

use kit::demo::Capture;
use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use step_00::Program;

mod begun;

fn main() -> ExitCode {
    kit::start();
    kit::finish(seen().map(|()| 0))
}

fn seen() -> Result<()> {
    println!("a command that sleeps: {}", sleeper()?);
    let capture = Capture::new()?;
    let two = Program::new(&["sh", "-c", "exit 2"])?.stdout(capture.writer()?);
    println!("a command that exits with 2: {}", told(begun::begin(&two))?);
    for (what, path) in [("no such command", "/nowhere/at/all"), ("no program", "/etc/passwd")] {
        println!("{what}: {}", told(begun::begin(&Program::new(&[path])?))?);
        let left = waitpid(None, Some(WaitPidFlag::WNOHANG));
        println!("{what}, children left: {}", if left == Err(Errno::ECHILD) { "none" } else { "a dead one" });
    }
    Ok(())
}

/// Whether the command still ran when its beginning was known: then SIGKILL ends it, and not it itself.
fn sleeper() -> Result<&'static str> {
    let pid = begun::begin(&Program::new(&["sleep", "1"])?)?;
    match kill(pid, Signal::SIGKILL).and_then(|()| waitpid(pid, None)) {
        Ok(WaitStatus::Signaled(..)) => Ok("begun, and known while it slept"),
        Ok(_) | Err(Errno::ECHILD | Errno::ESRCH) => Ok("begun, and known when it had ended"),
        Err(errno) => Err(Error::call("waitpid(2)", pid, errno)),
    }
}

fn told(begun: Result<Pid>) -> Result<String> {
    match begun {
        Ok(pid) => match waitpid(pid, None).doing("waitpid(2)", pid.to_string().as_str())? {
            WaitStatus::Exited(_, code) => Ok(format!("begun, and exited with {code}")),
            other => Ok(format!("begun, and then {other:?}")),
        },
        Err(error) => match error.errno() {
            Some(errno) => Ok(format!("not begun: {} {errno:?}", error.doing())),
            // The exercise is not written yet, or something else went wrong: that is no answer.
            None => Err(error),
        },
    }
}
