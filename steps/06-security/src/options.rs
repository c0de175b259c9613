//! The options of `step-06 run`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

/// What is run, and how.
#[derive(Args)]
#[group(skip)]
pub(crate) struct Run {
    /// A directory with a config.json and the root that it names
    #[arg(long, value_name = "DIR", conflicts_with = "rootfs")]
    pub(crate) bundle: Option<PathBuf>,
    /// Refuse a configuration of which any field would not be applied
    #[arg(long)]
    pub(crate) strict: bool,
    /// By Landlock, nothing may be written but below this place; may be given again
    #[arg(long, value_name = "PATH")]
    pub(crate) writable: Vec<PathBuf>,
    /// A root directory of yours for the bundle that is made
    #[arg(long, value_name = "DIR")]
    pub(crate) rootfs: Option<PathBuf>,
    /// Instead of process.args
    #[arg(required_unless_present = "bundle", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<OsString>,
}
