//! `cargo dive …`: each instrument against what it measures.

use crate::kit::Case;

mod trace;

pub(crate) fn cases() -> Vec<Case> {
    trace::cases()
}
