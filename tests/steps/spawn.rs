//! Lesson 00: fork, execve, waitpid, and what every later step keeps of it.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Behaviour, Options, Step, since};
use crate::kit::{Lab, Outcome, Ran};

pub(crate) fn behaviours() -> Vec<Behaviour> {
    vec![
        since(0, "exits as the command did", |lab, step| {
            step.run(lab, &["sh", "-c", "exit 7"])?.ended_with(7).map(drop)
        }),
        since(0, "exits with 128+n when signal n ended the command", |lab, step| {
            // Process 1 of a pid namespace cannot kill itself: its child does, and the shell tells it on.
            step.run(lab, &["sh", "-c", "sh -c 'kill -9 $$'; exit $?"])?.ended_with(137).map(drop)
        }),
        since(0, "exits with 127 when there is no such command", |lab, step| {
            step.run(lab, &["no-such-command"])?
                .ended_with(127)?
                .says(&["execve(2) \"no-such-command\": ENOENT"])
                .map(drop)
        }),
        since(0, "a folder of PATH that may not be searched is passed over", passes_closed_folders),
        since(0, "exits with 126 when the command cannot be executed", |lab, step| {
            step.run(lab, &["/etc/passwd"])?
                .ended_with(126)?
                .says(&["execve(2) \"/etc/passwd\": EACCES"])
                .map(drop)
        }),
        since(0, "takes words that look like options", |lab, step| {
            assert_eq!(step.run(lab, &["echo", "--help", "-x"])?.succeeded()?, "--help -x\n");
            Ok(())
        }),
        since(0, "passes standard input on", passes_input),
        since(0, "passes signals on", passes_signals),
        since(0, "gives the command the usual signals", |lab, step| {
            let own = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
            let inside = step.run(lab, &["cat", "/proc/self/status"])?.succeeded()?;
            // Blocked, as before; ignored, as before, but for SIGPIPE, which Rust ignores and kit::start gives back.
            assert_eq!(mask(&inside, "SigBlk"), mask(&own, "SigBlk"));
            assert_eq!(mask(&inside, "SigIgn"), mask(&own, "SigIgn") & !(1 << (libc::SIGPIPE - 1)));
            assert_ne!(mask(&own, "SigIgn") & 1 << (libc::SIGPIPE - 1), 0, "the check above proves nothing");
            Ok(())
        }),
        since(0, "gives the command no descriptors but three", |lab, step| {
            let open = step.report(lab)?.descriptors;
            assert_eq!(open.keys().copied().collect::<Vec<_>>(), [0, 1, 2], "{open:?}");
            Ok(())
        }),
        since(0, "hands its environment on", |lab, step| {
            let mut command = step.command(lab, &Options::default(), &["env"])?;
            let text = Ran::of(command.env("DIVE_TOKEN", "seen"))?.succeeded()?;
            if text.contains("DIVE_TOKEN=seen") { Ok(()) } else { Err(text) }
        })
        .until(0),
        since(0, "that a real-time signal ended the command is said", |lab, step| {
            let ran = lab.run(&step.name(), &["run", "sh", "-c", "kill -34 $$"])?.ended_with(125)?;
            ran.says(&["a real-time signal ended it"]).map(drop)
        })
        .until(0),
        since(0, "needs a command", |lab, step| {
            let ran = lab.run(&step.name(), &["run"])?.ended_with(2)?;
            ran.says(&["required arguments were not provided"]).map(drop)
        }),
    ]
}

/// A line of /proc/PID/status that is a mask of signals: bit N-1 is signal N.
fn mask(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
    line.and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or(u64::MAX)
}

fn passes_input(lab: &Lab, step: Step) -> Outcome {
    let mut command = step.command(lab, &Options::default(), &["cat"])?;
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let mut input = child.stdin.take().ok_or("no standard input")?;
    input.write_all(b"through the container").map_err(|error| error.to_string())?;
    drop(input);
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    assert_eq!((output.stdout.as_slice(), output.status.code()), (&b"through the container"[..], Some(0)));
    Ok(())
}

fn passes_closed_folders(lab: &Lab, step: Step) -> Outcome {
    let closed = lab.dir().join("closed");
    let mode = |mode| std::fs::Permissions::from_mode(mode);
    std::fs::create_dir(&closed).map_err(|error| error.to_string())?;
    std::fs::set_permissions(&closed, mode(0o0)).map_err(|error| error.to_string())?;
    let path = format!("{}:/usr/bin:/bin", closed.display());
    let mut command = step.command(lab, &Options::default(), &["no-such-command"])?;
    let ran = Ran::of(command.env("PATH", &path));
    std::fs::set_permissions(&closed, mode(0o755)).map_err(|error| error.to_string())?;
    ran?.ended_with(127).map(drop)
}

/// The command says when its trap is set, so that nothing here depends on time.
fn passes_signals(lab: &Lab, step: Step) -> Outcome {
    let script = "trap 'echo caught; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    let mut command = step.command(lab, &Options::default(), &["sh", "-c", script])?;
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
    let mut output = child.stdout.take().ok_or("no standard output")?;
    let mut ready = [0; 6];
    output.read_exact(&mut ready).map_err(|error| error.to_string())?;
    let pid = Pid::from_raw(i32::try_from(child.id()).map_err(|error| error.to_string())?);
    kill(pid, Signal::SIGTERM).map_err(|errno| errno.to_string())?;
    let mut rest = String::new();
    output.read_to_string(&mut rest).map_err(|error| error.to_string())?;
    let status = child.wait().map_err(|error| error.to_string())?;
    assert_eq!((rest.as_str(), status.code()), ("caught\n", Some(3)));
    // Whoever ran in the container has a moment to be gone.
    std::thread::sleep(Duration::from_millis(20));
    Ok(())
}
