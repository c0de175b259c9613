//! The words that all steps share.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

/// `run [--rootfs DIR] COMMAND…`
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct Run {
    /// A root directory of yours; without it one is assembled from this host's programs and removed afterwards
    #[arg(long, value_name = "DIR")]
    pub rootfs: Option<PathBuf>,
    /// The command and its arguments; a name without a slash is looked for in PATH, inside
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// `rootfs DIR`
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct AssembleRootfs {
    /// A directory that does not exist yet; it stays until you remove it
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// What the help of every step says below its options.
pub const EXIT_STATUS: &str = "\
Exit status: the command's own; 128+N when signal N ended it; 125 when this step failed before the command
began; 126 when the command could not be executed; 127 when it was not found.";
