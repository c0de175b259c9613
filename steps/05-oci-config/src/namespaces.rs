//! `linux.namespaces` and the two maps: which are new, which are joined, and who is who in a new user namespace.

use std::collections::BTreeSet;
use std::path::PathBuf;

use kit::Result;
use nix::sched::CloneFlags;
use step_02::ids::{Maps, Range};

use crate::config::absolute;
use crate::field::Field;

type Namespaces = (CloneFlags, Vec<(CloneFlags, PathBuf)>);

/// A new mount namespace is what lesson 04 stands on: without it, its mounts would be the host's.
pub(crate) fn namespaces(linux: &Field<'_>) -> Result<Namespaces> {
    let mut new = CloneFlags::empty();
    let mut joined = Vec::new();
    let mut seen = BTreeSet::new();
    let list = linux.need("namespaces")?;
    for namespace in list.list()? {
        let field = namespace.need("type")?;
        let kind = field.text()?;
        let flag = match kind.as_str() {
            "pid" => CloneFlags::CLONE_NEWPID,
            "network" => CloneFlags::CLONE_NEWNET,
            "mount" => CloneFlags::CLONE_NEWNS,
            "ipc" => CloneFlags::CLONE_NEWIPC,
            "uts" => CloneFlags::CLONE_NEWUTS,
            "user" => CloneFlags::CLONE_NEWUSER,
            "cgroup" => CloneFlags::CLONE_NEWCGROUP,
            "time" => {
                return Err(
                    field.refuse("\"time\" is lesson 02's --boottime; dive-runtime reads it from here")
                );
            }
            _ => return Err(field.refuse(format!("{kind:?} is no kind of namespace"))),
        };
        if !seen.insert(kind.clone()) {
            return Err(field.refuse(format!("{kind:?} stands twice")));
        }
        match namespace.get("path")? {
            None => new |= flag,
            Some(path) if ["network", "ipc", "uts"].contains(&kind.as_str()) => {
                joined.push((flag, absolute(&path)?));
            }
            Some(path) => {
                return Err(
                    path.refuse(format!("a {kind} namespace is joined by dive-runtime, not by this lesson"))
                );
            }
        }
    }
    if new.contains(CloneFlags::CLONE_NEWNS) {
        return Ok((new, joined));
    }
    Err(list.refuse("must hold a mount namespace: the mounts would be the host's"))
}

/// The maps belong to a new user namespace, and it to them.
pub(crate) fn maps(linux: &Field<'_>, namespaces: CloneFlags) -> Result<Option<Maps>> {
    let user = namespaces.contains(CloneFlags::CLONE_NEWUSER);
    let ranges = |key: &str| -> Result<Vec<Range>> {
        let Some(field) = linux.get(key)? else { return Ok(vec![]) };
        let list = field.list()?;
        if !list.is_empty() && !user {
            return Err(field.refuse("needs a user namespace, and linux.namespaces has none"));
        }
        list.iter().map(range).collect()
    };
    let (uids, gids) = (ranges("uidMappings")?, ranges("gidMappings")?);
    match (user, uids.is_empty() || gids.is_empty()) {
        (false, _) => Ok(None),
        (true, true) => {
            Err(linux.need("namespaces")?.refuse("a user namespace needs uidMappings and gidMappings"))
        }
        (true, false) => Ok(Some(Maps { uids, gids })),
    }
}

fn range(field: &Field<'_>) -> Result<Range> {
    let id = |key: &str| field.need(key)?.unsigned();
    Ok(Range { inside: id("containerID")?, outside: id("hostID")?, count: id("size")? })
}
