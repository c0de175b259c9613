//! What who is not root asks for and cannot have, and runs all the same. These are all such things; each is warned of.
//!
//! | asked for | done |
//! |---|---|
//! | a cgroup, without limits | the container stays in its creator's |
//! | rules about devices | none: there are no nodes but those that are bound, and nobody inside can make others |
//! | an `oomScoreAdj` below the creator's | it stays the creator's |
//!
//! A limit that cannot be set is none of them: that is an error.

use std::sync::OnceLock;

use nix::errno::Errno;
use nix::unistd::geteuid;

use crate::error::{Error, Kind};
use crate::oci::Spec;
use crate::sys::file::text;

/// Whether this user is not the host's root.
pub(super) fn applies() -> bool {
    static APPLIES: OnceLock<bool> = OnceLock::new();
    *APPLIES.get_or_init(|| !geteuid().is_root() || !owns_host_ids())
}

/// Whether a refusal is of those that are to be expected then.
pub(super) fn excuses(error: &Error) -> bool {
    error.kind() == Kind::Denied || error.errno() == Some(Errno::EROFS)
}

/// What is to be warned of.
pub(super) fn warnings(spec: &Spec) -> Vec<String> {
    let mut warnings = Vec::new();
    if !applies() {
        return warnings;
    }
    let devices =
        spec.linux.as_ref().and_then(|linux| linux.resources.as_ref()).map(|resources| &resources.devices);
    if devices.is_some_and(|rules| !rules.is_empty()) {
        warnings.push(
            "linux.resources.devices: not applied: who is not root has no rules about devices".to_owned(),
        );
    }
    if spec.process.as_ref().is_some_and(|process| process.oom_score_adj.is_some()) {
        warnings
            .push("process.oomScoreAdj: who is not root cannot lower it; then it stays as it is".to_owned());
    }
    warnings
}

/// Root in a user namespace has a map of fewer ids than all.
fn owns_host_ids() -> bool {
    text("/proc/self/uid_map").is_ok_and(|map| {
        let numbers: Vec<_> = map.split_whitespace().collect();
        numbers == ["0", "0", "4294967295"]
    })
}
