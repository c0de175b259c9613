//! The kernel's calls, on a kernel. Each check has a planted fault beside it: the same thing done naively, which the
//! check must notice.

use docker_dive::sys::clone::{Clone, spawn};
use docker_dive::sys::task::End;

use super::said;
use crate::kit::{Case, Lab, Outcome};

mod capability;
mod devices;
mod make;
mod mount;
mod path;
mod pivot;
mod process;
mod seccomp;

pub(crate) fn cases() -> Vec<Case> {
    let cases = [
        path::cases(),
        make::cases(),
        mount::cases(),
        pivot::cases(),
        process::cases(),
        capability::cases(),
        seccomp::cases(),
        devices::cases(),
    ];
    cases.into_iter().flatten().collect()
}

/// Runs something in a child, for it cannot be taken back: a root pivoted away, a capability given up.
fn in_child(clone: &Clone<'_>, body: impl FnOnce() -> Outcome) -> Outcome {
    let child = spawn(clone, || match body() {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{error}");
            1
        }
    });
    match child.and_then(|child| child.pidfd.wait()).map_err(said)? {
        End::Exited(0) => Ok(()),
        end => Err(format!("the child ended with {end:?}")),
    }
}

/// What the container has, and what it must not reach: `root`, and beside it `outside` with a file `canary` in it.
struct House {
    root: std::path::PathBuf,
    outside: std::path::PathBuf,
}

/// What stands in the canary.
const CANARY: &str = "of the host";

impl House {
    fn build(lab: &Lab) -> Result<Self, String> {
        let house = Self { root: lab.dir().join("root"), outside: lab.dir().join("outside") };
        for dir in [&house.root, &house.outside] {
            std::fs::create_dir(dir).map_err(said)?;
        }
        std::fs::write(house.outside.join("canary"), CANARY).map_err(said)?;
        Ok(house)
    }

    /// The names outside, without the canary's: what something has put there.
    fn intruders(&self) -> Vec<String> {
        let names = std::fs::read_dir(&self.outside).expect("outside").flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name != "canary").collect()
    }
}
