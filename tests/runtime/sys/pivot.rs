//! Another root for the mount namespace.

use std::fs;
use std::os::fd::AsFd;
use std::path::Path;

use docker_dive::error::Result;
use docker_dive::sys::clone::Clone;
use docker_dive::sys::mount::{Attributes, Change, Configuration, Extent, Propagation, Tree, detach};
use docker_dive::sys::namespace::Kind;
use docker_dive::sys::path::Root;
use docker_dive::sys::pivot::pivot_into;
use nix::errno::Errno;
use nix::mount::{MntFlags, umount2};
use nix::unistd::{chdir, pivot_root};

use super::{House, in_child, said};
use crate::kit::{Case, Lab, Need, Outcome, case};

const OWN_MOUNTS: Clone<'static> = Clone {
    namespaces: &[Kind::Mount],
    cgroup: None,
    exit_signal: Some(nix::sys::signal::Signal::SIGCHLD),
    sibling: false,
};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("sys pivot: nothing of the old root is left", &[Need::Root], nothing_left),
        case("sys pivot: what is shared with the host stays mounted there", &[Need::Root], shared_stays),
        case("sys pivot: a directory that is no mount is refused", &[Need::Root], no_mount),
    ]
}

/// Makes a directory the root of a mount, with a procfs in it to look around.
fn bound(root: &Path) -> Result<Tree> {
    let tree = Tree::copy_of(Root::open(root)?.as_fd(), Extent::One)?;
    tree.attach(Root::open(root)?.as_fd())?;
    let procfs = Configuration::open("proc")?.mount(Attributes::empty())?;
    procfs.attach(Root::open(&root.join("proc"))?.as_fd())?;
    Ok(tree)
}

fn mounts() -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mountinfo");
    mounts.lines().filter_map(|line| line.split(' ').nth(4)).map(str::to_owned).collect()
}

fn nothing_left(lab: &Lab) -> Outcome {
    let house = House::build(lab)?;
    fs::create_dir(house.root.join("proc")).map_err(said)?;
    in_child(&OWN_MOUNTS, || {
        let tree = bound(&house.root).map_err(said)?;
        // The planted fault is what was before: the same look around sees the host.
        assert!(mounts().len() > 2 && house.outside.exists());
        pivot_into(tree.as_fd()).map_err(said)?;
        assert_eq!(mounts(), ["/", "/proc"]);
        assert!(!house.outside.exists() && !Path::new("/etc").exists());
        assert_eq!(std::env::current_dir().map_err(said)?, Path::new("/"));
        Ok(())
    })
}

fn tmpfs_on(dir: &Path) -> Result<Tree> {
    let tree = Configuration::open("tmpfs")?.mount(Attributes::empty())?;
    tree.attach(Root::open(dir)?.as_fd())?;
    Ok(tree)
}

fn shared_stays(lab: &Lab) -> Outcome {
    let house = House::build(lab)?;
    fs::create_dir(house.root.join("proc")).map_err(said)?;
    let shared = tmpfs_on(&house.outside).map_err(said)?;
    let change = Change { propagation: Some(Propagation::Shared), ..Change::default() };
    shared.change(&change, Extent::One).map_err(said)?;
    // What hangs on a shared mount is unmounted on both sides.
    let inner = house.outside.join("inner");
    fs::create_dir(&inner).map_err(said)?;
    tmpfs_on(&inner).map_err(said)?;
    let is_mounted = || mounts().iter().any(|target| Path::new(target) == inner);

    in_child(&OWN_MOUNTS, || {
        let tree = bound(&house.root).map_err(said)?;
        pivot_into(tree.as_fd()).map_err(said)
    })?;
    assert!(is_mounted(), "the old root took a mount of its neighbour's with it");

    // The planted fault: the calls of pivot_root(2)'s example, and nothing else.
    in_child(&OWN_MOUNTS, || {
        bound(&house.root).map_err(said)?;
        chdir(&house.root).map_err(said)?;
        pivot_root(".", ".").map_err(said)?;
        umount2(".", MntFlags::MNT_DETACH).map_err(said)
    })?;
    let blind = is_mounted();
    detach(shared.as_fd()).map_err(said)?;
    assert!(!blind, "the detector is blind");
    Ok(())
}

fn no_mount(lab: &Lab) -> Outcome {
    let house = House::build(lab)?;
    in_child(&OWN_MOUNTS, || {
        tmpfs_on(&house.root).map_err(said)?;
        fs::create_dir(house.root.join("directory")).map_err(said)?;
        for (path, errno) in [(&*house.root.join("directory"), Errno::EINVAL), (Path::new("/"), Errno::EBUSY)]
        {
            let error = pivot_into(Root::open(path).map_err(said)?.as_fd()).expect_err("no mount of its own");
            assert_eq!(error.errno(), Some(errno), "{error}");
            assert!(error.to_string().starts_with("pivot_root(2) "), "{error}");
        }
        Ok(())
    })
}
