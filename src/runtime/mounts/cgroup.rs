//! The cgroup trees of a container: its own part of each, and no more.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use nix::sys::stat::Mode;
use nix::unistd::symlinkat;

use super::super::cgroup::Place;
use super::{Planned, Surroundings, change, host_directory};
use crate::error::{Doing, Result};
use crate::sys::mount::{Attributes, Configuration, Extent, Tree};
use crate::sys::path::Root;

const DIRECTORY: Mode = Mode::from_bits_truncate(0o755);

/// Mounts what is there: one tree of version 2, or a directory with one of version 1 for each hierarchy.
pub(super) fn mount(root: &Root, mount: &Planned, surroundings: &Surroundings<'_>) -> Result<()> {
    let onto = root.make_directory(&mount.destination, DIRECTORY)?;
    let (ones, twos): (Vec<_>, Vec<_>) =
        surroundings.cgroups.iter().partition(|place| !place.controllers.is_empty());
    let options = &mount.options;
    if let ([], [two]) = (ones.as_slice(), twos.as_slice()) {
        let tree = if surroundings.own_cgroup {
            Configuration::open("cgroup2")?.mount(options.set | options.set_all)?
        } else {
            part(two, options.set | options.set_all)?
        };
        tree.attach(onto.as_fd())?;
        return mount.propagate(&tree);
    }
    let system = Configuration::open("tmpfs")?;
    system.set("source", "cgroup")?;
    system.set("mode", "755")?;
    // Read-only comes last: directories are still to be made in it.
    let tree = system.mount(options.set.difference(Attributes::RDONLY))?;
    tree.attach(onto.as_fd())?;
    let inside = Root::from_directory(tree.try_clone()?.into())?;
    for place in ones {
        one(&inside, place, options.set | options.set_all, surroundings)?;
    }
    change(&tree, options.set & Attributes::RDONLY, Attributes::empty(), Extent::One)?;
    mount.propagate(&tree)
}

/// A hierarchy of version 1, in a directory of its name; each of several controllers has a link to it.
fn one(inside: &Root, place: &Place, attributes: Attributes, surroundings: &Surroundings<'_>) -> Result<()> {
    let joined = place.controllers.join(",");
    let name = joined.strip_prefix("name=").unwrap_or(&joined);
    let onto = inside.make_directory(Path::new(name), DIRECTORY)?;
    let tree = if surroundings.own_cgroup {
        let system = Configuration::open("cgroup")?;
        system.set("source", "cgroup")?;
        for controller in &place.controllers {
            match controller.split_once('=') {
                Some((key, value)) => system.set(key, value)?,
                None => system.flag(controller)?,
            }
        }
        system.mount(attributes)?
    } else {
        part(place, attributes)?
    };
    tree.attach(onto.as_fd())?;
    if place.controllers.len() > 1 {
        for controller in &place.controllers {
            let link = PathBuf::from(controller);
            symlinkat(name, inside.as_fd(), &link).doing("symlinkat(2)", &link)?;
        }
    }
    Ok(())
}

/// The container's own cgroup and what is below: where the namespace does not hide the rest, the mount does.
fn part(place: &Place, attributes: Attributes) -> Result<Tree> {
    let tree = Tree::copy_of(host_directory(&place.dir)?.as_fd(), Extent::One)?;
    change(&tree, attributes, Attributes::empty(), Extent::One)?;
    Ok(tree)
}
