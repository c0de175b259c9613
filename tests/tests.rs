//! Every test that needs a kernel, in one binary.
//!
//! libtest has threads, and a clone from a threaded process deadlocks. So each case is a process of its own: this
//! binary executes itself with the case's name, becomes a lab (`kit`), and runs the one case in it.
//!
//! - [`kit`]: the harness: cases, what they need, labs, the binaries that are tested
//! - [`steps`]: what the lessons promise: the table of behaviours, snapshots, attacks
//! - [`instruments`]: `cargo dive …`
//! - [`runtime`]: what the rooms of src/ promise, and which of them may see which

use std::process::ExitCode;

mod instruments;
mod kit;
mod runtime;
mod steps;

fn cases() -> Vec<kit::Case> {
    [steps::cases(), instruments::cases(), runtime::cases(), kit::cases()].into_iter().flatten().collect()
}

fn main() -> ExitCode {
    match kit::asked_case() {
        Some(name) => kit::run_in_lab(cases(), &name),
        None => kit::run_all(cases()),
    }
}
