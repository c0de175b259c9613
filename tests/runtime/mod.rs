//! What the runtime's rooms promise.
//!
//! - [`arrows`]: which room may see which
//! - [`sys`]: the kernel's calls
//! - [`conformance`]: the specification, asked of any runtime
//! - [`bundle`]: bundles and containers of the cases below
//! - [`lifecycle`]: create, start, kill, delete, exec, hooks
//! - [`inside`]: what a container sees, beside what it sees under runc
//! - [`hostile`]: bundles that nobody should have written
//! - [`docker`]: the real daemon

#![expect(
    clippy::expect_used,
    reason = "a case may panic, as an assertion does: the harness tells it as a failure"
)]
#![expect(clippy::unnecessary_wraps, reason = "every case answers with an Outcome, also who only asserts")]

use crate::kit::Case;

mod arrows;
mod bundle;
mod conformance;
mod docker;
mod hostile;
mod inside;
mod lifecycle;
mod sys;

/// The variable that names another runtime for the cases to be about.
const RUNTIME: &str = "DIVE_RUNTIME";

/// Errors of any kind, as a case tells them.
fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

pub(crate) fn cases() -> Vec<Case> {
    let cases = [
        arrows::cases(),
        conformance::cases(),
        sys::cases(),
        lifecycle::cases(),
        inside::cases(),
        hostile::cases(),
        docker::cases(),
    ];
    cases.into_iter().flatten().collect()
}
