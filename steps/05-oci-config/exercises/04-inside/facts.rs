//! A root with links in it, and where each leads.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::ExitCode;

use kit::{Doing, Error, Result};

mod inside;

fn main() -> ExitCode {
    kit::start();
    let words: Vec<_> = std::env::args().skip(1).collect();
    kit::finish(match words.as_slice() {
        [which, dir] => seen(which == "outside", Path::new(dir)).map(|()| 0),
        _ => Err(Error::refused("facts", "", "which run, and a directory")),
    })
}

fn seen(outside: bool, dir: &Path) -> Result<()> {
    let top = dir.join("tree");
    let (root, host) = (top.join("root"), top.join("host"));
    for dir in [&root.join("data/below"), &root.join("jobs/lock"), &root.join("var"), &host.join("secret")] {
        fs::create_dir_all(dir).doing("mkdir(2)", dir)?;
    }
    let host = host.display().to_string();
    for (target, link) in [
        ("/jobs", "var/jobs"),
        ("../data", "var/data"),
        ("../host", "up"),
        (host.as_str(), "absolute"),
        ("/../../data", "top"),
        ("circle", "circle"),
    ] {
        symlink(target, root.join(link)).doing("symlink(2)", link)?;
    }
    let destinations: &[&str] = if outside {
        &["/up", "/up/secret", "/absolute/secret", "/data/../../host", "/top", "/circle"]
    } else {
        &["/data", "/data/below", "/var/jobs/lock", "/var/data/below", "/nothing"]
    };
    let outcome = destinations.iter().try_for_each(|destination| told(&root, destination));
    fs::remove_dir_all(&top).doing("remove", &top)?;
    outcome
}

/// Says where it is: below the root, or on the host.
fn told(root: &Path, destination: &str) -> Result<()> {
    let found = match inside::find(root, Path::new(destination)) {
        Ok(found) => found,
        Err(error) => {
            let Some(errno) = error.errno() else { return Err(error) };
            println!("{destination}: {errno:?}");
            return Ok(());
        }
    };
    let link = format!("/proc/self/fd/{}", found.as_raw_fd());
    let place = fs::read_link(&link).doing("readlink(2)", &link)?;
    let root = root.canonicalize().doing("realpath(3)", root)?;
    match place.strip_prefix(&root) {
        Ok(place) => println!("{destination}: /{} of the container", place.display()),
        Err(_) => println!("{destination}: a directory of the host's"),
    }
    Ok(())
}
