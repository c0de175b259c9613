//! `spec`: a configuration to begin with, written into a bundle.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use nix::unistd::{getegid, geteuid};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::error::{Doing, Error, Kind, Result};
use crate::oci::template;

#[derive(Debug, clap::Args)]
pub(super) struct Write {
    /// The bundle's directory
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
    /// For who is not root
    #[arg(long)]
    rootless: bool,
}

impl Write {
    pub(super) fn run(self) -> Result<()> {
        let spec = if self.rootless {
            template::rootless(geteuid().as_raw(), getegid().as_raw())
        } else {
            template::spec()
        };
        let mut text = Vec::new();
        let mut json = Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b"\t"));
        spec.serialize(&mut json)
            .map_err(|error| Error::refused(Kind::System, "write", "JSON", error.to_string()))?;
        text.push(b'\n');
        let path = self.bundle.join("config.json");
        let file = OpenOptions::new().write(true).create_new(true).open(&path).doing("open(2)", &path);
        let mut file = file.map_err(|error| match error.kind() {
            Kind::AlreadyExists => error.advise("remove it first"),
            _ => error,
        })?;
        file.write_all(&text).doing("write", &path)
    }
}
