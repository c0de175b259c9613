//! Exercise 06.03: secrets, and what is called /dev/null.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::ExitCode;

use kit::{Doing, Error, Result, Tier};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chdir, chroot};

mod cover;

const NONE: Option<&str> = None;
const NULL: &str = "/dev/null";

fn main() -> ExitCode {
    kit::start();
    let words: Vec<_> = std::env::args().skip(1).collect();
    kit::finish(match words.as_slice() {
        [which, dir] => seen(which == "forged", &Path::new(dir).join("root")).map(|()| 0),
        _ => Err(Error::refused("facts", "", "which run, and a directory")),
    })
}

fn seen(forged: bool, root: &Path) -> Result<()> {
    for dir in ["dev", "host", "proc", "secrets/directory"] {
        let dir = root.join(dir);
        fs::create_dir_all(&dir).doing("mkdir(2)", &dir)?;
    }
    for (file, text) in [
        ("host/null", ""),
        ("host/zero", ""),
        ("prey", "the prey"),
        ("secrets/file", "a secret"),
        ("secrets/directory/file", "a secret"),
    ] {
        fs::write(root.join(file), text).doing("write", file)?;
    }
    kit::tier::lend_mounts(Tier::of_self(), root)?;
    for device in ["null", "zero"] {
        let (from, to) = (Path::new("/dev").join(device), root.join("host").join(device));
        mount(Some(&from), &to, NONE, MsFlags::MS_BIND, NONE).doing("mount(2) MS_BIND on", &to)?;
    }
    chroot(root).doing("chroot(2)", root)?;
    chdir("/").doing("chdir(2)", "/")?;
    if forged { forgeries() } else { honest() }
}

fn honest() -> Result<()> {
    null_is("null")?;
    for path in ["/secrets/file", "/secrets/directory", "/secrets/nothing"] {
        cover::cover(Path::new(path))?;
    }
    println!("the file: {}", read("/secrets/file"));
    let written =
        OpenOptions::new().write(true).open("/secrets/file").and_then(|mut file| file.write_all(b"x"));
    println!("after a write to it: {}", written.map_or_else(told, |()| read("/secrets/file")));
    let entries = fs::read_dir("/secrets/directory").doing("read", "/secrets/directory")?.count();
    println!("the directory: {}", if entries == 0 { "empty" } else { "not empty" });
    println!("a file in it: {}", File::create("/secrets/directory/new").map_or_else(told, |_| "made".into()));
    println!(
        "what is not there: {}",
        if Path::new("/secrets/nothing").exists() { "made" } else { "passed over" }
    );
    Ok(())
}

/// In each the answer is to be an error. If it is none, what lies over the secret is told.
fn forgeries() -> Result<()> {
    let refused = |what: &str, path: &str| {
        let outcome = cover::cover(Path::new(path));
        println!(
            "{what}: {}",
            outcome.map_or_else(|_| "refused".into(), |()| format!("accepted; over it: {}", read(path)))
        );
        let _ = umount2(path, MntFlags::MNT_DETACH);
    };
    let prey = |when: &str| println!("the prey, {when}: {}", read("/prey"));
    symlink("/prey", NULL).doing("symlink(2)", NULL)?;
    refused("/dev/null is a link to another file", "/secrets/file");
    fs::remove_file(NULL).doing("unlink(2)", NULL)?;

    fs::copy("/prey", NULL).doing("copy to", NULL)?;
    refused("/dev/null is a file", "/secrets/file");

    null_is("zero")?;
    refused("/dev/null is another device", "/secrets/file");
    umount2(NULL, MntFlags::MNT_DETACH).doing("umount2(2)", NULL)?;

    null_is("null")?;
    symlink("/prey", "/secrets/link").doing("symlink(2)", "/secrets/link")?;
    let outcome = cover::cover(Path::new("/secrets/link"));
    println!("the secret is a link: {}", outcome.map_or_else(|_| "refused", |()| "accepted"));
    prey("afterwards");
    Ok(())
}

/// Binds a device of the host's where the null device is looked for.
fn null_is(device: &str) -> Result<()> {
    File::create(NULL).doing("create", NULL)?;
    let from = Path::new("/host").join(device);
    mount(Some(&from), NULL, NONE, MsFlags::MS_BIND, NONE).doing("mount(2) MS_BIND on", NULL)
}

/// Not more than a little: some devices have no end.
fn read(path: &str) -> String {
    let mut text = String::new();
    match File::open(path).and_then(|file| file.take(64).read_to_string(&mut text)) {
        Ok(0) => "nothing to read".into(),
        Ok(_) if text.starts_with('\0') => "zeros".into(),
        Ok(_) => text,
        Err(error) => told(error),
    }
}

fn told(error: std::io::Error) -> String {
    format!("{:?}", error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
}
