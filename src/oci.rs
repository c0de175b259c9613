//! The runtime specification of the Open Container Initiative, version 1.3, as types, for Linux.
//!
//! Nothing here does I/O: a text becomes a [`Spec`], or an error that names the field; what it asks for is carried
//! out elsewhere. Three steps, each of which ends before the next begins: [`strict`] refuses what two parsers could
//! read in two ways; the types refuse what is of the wrong type; [`validate`] refuses what makes no sense.
//!
//! Fields that the specification does not know are ignored, as it demands. `null` is the same as an absent field.
//!
//! - [`spec`]: the whole of config.json, its root, mounts and hooks
//! - [`process`]: who the process is, and what it may do
//! - [`linux`]: namespaces, id maps, devices, and all else that only Linux has
//! - [`resources`]: limits, as a cgroup has them
//! - [`seccomp`]: which system calls are answered how
//! - [`state`]: what a runtime tells about a container
//! - [`features`]: what a runtime tells about itself
//! - [`template`]: a configuration to begin with

use serde::{Deserialize, Deserializer};

pub mod features;
pub mod linux;
pub mod process;
pub mod resources;
pub mod seccomp;
pub mod spec;
pub mod state;
pub mod strict;
pub mod template;
pub mod validate;

pub use spec::Spec;

/// The version of the specification that is written here, and told in states.
pub const VERSION: &str = "1.3.0";

/// A list or map that may be null, as programs written in Go write an empty one.
fn or_empty<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !*value
}
