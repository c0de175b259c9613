//! `cargo dive …`: each instrument against what it measures.

use crate::kit::Case;

mod docker;
mod doctor;
mod exercises;
mod trace;
mod view;
mod vm;

pub(crate) fn cases() -> Vec<Case> {
    let instruments =
        [docker::cases(), doctor::cases(), exercises::cases(), trace::cases(), view::cases(), vm::cases()];
    instruments.into_iter().flatten().collect()
}
