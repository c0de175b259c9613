//! The options of `run`, from this lesson on.

use std::path::PathBuf;

use clap::Args;
use kit::cli;

/// What is run, and how.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct Run {
    /// What lesson 05 can be asked.
    #[command(flatten)]
    pub run: cli::RunBundle,
    /// By Landlock, nothing may be written but below this place; may be given again
    #[arg(long, value_name = "PATH")]
    pub writable: Vec<PathBuf>,
}

impl Run {
    /// The only places that may be written to, if any are named.
    pub fn only_writable(&self) -> Option<Vec<PathBuf>> {
        (!self.writable.is_empty()).then(|| self.writable.clone())
    }
}
