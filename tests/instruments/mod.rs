//! `cargo dive …`: each instrument against what it measures.

use crate::kit::Case;

mod doctor;
mod trace;
mod view;

pub(crate) fn cases() -> Vec<Case> {
    [doctor::cases(), trace::cases(), view::cases()].into_iter().flatten().collect()
}
