//! The book on this machine, built again whenever something changes.

use anyhow::Result;

use crate::Tree;

/// Serves until it is interrupted.
pub fn serve(_tree: &Tree, _port: u16) -> Result<()> {
    anyhow::bail!("not yet")
}
