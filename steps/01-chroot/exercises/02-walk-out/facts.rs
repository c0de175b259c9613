//! Exercise 01.02: the way out of a chroot, and what it leads to behind a pivot_root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kit::tier::{self, Tier};
use kit::{Doing, Error, Result};
use nix::sys::stat::stat;
use nix::unistd::getcwd;

mod walk_out;

/// A directory by its device and inode, which no chroot changes.
type Place = (u64, u64);

fn main() -> ExitCode {
    kit::start();
    kit::finish(seen(&std::env::args().skip(1).collect::<Vec<_>>()).map(|()| 0))
}

fn seen(args: &[String]) -> Result<()> {
    let [how, dir, sentinel] = args else {
        return Err(Error::refused("run", "facts", "chroot or pivot, a directory and a sentinel are wanted"));
    };
    let host = place("/")?;
    let root = PathBuf::from(dir).join("some/way/down/root");
    let inside = root.join("a/b");
    fs::create_dir_all(&inside).doing("mkdir(2)", &inside)?;

    tier::lend_mounts(Tier::of_self(), &root)?;
    if how == "pivot" {
        step_04::bind_to_itself(&root)?;
        step_04::pivot_into(&root)?;
    } else {
        step_01::chroot_into(&root)?;
    }
    let (own, before) = (place("/")?, tree(Path::new("/"))?);
    let below = [place("/a")?, place("/a/b")?];

    walk_out::walk_out()?;

    let named = |place: Place| match place {
        place if place == host => "the host's",
        place if place == own => "its own",
        place if below.contains(&place) => "a directory inside of its own",
        _ => "another directory of the host's",
    };
    println!("root directory: {}", named(place("/")?));
    println!("working directory: {}", named(place(".")?));
    // The kernel has a path for it only below the root (getcwd(3)).
    println!("where it stands has a path: {}", if getcwd().is_ok() { "yes" } else { "no, it is outside" });
    println!("a file of the host's: {}", fs::read(sentinel).map_or("out of reach", |_| "read"));
    // Above a pivoted root there is no way to it but its own name.
    let way = if place("/")? == own { PathBuf::from("/") } else { root };
    println!(
        "the root it came from: {}",
        match tree(&way) {
            Ok(after) if after == before => "as it was",
            Ok(_) => "changed",
            Err(_) => "not seen any more",
        }
    );
    Ok(())
}

fn place(path: &str) -> Result<Place> {
    stat(path).map(|dir| (dir.st_dev, dir.st_ino)).doing("stat(2)", path)
}

/// The names in a directory and in those below it.
fn tree(dir: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).doing("read", dir)? {
        let entry = entry.doing("read", dir)?;
        names.push(entry.file_name().to_string_lossy().into_owned());
        if entry.file_type().doing("stat(2)", &entry.path())?.is_dir() {
            names.extend(tree(&entry.path())?);
        }
    }
    names.sort();
    Ok(names)
}
