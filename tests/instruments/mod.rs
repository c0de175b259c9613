//! `cargo dive …`: each instrument against what it measures.

use crate::kit::Case;

mod doctor;

pub(crate) fn cases() -> Vec<Case> {
    [doctor::cases()].into_iter().flatten().collect()
mod trace;

    trace::cases()
}
