//! A tmpfs with flags, bound read-only, in a mount namespace of this program's own.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use kit::{Doing, Error, Result, Tier};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{getegid, geteuid};

mod bound;

const NONE: Option<&str> = None;

fn main() -> ExitCode {
    kit::start();
    let locked = std::env::args().nth(1).is_some_and(|word| word == "locked");
    kit::finish(seen(locked).map(|()| 0))
}

fn seen(locked: bool) -> Result<()> {
    apart(Tier::of_self() == Tier::User)?;
    let (place, flags) = (Path::new("/tmp"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC);
    tmpfs(place, MsFlags::empty())?;
    let (source, target) = (Path::new("/tmp/source"), Path::new("/tmp/target"));
    for dir in [source, target] {
        fs::create_dir(dir).doing("mkdir(2)", dir)?;
    }
    tmpfs(source, flags)?;
    let below = source.join("below");
    fs::create_dir(&below).doing("mkdir(2)", &below)?;
    tmpfs(&below, flags)?;
    if locked {
        // Whoever copies mounts into a mount namespace of another user namespace finds their flags locked.
        apart(true)?;
    }

    bound::bind(source, target, MsFlags::MS_BIND | MsFlags::MS_REC | MsFlags::MS_RDONLY)?;
    println!("flags: {}", flags_of(target)?);
    println!("write at the target: {}", written(target));
    println!("write at the source: {}", written(source));
    println!("a mount below came along: {}", tells_apart(target, &target.join("below"))?);
    println!("write below: {}", written(&target.join("below")));
    Ok(())
}

/// A mount namespace without propagation, in a user namespace or not.
fn apart(user: bool) -> Result<()> {
    let (uid, gid) = (geteuid(), getegid());
    if user {
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)
            .doing("unshare(2) CLONE_NEWUSER|CLONE_NEWNS", "")?;
        let write = |file: &str, text: String| fs::write(file, &text).doing(format!("write {text:?} to"), file);
        write("/proc/self/setgroups", "deny".into())?;
        write("/proc/self/uid_map", format!("0 {uid} 1"))?;
        write("/proc/self/gid_map", format!("0 {gid} 1"))?;
    } else {
        unshare(CloneFlags::CLONE_NEWNS).doing("unshare(2) CLONE_NEWNS", "")?;
    }
    step_02::mounts::make_private()
}

fn tmpfs(target: &Path, flags: MsFlags) -> Result<()> {
    let size = Some("size=64k");
    mount(Some("tmpfs"), target, Some("tmpfs"), flags, size).doing("mount(2) tmpfs on", target)
}

fn flags_of(target: &Path) -> Result<String> {
    let flags = statvfs(target).doing("statvfs(3)", target)?.flags();
    let names = [
        (FsFlags::ST_RDONLY, "read-only"),
        (FsFlags::ST_NOSUID, "nosuid"),
        (FsFlags::ST_NODEV, "nodev"),
        (FsFlags::ST_NOEXEC, "noexec"),
    ];
    let names = names.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| *name);
    Ok(names.collect::<Vec<_>>().join(" "))
}

fn written(dir: &Path) -> String {
    match fs::write(dir.join("file"), "") {
        Ok(()) => "allowed".into(),
        Err(error) => error.raw_os_error().map_or_else(String::new, |errno| format!("{:?}", Errno::from_raw(errno))),
    }
}

/// Whether two directories are in two file systems.
fn tells_apart(dir: &Path, below: &Path) -> Result<&'static str> {
    let id = |path: &Path| match statvfs(path) {
        Ok(stat) => Ok(stat.filesystem_id()),
        Err(errno) => Err(Error::call("statvfs(3)", path.display(), errno)),
    };
    Ok(if id(dir)? == id(below)? { "no" } else { "yes" })
}
