//! Programs that are run along the life of a container, with its state on their standard input.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::{Doing, Error, Kind, Result};
use crate::oci::spec::Hook;
use crate::oci::state::State;
use crate::sys::packet::wait_readable;
use crate::sys::task::Pidfd;

/// So much of what a hook writes is told when it fails.
const TOLD: u64 = 4096;

/// Runs hooks in their order, up to the first that fails. `name` is what the configuration calls them.
///
/// Errors: those of execve(2); [`Kind::System`] for one that ends otherwise than with 0, or not in its time: it is ended then.
pub(super) fn run(name: &str, hooks: &[Hook], state: &State, dir: &Path) -> Result<()> {
    for (index, hook) in hooks.iter().enumerate() {
        run_one(hook, state, dir).doing(format_args!("hooks.{name}[{index}]"), "")?;
    }
    Ok(())
}

fn run_one(hook: &Hook, state: &State, dir: &Path) -> Result<()> {
    let doing = "run the hook";
    let text = serde_json::to_vec(state)
        .map_err(|error| Error::refused(Kind::System, doing, hook.path.as_str(), error.to_string()))?;
    let mut output: File = memfd_create(c"hook", MFdFlags::MFD_CLOEXEC).doing("memfd_create(2)", "")?.into();
    let mut child = command(hook, &output, dir)?.spawn().doing("execute the hook", hook.path.as_str())?;
    if let Some(mut input) = child.stdin.take() {
        // A hook need not read it.
        let _ = input.write_all(&text);
    }
    let ended = wait(&mut child, hook)?;
    if ended.success() {
        return Ok(());
    }
    let mut said = String::new();
    output.rewind().doing("rewind", "what the hook wrote")?;
    let _ = output.take(TOLD).read_to_string(&mut said);
    let reason = format!("{ended}: {}", said.trim().replace(char::is_control, " "));
    Err(Error::refused(Kind::System, doing, hook.path.as_str(), reason.trim_end_matches([':', ' '])))
}

fn command(hook: &Hook, output: &File, dir: &Path) -> Result<Command> {
    let output = || output.try_clone().doing("dup(2)", "");
    let mut command = Command::new(&hook.path);
    if let Some((first, others)) = hook.args.split_first() {
        command.arg0(first).args(others);
    }
    command.env_clear().envs(hook.env.iter().filter_map(|variable| variable.split_once('=')));
    command.stdin(Stdio::piped()).stdout(output()?).stderr(output()?).current_dir(dir);
    // A group of its own: whoever it has started ends with it, if it takes too long.
    command.process_group(0);
    Ok(command)
}

fn wait(child: &mut Child, hook: &Hook) -> Result<std::process::ExitStatus> {
    if let Some(timeout) = hook.timeout.and_then(|seconds| u64::try_from(seconds).ok()) {
        let process = Pidfd::open(Pid::from_raw(child.id().cast_signed()))?;
        let in_time = wait_readable(process.as_fd(), Duration::from_secs(timeout));
        if in_time.is_err() {
            // It may have ended this very moment.
            let _ = kill(Pid::from_raw(-child.id().cast_signed()), Signal::SIGKILL);
            child.wait().doing("wait4(2)", hook.path.as_str())?;
            let reason = format!("it has not ended after {timeout} s");
            return Err(Error::refused(Kind::System, "run the hook", hook.path.as_str(), reason));
        }
    }
    child.wait().doing("wait4(2)", hook.path.as_str())
}
