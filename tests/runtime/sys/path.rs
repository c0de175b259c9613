//! Paths below a root: each way out of it, and what stands where a file was expected.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;
use std::path::Path;

use docker_dive::error::Kind;
use docker_dive::sys::descriptor;
use docker_dive::sys::path::{Mounts, Root};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use super::{CANARY, House, said};
use crate::kit::{Case, Lab, Outcome, case};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("sys path: `..` and links of every kind end inside the root", &[], ways_out),
        case("sys path: magic links of procfs are refused", &[], magic_links),
        case("sys path: what is exchanged after it was found is not what is used", &[], exchanged),
        case("sys path: a FIFO, a device, a socket, a directory is no file", &[], no_file),
        case("sys path: a path that may not cross into another mount does not", &[], other_mount),
        case("sys path: a directory moved out of the root is noticed", &[], moved_out),
    ]
}

fn ways_out(lab: &Lab) -> Outcome {
    let house = House::build(lab)?;
    let canary = house.outside.join("canary");
    let link = |target: &Path, name: &str| symlink(target, house.root.join(name)).map_err(said);
    link(&canary, "absolute")?;
    link(Path::new("../outside/canary"), "relative")?;
    link(Path::new("../outside"), "directory")?;
    link(Path::new("directory"), "twice")?;
    let root = Root::open(&house.root).map_err(said)?;

    for path in ["../outside/canary", "absolute", "relative", "directory/canary", "twice/canary"] {
        // The planted fault: the path behind that of the root, and handed to the usual calls.
        let naive = fs::read_to_string(house.root.join(path)).map_err(said)?;
        assert_eq!(naive, CANARY, "{path} is a way out");
        let error = root.read(Path::new(path), 64).expect_err(path);
        assert_eq!(error.errno(), Some(Errno::ENOENT), "{path}: {error}");
    }
    // The same names, where the root has what they lead to: that is what is read.
    let inside = house.root.join(canary.strip_prefix("/").map_err(said)?);
    for canary in [&inside, &house.root.join("outside/canary")] {
        fs::create_dir_all(canary.parent().expect("a parent")).map_err(said)?;
        fs::write(canary, "of the container").map_err(said)?;
    }
    for path in
        ["/../outside/canary", "absolute", "/relative", "directory/canary", "/../twice/../outside/canary"]
    {
        assert_eq!(root.read(Path::new(path), 64).expect(path), b"of the container", "{path}");
    }
    Ok(())
}

fn magic_links(_: &Lab) -> Outcome {
    let root = Root::open(Path::new("/")).map_err(said)?;
    for path in
        ["/proc/self/exe", "/proc/self/fd/1", "/proc/self/cwd/x", "/proc/self/root/etc", "/proc/self/ns/net"]
    {
        let error = root.find(Path::new(path), Mounts::Cross).expect_err(path);
        assert_eq!(error.errno(), Some(Errno::ELOOP), "{error}");
        assert!(error.to_string().contains("magic link"), "{error}");
    }
    for path in ["/proc/self/cwd/made", "/proc/thread-self/root/made"] {
        let error = root.make_directory(Path::new(path), Mode::S_IRWXU).expect_err(path);
        assert_eq!(error.errno(), Some(Errno::ELOOP), "{error}");
        let error = root.make_file(Path::new(path), Mode::S_IRWXU).expect_err(path);
        assert_eq!(error.errno(), Some(Errno::ELOOP), "{error}");
    }
    // The planted fault: the usual call follows them to any file.
    fs::File::open("/proc/self/exe").map_err(said)?;
    // Links of procfs that are no magic ones stay usable for reading.
    root.find(Path::new("/proc/self/status"), Mounts::Cross).map(drop).map_err(said)
}

fn exchanged(lab: &Lab) -> Outcome {
    let house = House::build(lab)?;
    let (name, canary) = (house.root.join("file"), house.outside.join("canary"));
    let exchange = || -> Result<(), String> {
        fs::rename(&name, house.root.join("old")).map_err(said)?;
        symlink(&canary, &name).map_err(said)
    };

    fs::write(&name, "").map_err(said)?;
    let root = Root::open(&house.root).map_err(said)?;
    let place = root.find(Path::new("file"), Mounts::Cross).map_err(said)?;
    exchange()?;
    let file = descriptor::reopen(place.as_fd(), OFlag::O_WRONLY).map_err(said)?;
    nix::unistd::write(&file, b"of the container").map_err(said)?;
    assert_eq!(fs::read_to_string(&canary).map_err(said)?, CANARY);
    assert_eq!(fs::read_to_string(house.root.join("old")).map_err(said)?, "of the container");
    assert_eq!(root.path_of(place.as_fd()).map_err(said)?, Path::new("/old"));

    // The planted fault: checked by name, used by name.
    fs::remove_file(&name).and_then(|()| fs::write(&name, "")).map_err(said)?;
    assert!(fs::symlink_metadata(&name).map_err(said)?.is_file());
    exchange()?;
    fs::write(&name, "of the container").map_err(said)?;
    assert_ne!(fs::read_to_string(&canary).map_err(said)?, CANARY, "the check and the use met the same file");
    Ok(())
}

fn no_file(lab: &Lab) -> Outcome {
    let house = House::build(lab)?;
    nix::unistd::mkfifo(&house.root.join("config.json"), Mode::S_IRWXU).map_err(said)?;
    let _socket = std::os::unix::net::UnixListener::bind(house.root.join("socket")).map_err(said)?;
    fs::create_dir(house.root.join("directory")).map_err(said)?;
    fs::write(house.root.join("file"), "twelve bytes").map_err(said)?;
    let root = Root::open(&house.root).map_err(said)?;

    // The kernel ends this process if it hangs, as it would in open(2) of the FIFO.
    for (path, found) in [("config.json", "a FIFO"), ("socket", "a socket"), ("directory", "a directory")] {
        let error = root.read(Path::new(path), 64).expect_err(path);
        assert_eq!(error.kind(), Kind::Invalid, "{error}");
        assert!(error.to_string().contains(&format!("expected a regular file, found {found}")), "{error}");
    }
    let host = Root::open(Path::new("/")).map_err(said)?;
    let error = host.read(Path::new("/dev/zero"), 64).expect_err("a device").to_string();
    assert!(error.contains("found character device 1:5"), "{error}");

    assert_eq!(root.read(Path::new("file"), 12).map_err(said)?, b"twelve bytes");
    let error = root.read(Path::new("file"), 11).expect_err("too long").to_string();
    assert!(error.contains("more than 11 bytes"), "{error}");
    Ok(())
}

fn other_mount(_: &Lab) -> Outcome {
    let root = Root::open(Path::new("/")).map_err(said)?;
    root.find(Path::new("/proc/version"), Mounts::Cross).map_err(said)?;
    let error = root.find(Path::new("/proc/version"), Mounts::Stay).expect_err("another mount");
    assert_eq!(error.errno(), Some(Errno::EXDEV), "{error}");
    root.find(Path::new("/."), Mounts::Stay).map(drop).map_err(said)
}

fn moved_out(lab: &Lab) -> Outcome {
    let house = House::build(lab)?;
    let root = Root::open(&house.root).map_err(said)?;
    let place = root.make_directory(Path::new("a/b"), Mode::S_IRWXU).map_err(said)?;
    assert_eq!(root.path_of(place.as_fd()).map_err(said)?, Path::new("/a/b"));
    fs::rename(house.root.join("a"), house.outside.join("a")).map_err(said)?;
    let error = root.path_of(place.as_fd()).expect_err("it lies outside now");
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
    Ok(())
}
