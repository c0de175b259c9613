// hint: peers
//! A new mount namespace is one's own, is it not?

use kit::Result;

pub fn make_private() -> Result<()> {
    Ok(())
}
