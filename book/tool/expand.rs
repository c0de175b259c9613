//! What each directive becomes.
//!
//! - [`include`]: code out of a file that is compiled
//! - [`snap`]: a tested output as a terminal; [`fig`]: a drawing, inline; [`attacks`]: the tested matrix as a drawing
//! - [`manual`]: a page of the manual, and the generated index of system calls; [`glossary`]: a term
//! - [`advice`]: what a program says of a refusal, worked out
//! - [`exercise`]: its card; [`minutes`]: how long a page takes; [`lesson`]: what a lesson stands on, and what it adds

pub mod advice;
pub mod attacks;
pub mod exercise;
pub mod fig;
pub mod glossary;
pub mod include;
pub mod lesson;
pub mod manual;
pub mod minutes;
pub mod snap;

use std::path::{Path, PathBuf};

/// The places where something is spoken of: the pages, each with its title, in the order of the book.
pub type Uses = Vec<(PathBuf, String)>;

/// Links to those places, for a generated page.
fn links(uses: &Uses, from: &crate::page::Page, id: &str) -> String {
    let link = |(page, title): &(PathBuf, String)| format!("[{title}]({}#{id})", from.way_to(page));
    uses.iter().map(link).collect::<Vec<_>>().join(", ")
}

/// A path as from the top of the repository, for the reader.
fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}
