//! An errno as a number, for a message: names differ from build to build, the numbers are the kernel's.

use nix::errno::Errno;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
pub(super) fn serialize<S: Serializer>(errno: &Option<Errno>, to: S) -> Result<S::Ok, S::Error> {
    errno.map(|errno| errno as i32).serialize(to)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Errno>, D::Error> {
    Ok(Option::<i32>::deserialize(from)?.map(Errno::from_raw))
}
