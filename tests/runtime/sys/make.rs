//! Directories and files made below a root, also while somebody exchanges names under our feet.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use docker_dive::error::{Kind, Result};
use docker_dive::sys::clone::{Child, Clone, spawn};
use docker_dive::sys::path::Root;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;

use super::{House, said};
use crate::kit::{Case, Lab, Outcome, case};

/// So many directories are made while the swapper swaps.
const ROUNDS: usize = 3000;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("sys make: what is missing is made, inside, wherever links point", &[], inside),
        case("sys make: what is in the way is named", &[], in_the_way),
        case("sys make: nothing appears outside while names are exchanged", &[], race),
    ]
}

fn inside(lab: &Lab) -> Outcome {
    let house = House::build(lab)?;
    let dangling = [("link", "../../../outside"), ("absolute", "/run/none"), ("chain", "absolute/more")];
    for (name, target) in dangling {
        symlink(target, house.root.join(name)).map_err(said)?;
    }
    fs::create_dir(house.root.join("deep")).map_err(said)?;
    symlink("/run/deep", house.root.join("deep/absolute")).map_err(said)?;
    let root = Root::open(&house.root).map_err(said)?;
    let directories = [
        ("/plain/a/b", "/plain/a/b"),
        ("plain/a/../c", "/plain/c"),
        ("../../outside/up", "/outside/up"),
        ("link/new", "/outside/new"),
        ("absolute", "/run/none"),
        ("/chain/deep", "/run/none/more/deep"),
        ("deep/absolute/../up", "/run/up"),
        ("/", "/"),
        ("..", "/"),
        ("", "/"),
    ];
    for (path, made) in directories {
        let place = root.make_directory(Path::new(path), Mode::from_bits_truncate(0o751)).map_err(said)?;
        assert_eq!(root.path_of(place.as_fd()).map_err(said)?, Path::new(made), "{path}");
        root.make_directory(Path::new(path), Mode::empty()).map_err(|again| format!("{path}: {again}"))?;
    }
    let mode = fs::metadata(house.root.join("plain/a/b")).map_err(said)?.permissions().mode();
    assert_eq!(mode & 0o700, 0o700, "{mode:o}: the mode that was asked for, less the umask");

    symlink("/run/systemd/resolv.conf", house.root.join("resolv.conf")).map_err(said)?;
    for (path, made) in [("etc/hosts", "/etc/hosts"), ("resolv.conf", "/run/systemd/resolv.conf")] {
        let place = root.make_file(Path::new(path), Mode::from_bits_truncate(0o644)).map_err(said)?;
        assert_eq!(root.path_of(place.as_fd()).map_err(said)?, Path::new(made), "{path}");
        assert_eq!(fs::metadata(house.root.join(&made[1..])).map_err(said)?.len(), 0);
    }
    fs::write(house.root.join("etc/hosts"), "kept").map_err(said)?;
    root.make_file(Path::new("etc/hosts"), Mode::empty()).map_err(said)?;
    assert_eq!(fs::read_to_string(house.root.join("etc/hosts")).map_err(said)?, "kept");

    assert_eq!(house.intruders(), [""; 0]);
    // The planted fault: the same path by the usual call.
    fs::remove_file(house.root.join("link")).map_err(said)?;
    symlink("../outside", house.root.join("link")).map_err(said)?;
    root.make_directory(Path::new("link/naive"), Mode::S_IRWXU).map_err(said)?;
    assert_eq!(house.intruders(), [""; 0]);
    fs::create_dir_all(house.root.join("link/naive")).map_err(said)?;
    assert_eq!(house.intruders(), ["naive"], "the detector is blind");
    Ok(())
}

fn in_the_way(lab: &Lab) -> Outcome {
    let house = House::build(lab)?;
    fs::write(house.root.join("file"), "").map_err(said)?;
    fs::create_dir(house.root.join("directory")).map_err(said)?;
    symlink("loop", house.root.join("loop")).map_err(said)?;
    let root = Root::open(&house.root).map_err(said)?;
    let errno = |outcome: Result<OwnedFd>| outcome.expect_err("in the way").errno();
    let directory = |path: &str| errno(root.make_directory(Path::new(path), Mode::S_IRWXU));
    let file = |path: &str| errno(root.make_file(Path::new(path), Mode::S_IRWXU));
    assert_eq!(directory("file"), Some(Errno::ENOTDIR));
    assert_eq!(directory("file/below"), Some(Errno::ENOTDIR));
    assert_eq!(directory("loop/below"), Some(Errno::ELOOP));
    assert_eq!(file("directory"), Some(Errno::EISDIR));
    assert_eq!(file("directory/.."), Some(Errno::EISDIR));
    assert_eq!(file("loop"), Some(Errno::ELOOP));
    assert_eq!(directory(&"n".repeat(256)), Some(Errno::ENAMETOOLONG));

    let many = "n/".repeat(2000);
    for number in 0..4 {
        symlink(format!("{many}{}", number + 1), house.root.join(number.to_string())).map_err(said)?;
    }
    let error =
        root.make_directory(Path::new(&"0/".repeat(3000)), Mode::S_IRWXU).expect_err("too many names");
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
    Ok(())
}

fn race(lab: &Lab) -> Outcome {
    let house = House::build(lab)?;
    fs::create_dir(house.root.join("a")).map_err(said)?;
    symlink(&house.outside, house.root.join("b")).map_err(said)?;
    let swapper = swap(&house)?;
    let outcome = make_while_swapped(&house);
    swapper.pidfd.send(Signal::SIGKILL).and_then(|()| swapper.pidfd.wait()).map_err(said)?;
    outcome
}

fn make_while_swapped(house: &House) -> Outcome {
    let root = Root::open(&house.root).map_err(said)?;
    let (mut through_link, mut plain) = (0, 0);
    for round in 0..ROUNDS {
        let path = format!("a/{round}/below");
        let place = match round % 2 {
            0 => root.make_directory(Path::new(&path), Mode::S_IRWXU),
            _ => root.make_file(Path::new(&path), Mode::S_IRWXU),
        };
        let inside = root.path_of(place.map_err(said)?.as_fd()).map_err(said)?;
        if inside.ends_with(format!("outside/{round}/below")) { through_link += 1 } else { plain += 1 }
    }
    assert_eq!(house.intruders(), [""; 0]);
    assert!(through_link > 0 && plain > 0, "no race: {through_link} through the link, {plain} not");

    // The planted fault, in the same race.
    let escaped = (0..ROUNDS).any(|round| {
        let _ = fs::create_dir_all(house.root.join(format!("a/naive-{round}/below")));
        !house.intruders().is_empty()
    });
    assert!(escaped, "the detector is blind");
    Ok(())
}

/// A process that exchanges `a` and `b` until it is killed, or its parent dies.
fn swap(house: &House) -> std::result::Result<Child, String> {
    let (a, b) = (house.root.join("a"), house.root.join("b"));
    let child = spawn(&Clone::default(), || {
        if prctl::set_pdeathsig(Signal::SIGKILL).is_err() {
            return 1;
        }
        while renameat2(AT_FDCWD, &a, AT_FDCWD, &b, RenameFlags::RENAME_EXCHANGE).is_ok() {}
        1
    });
    child.map_err(said)
}
