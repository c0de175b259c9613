//! Exercise 06.01: five sets, seen after execve.

use std::ffi::CString;
use std::net::TcpListener;
use std::process::ExitCode;

use guest::capability::names;
use kit::{Doing, Error, Result, Tier};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid, execv, getegid, geteuid, setgroups};

mod giving_up;

/// The one capability that is kept: ports below 1024.
const NET_BIND_SERVICE: u64 = 1 << 10;
/// Execve gives uid 0 no capabilities for being 0.
const SECBIT_NOROOT: libc::c_ulong = 1;

fn main() -> ExitCode {
    kit::start();
    let word = std::env::args().nth(1).unwrap_or_default();
    kit::finish(if word == "after" { after() } else { before(&word) }.map(|()| 0))
}

fn before(how: &str) -> Result<()> {
    apart()?;
    let other = how == "another-user";
    if other {
        setgroups(&[]).doing("setgroups(2)", "")?;
    }
    if how == "nobody-special" {
        // SAFETY: the option takes an integer.
        #[allow(unsafe_code)]
        let set = unsafe { libc::prctl(libc::PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0) };
        Errno::result(set).doing("prctl(2) PR_SET_SECUREBITS", "")?;
    }
    let (uid, gid) = if other { (65534, 65534) } else { (0, 0) };
    giving_up::give_up(NET_BIND_SERVICE, Uid::from_raw(uid), Gid::from_raw(gid))?;
    let words = ["facts", "after"].map(|word| CString::new(word).unwrap_or_default());
    execv(c"/proc/self/exe", &words).doing("execve(2)", "/proc/self/exe").map(drop)
}

/// Namespaces of its own, so that the two attempts below concern nobody else.
fn apart() -> Result<()> {
    let (uid, gid) = (geteuid(), getegid());
    let mut kinds = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET;
    let user = Tier::of_self() == Tier::User;
    if user {
        kinds |= CloneFlags::CLONE_NEWUSER;
    }
    unshare(kinds).doing("unshare(2)", step_02::names(kinds).as_str())?;
    if user {
        let write = |file: &str, text: String| std::fs::write(file, text).doing("write", file);
        write("/proc/self/setgroups", "deny".into())?;
        write("/proc/self/uid_map", format!("0 {uid} 1"))?;
        write("/proc/self/gid_map", format!("0 {gid} 1"))?;
    }
    step_02::mounts::make_private()
}

/// In what was executed.
fn after() -> Result<()> {
    println!("uid: {}", geteuid());
    let status = std::fs::read_to_string("/proc/self/status").doing("read", "/proc/self/status")?;
    for (set, key) in [
        ("bounding", "CapBnd:"),
        ("permitted", "CapPrm:"),
        ("effective", "CapEff:"),
        ("inheritable", "CapInh:"),
        ("ambient", "CapAmb:"),
    ] {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().trim();
        let mask = u64::from_str_radix(line, 16).map_err(|error| Error::refused("read a set", key, error))?;
        println!("{set}: {}", told(mask));
    }
    let errno = |error: std::io::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
    let port = TcpListener::bind("0.0.0.0:80").map_err(errno);
    println!("port 80: {}", port.map_or_else(|errno| format!("{errno:?}"), |_| "bound".into()));
    let none: Option<&str> = None;
    let mounted = mount(none, "/tmp", Some("tmpfs"), MsFlags::empty(), none);
    println!("mount(2): {}", mounted.map_or_else(|errno| format!("{errno:?}"), |()| "mounted".into()));
    Ok(())
}

/// How many there are is the kernel's affair.
fn told(mask: u64) -> String {
    match names(mask) {
        names if names.is_empty() => "none".into(),
        names if names.len() < 4 => names.join(" "),
        names => format!("many, {}CAP_SYS_ADMIN among them", if mask >> 21 & 1 == 1 { "" } else { "not " }),
    }
}
