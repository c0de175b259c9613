//! `cargo dive …`: each instrument against what it measures.

use crate::kit::Case;

mod exercises;

pub(crate) fn cases() -> Vec<Case> {
    [exercises::cases()].into_iter().flatten().collect()
}
