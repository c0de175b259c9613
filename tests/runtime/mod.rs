//! What the runtime's rooms promise.
//!
//! - [`arrows`]: which room may see which
//! - [`sys`]: the kernel's calls

#![expect(
    clippy::expect_used,
    reason = "a case may panic, as an assertion does: the harness tells it as a failure"
)]
#![expect(clippy::unnecessary_wraps, reason = "every case answers with an Outcome, also who only asserts")]

use crate::kit::Case;

mod arrows;
mod conformance;
mod sys;

pub(crate) fn cases() -> Vec<Case> {
    [arrows::cases(), conformance::cases(), sys::cases()].into_iter().flatten().collect()
}
