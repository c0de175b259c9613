//! Exercise 04.01: the bind behind EINVAL.

use std::path::Path;

use kit::{Result, todo};

/// Makes a directory the root of a mount, so that it can be pivoted to; what is mounted below it comes along.
///
/// nix::mount::mount takes a source, a target, a type, flags and data. For `None` write `None::<&str>`, and say the
/// call by `.doing(…)`, as the lesson does.
pub fn bind_to_itself(root: &Path) -> Result<()> {
    let _ = root;
    Err(todo("04.01"))
}
