//! Trees of mounts that hang nowhere.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use docker_dive::error::Kind;
use docker_dive::sys::clone::{Clone, spawn};
use docker_dive::sys::inode::Expect;
use docker_dive::sys::mount::{Attributes, Change, Configuration, Extent, Propagation, Tree, detach};
use docker_dive::sys::namespace::{self, Namespace};
use docker_dive::sys::path::{Mounts, Root};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sys::signal::Signal;

use super::{House, said};
use crate::kit::{Case, Lab, Need, Outcome, case};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("sys mount: a tree made read-only with all below it refuses writes", &[Need::Root], read_only),
        case(
            "sys mount: a tree lands on what was verified, not on what is called so",
            &[Need::Root],
            verified_place,
        ),
        case("sys mount: the kernel's own words say what is wrong", &[Need::Root], kernels_words),
        case("sys mount: a private procfs, and what only looks like one", &[Need::Root], private_procfs),
        case("sys mount: propagation is as asked for", &[Need::Root], propagation),
        case("sys mount: owners are translated by an id map", &[Need::Root], id_map),
    ]
}

fn place(path: &Path) -> Result<Root, String> {
    Root::open(path).map_err(said)
}

fn tmpfs() -> Result<Tree, String> {
    let new = Configuration::open("tmpfs").map_err(said)?;
    new.set("size", "64k").and_then(|()| new.mount(Attributes::NOSUID | Attributes::NODEV)).map_err(said)
}

/// The lines of mountinfo about what is mounted at this path.
fn mounted_at(path: &Path) -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mountinfo");
    let at = |line: &&str| line.split(' ').nth(4).is_some_and(|target| Path::new(target) == path);
    mounts.lines().filter(at).map(str::to_owned).collect()
}

fn write_into(dir: &Path) -> Option<Errno> {
    let outcome = fs::write(dir.join("written"), "");
    outcome.err().and_then(|error| error.raw_os_error()).map(Errno::from_raw)
}

fn read_only(lab: &Lab) -> Outcome {
    let house = House::build(lab)?;
    let (source, target) = (house.root.join("source"), house.root.join("target"));
    for dir in [source.join("below"), target.clone()] {
        fs::create_dir_all(dir).map_err(said)?;
    }
    tmpfs()?.attach(place(&source.join("below"))?.as_fd()).map_err(said)?;
    let change = Change { set: Attributes::RDONLY, ..Change::default() };

    for (extent, below) in [(Extent::All, Some(Errno::EROFS)), (Extent::One, None)] {
        let copy = Tree::copy_of(place(&source)?.as_fd(), Extent::All).map_err(said)?;
        // The planted fault is the second round: what hangs below stays as it was, and is written to.
        copy.change(&change, extent).map_err(said)?;
        copy.attach(place(&target)?.as_fd()).map_err(said)?;
        assert_eq!(write_into(&target), Some(Errno::EROFS), "{extent:?}");
        assert_eq!(write_into(&target.join("below")), below, "{extent:?}");
        detach(copy.as_fd()).map_err(said)?;
        assert!(mounted_at(&target).is_empty());
    }
    assert_eq!(write_into(&source), None, "the source is not the copy");
    detach(place(&source.join("below"))?.as_fd()).map_err(said)
}

fn verified_place(lab: &Lab) -> Outcome {
    let house = House::build(lab)?;
    let (target, old) = (house.root.join("target"), house.root.join("old"));
    fs::create_dir(&target).map_err(said)?;
    let verified = place(&house.root)?.directory(Path::new("target")).map_err(said)?;
    Expect::Directory.verify(verified.as_fd()).map_err(said)?;
    fs::rename(&target, &old).map_err(said)?;
    symlink(&house.outside, &target).map_err(said)?;

    let tree = tmpfs()?;
    tree.attach(verified.as_fd()).map_err(said)?;
    assert_eq!((mounted_at(&old).len(), mounted_at(&house.outside).len()), (1, 0));
    let line = mounted_at(&old).concat();
    assert!(line.contains("nosuid,nodev") && line.contains("size=64k"), "{line}");
    detach(tree.as_fd()).map_err(said)?;

    // The planted fault: mount(2), by the name that was verified.
    let none: Option<&str> = None;
    mount(Some("tmpfs"), &target, Some("tmpfs"), MsFlags::empty(), none).map_err(said)?;
    assert_eq!((mounted_at(&old).len(), mounted_at(&house.outside).len()), (0, 1), "the detector is blind");
    detach(place(&house.outside)?.as_fd()).map_err(said)?;

    let file =
        place(&house.root)?.make_file(Path::new("file"), nix::sys::stat::Mode::S_IRUSR).map_err(said)?;
    let error = tmpfs()?.attach(file.as_fd()).expect_err("a directory onto a file");
    assert_eq!(error.errno(), Some(Errno::EINVAL), "{error}");
    let error = detach(place(&house.root)?.as_fd()).expect_err("no mount's root");
    assert_eq!(error.errno(), Some(Errno::EINVAL), "{error}");
    Ok(())
}

fn kernels_words(_: &Lab) -> Outcome {
    let new = Configuration::open("tmpfs").map_err(said)?;
    let error = new.set("size", "much").expect_err("no size");
    assert_eq!(error.errno(), Some(Errno::EINVAL));
    let text = error.to_string();
    assert!(text.starts_with("fsconfig(2) FSCONFIG_SET_STRING size=much of \"tmpfs\": EINVAL"), "{text}");
    assert!(text.contains("Bad value for 'size'"), "{text}");
    let error = new.flag("no-such-flag").expect_err("no flag").to_string();
    assert!(error.contains("Unknown parameter 'no-such-flag'"), "{error}");
    let error = Configuration::open("no-such-file-system").expect_err("none");
    assert_eq!(error.errno(), Some(Errno::ENODEV), "{error}");
    let error = Configuration::open("tm\0pfs").expect_err("a NUL byte");
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
    Ok(())
}

fn private_procfs(lab: &Lab) -> Outcome {
    let attributes = Attributes::NOSUID | Attributes::NODEV | Attributes::NOEXEC;
    let tree = Configuration::open("proc").and_then(|new| new.mount(attributes)).map_err(said)?;
    Expect::ProcRoot.verify(tree.as_fd()).map_err(said)?;
    let fd = tree.as_fd().try_clone_to_owned().map_err(said)?;
    let procfs = Root::from_directory(fd).map_err(said)?;
    // It hangs nowhere, so nothing that is mounted can cover what is read through it.
    let status = procfs.read(Path::new("self/status"), 1 << 16).map_err(said)?;
    assert!(String::from_utf8_lossy(&status).contains(&format!("Pid:\t{}\n", std::process::id())));

    // The planted faults: a directory that is called so, and a part of the true one.
    let house = House::build(lab)?;
    for path in ["self/status", "1/status"] {
        let fake = house.root.join("proc").join(path);
        fs::create_dir_all(fake.parent().expect("a parent"))
            .and_then(|()| fs::write(fake, "Pid:\t1\n"))
            .map_err(said)?;
    }
    Expect::ProcRoot.verify(place(&house.root.join("proc"))?.as_fd()).expect_err("a directory");
    let part = procfs.find(Path::new("sys"), Mounts::Cross).map_err(said)?;
    Expect::ProcRoot.verify(part.as_fd()).expect_err("a part");
    Ok(())
}

fn propagation(lab: &Lab) -> Outcome {
    let house = House::build(lab)?;
    let tree = tmpfs()?;
    tree.attach(place(&house.root)?.as_fd()).map_err(said)?;
    let told = || mounted_at(&house.root).concat();
    for (propagation, mark) in [
        (Propagation::Shared, "shared:"),
        (Propagation::Unbindable, "unbindable"),
        (Propagation::Private, " - "),
    ] {
        let change = Change { propagation: Some(propagation), ..Change::default() };
        tree.change(&change, Extent::One).map_err(said)?;
        assert!(told().contains(mark), "{propagation:?}: {}", told());
    }
    assert!(!told().contains("shared:") && !told().contains("unbindable"), "{}", told());
    detach(tree.as_fd()).map_err(said)
}

fn id_map(lab: &Lab) -> Outcome {
    let house = House::build(lab)?;
    fs::write(house.root.join("file"), "").map_err(said)?;
    // The map lives in a user namespace, and that in a process that waits to be killed.
    let keeper = spawn(&Clone { namespaces: &[namespace::Kind::User], ..Clone::default() }, || {
        let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
        nix::unistd::pause();
        0
    });
    let keeper = keeper.map_err(said)?;
    let proc = PathBuf::from(format!("/proc/{}", keeper.pid));
    let user = ["uid_map", "gid_map"]
        .iter()
        .try_for_each(|map| fs::write(proc.join(map), "0 4242 1").map_err(said))
        .and_then(|()| Namespace::open(namespace::Kind::User, &proc.join("ns/user")).map_err(said));
    keeper.pidfd.send(Signal::SIGKILL).and_then(|()| keeper.pidfd.wait()).map_err(said)?;
    let user = user?;

    let copy = Tree::copy_of(place(&house.root)?.as_fd(), Extent::One).map_err(said)?;
    let change = Change { id_map: Some(user.as_fd()), ..Change::default() };
    copy.change(&change, Extent::One).map_err(said)?;
    copy.attach(place(&house.outside)?.as_fd()).map_err(said)?;
    let owner = |dir: &Path| fs::metadata(dir.join("file")).map(|file| file.uid()).map_err(said);
    assert_eq!((owner(&house.root)?, owner(&house.outside)?), (0, 4242));
    // Once attached it cannot be mapped any more; the error names what was tried.
    let error = change.apply(copy.as_fd(), Extent::One).expect_err("attached").to_string();
    assert!(error.starts_with("mount_setattr(2) MOUNT_ATTR_IDMAP"), "{error}");
    detach(copy.as_fd()).map_err(said)
}
