//! `create` and `run`: the same options, for one is the beginning of the other.

use std::path::PathBuf;

use crate::error::{Error, Kind, Result};
use crate::runtime::Warn;
use crate::runtime::bundle::Bundle;
use crate::runtime::create::{self, Request};
use crate::runtime::run::{self, Ways};
use crate::runtime::store::Store;
use crate::sys::executable;

#[derive(Debug, clap::Args)]
pub(super) struct Create {
    /// The name of the container: letters, digits and _ + - .
    #[arg(value_name = "ID")]
    id: String,
    /// The bundle's directory
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
    /// The socket that receives the terminal
    #[arg(long, value_name = "SOCKET")]
    console_socket: Option<PathBuf>,
    /// The socket that receives a descriptor of the first process
    #[arg(long, value_name = "SOCKET")]
    pidfd_socket: Option<PathBuf>,
    /// The file to write the number of the first process to
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// Leave the root in its place, and only change into it
    #[arg(long)]
    no_pivot: bool,
    /// Leave the container in the session keyring of its creator
    #[arg(long)]
    no_new_keyring: bool,
    /// So many descriptors from 3 on reach the container's process
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    preserve_fds: u32,
}

#[derive(Debug, clap::Args)]
pub(super) struct Run {
    #[command(flatten)]
    create: Create,
    /// Return as soon as the container runs
    #[arg(short, long)]
    detach: bool,
    /// Do not remove the container when it has ended
    #[arg(long)]
    keep: bool,
    /// Do not take over processes that lose their parent
    #[arg(long, hide = true)]
    no_subreaper: bool,
}

impl Create {
    pub(super) fn run(self, store: &Store, warn: Warn<'_>) -> Result<()> {
        executable::execute_unwritable()?;
        create::create(store, &self.request(warn)?, warn)
    }

    fn request(self, warn: Warn<'_>) -> Result<Request> {
        for (option, is_asked) in
            [("--no-pivot", self.no_pivot), ("--pidfd-socket", self.pidfd_socket.is_some())]
        {
            if is_asked {
                return Err(Error::refused(Kind::Unsupported, option, "", "it cannot be had yet"));
            }
        }
        let bundle = Bundle::load(&self.bundle)?;
        for warning in &bundle.warnings {
            warn(warning);
        }
        Ok(Request {
            id: self.id,
            bundle,
            pid_file: self.pid_file,
            console_socket: self.console_socket,
            preserve_fds: self.preserve_fds,
            no_new_keyring: self.no_new_keyring,
        })
    }
}

impl Run {
    pub(super) fn run(self, store: &Store, warn: Warn<'_>) -> Result<u8> {
        executable::execute_unwritable()?;
        let ways = Ways { detach: self.detach, keep: self.keep };
        run::run(store, &self.create.request(warn)?, ways, warn)
    }
}
