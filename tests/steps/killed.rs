//! `kill -9` gives a program no time to clean up: the kernel does, or the next run does and says so.

use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use super::namespaces::holding;
use super::{LAST, Options, Step};
use crate::kit::{Case, Lab, Need, Outcome, case};

pub(crate) fn cases() -> Vec<Case> {
    let needs = |step| match step {
        0 => vec![],
        3 => vec![Need::Namespaces, Need::Cgroups],
        _ => vec![Need::Namespaces],
    };
    let steps = 0..=LAST;
    let mut cases: Vec<_> = steps
        .map(|step| {
            let name = format!("step-{step:02}: killed at any moment it leaves nothing behind the next run");
            case(name, &needs(step), move |lab| killed_at_any_moment(lab, Step(step)))
        })
        .collect();
    cases.extend((1..=LAST).map(|step| {
        let name = format!(
            "step-{step:02}: killed while its container runs, the container ends, and the next run says so"
        );
        case(name, &needs(step), move |lab| killed_while_running(lab, Step(step)))
    }));
    cases
}

/// A demonstration takes some hundred milliseconds; the moments are spread over it. Which call is hit is left to
/// chance here; every call in turn is a fault injector's business.
fn killed_at_any_moment(lab: &Lab, step: Step) -> Outcome {
    for moment in (0..24_u64).map(|n| n * n / 2) {
        let mut command = lab.command(&step.name());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        sleep(Duration::from_millis(moment));
        child.kill().map_err(|error| error.to_string())?;
        child.wait().map_err(|error| error.to_string())?;
    }
    after_the_next_run(lab, step).map(drop)
}

fn killed_while_running(lab: &Lab, step: Step) -> Outcome {
    let options = Options { pids: (step.0 == 3).then_some(32), ..Options::default() };
    let (mut child, init) = holding(lab, step, &options)?;
    // Waiting closes it, and the guest would end by itself.
    let input = child.stdin.take();
    child.kill().map_err(|error| error.to_string())?;
    child.wait().map_err(|error| error.to_string())?;
    // The kernel's signal to init (PR_SET_PDEATHSIG) was sent when its parent ended; it falls to this lab.
    let init = nix::unistd::Pid::from_raw(init);
    let ended = nix::sys::wait::waitpid(init, None).map_err(|errno| errno.to_string())?;
    assert!(
        matches!(ended, nix::sys::wait::WaitStatus::Signaled(_, nix::sys::signal::Signal::SIGKILL, _)),
        "{ended:?}"
    );
    drop(input);
    let said = after_the_next_run(lab, step)?;
    if said.contains("removed what a killed run left: ") {
        Ok(())
    } else {
        Err(format!("the next run says: {said:?}"))
    }
}

/// Runs the step once more; then nothing may be left. What it said on standard error.
fn after_the_next_run(lab: &Lab, step: Step) -> Result<String, String> {
    lab.lab().settle();
    let said = step.run(lab, &["true"])?.ended_with(0)?.stderr;
    let leaks = lab.lab().leaks().map_err(|error| error.to_string())?;
    if leaks.is_empty() { Ok(said) } else { Err(leaks.join("; ")) }
}
