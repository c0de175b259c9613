//! `cargo dive …`: each instrument against what it measures.

use crate::kit::Case;

mod view;

pub(crate) fn cases() -> Vec<Case> {
    view::cases()
}
