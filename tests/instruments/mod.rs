//! `cargo dive …`: each instrument against what it measures.

use crate::kit::Case;

mod doctor;
mod trace;
mod view;
mod vm;

pub(crate) fn cases() -> Vec<Case> {
    [doctor::cases(), trace::cases(), view::cases(), vm::cases()].into_iter().flatten().collect()
}
