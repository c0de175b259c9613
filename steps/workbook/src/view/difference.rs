//! A view beside the reference's: what is the process's own, what is shared, what leads out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::descriptors::{self, Leak};
use super::fact::both;
use super::mounts::{self, MountChanges};
use super::{Fact, View};

/// What differs from the reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// By kind, whether the namespace is another one than the reference's.
    pub own_namespaces: BTreeMap<String, Fact<bool>>,
    /// Whether `/` is another directory than the reference's.
    pub own_root: Fact<bool>,
    /// Whether it is in another cgroup, in any tree.
    pub own_cgroup: Fact<bool>,
    /// Whether the reference has capabilities, in effect or in the bounding set, that it has not there.
    pub fewer_capabilities: bool,
    /// Whether a security module knows it by another label than the reference.
    pub own_label: Fact<bool>,
    /// The mounts that are not the same.
    pub mounts: Fact<MountChanges>,
    /// The open descriptors that lead out of what it can name.
    pub leaks: Fact<Vec<Leak>>,
}

impl Difference {
    /// Compares.
    pub fn between(view: &View, reference: &View) -> Self {
        let differs = |kind: &String, namespace: &Fact<u64>| {
            let theirs = reference.namespaces.get(kind)?;
            Some((kind.clone(), both(namespace, theirs, |own, theirs| own != theirs)))
        };
        let (own, theirs) = (&view.capabilities, &reference.capabilities);
        let sets = [(&own.effective, &theirs.effective), (&own.bounding, &theirs.bounding)];
        Self {
            own_namespaces: view.namespaces.iter().filter_map(|(kind, it)| differs(kind, it)).collect(),
            own_root: both(&view.root, &reference.root, |own, theirs| own.identity != theirs.identity),
            own_cgroup: both(&view.cgroup, &reference.cgroup, |own, theirs| own.paths != theirs.paths),
            fewer_capabilities: sets.iter().any(|(own, theirs)| theirs.mask & !own.mask != 0),
            own_label: both(&view.label, &reference.label, |own, theirs| own.is_some() && own != theirs),
            mounts: both(&view.mounts, &reference.mounts, |own, theirs| mounts::changes(own, theirs)),
            leaks: descriptors::leaks(view, reference),
        }
    }

    /// Whether the namespace of that kind is the process's own; unknown is not.
    pub fn owns(&self, kind: &str) -> bool {
        self.own_namespaces.get(kind).and_then(Fact::known) == Some(&true)
    }
}
