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

/// `run [--bundle DIR | --rootfs DIR] [COMMAND…]`, of the lessons whose container is described by a bundle
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct RunBundle {
    /// A directory with a config.json and the root that it names
    #[arg(long, value_name = "DIR", conflicts_with = "rootfs")]
    pub bundle: Option<PathBuf>,
    /// Refuse a configuration of which any field would not be applied
    #[arg(long)]
    pub strict: bool,
    /// A root directory of yours for the bundle that is made
    #[arg(long, value_name = "DIR")]
    pub rootfs: Option<PathBuf>,
    /// Instead of process.args
    #[arg(required_unless_present = "bundle", trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<OsString>,
}

impl RunBundle {
    /// The words that are executed: those of the command line, or else the bundle's.
    pub fn words(&self, args: &[String]) -> Vec<OsString> {
        if self.command.is_empty() { args.iter().map(OsString::from).collect() } else { self.command.clone() }
    }
}

/// `spec [--rootless] [--bundle DIR]`
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct WriteSpec {
    /// For who is not root: with a user namespace
    #[arg(long)]
    pub rootless: bool,
    /// The bundle
    #[arg(long, default_value = ".", value_name = "DIR")]
    pub bundle: PathBuf,
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
