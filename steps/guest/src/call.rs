//! System calls that a capability permits, each made once and without effect outside of the process that makes it.
//!
//! Every call has a process of its own: some of them change who that process is. What is made is removed again, and what
//! the machine would keep, such as its clock, is left alone.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::process::Stdio;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount, umount};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, setsockopt, socket, sockopt};
use nix::sys::stat::{Mode, SFlag, fchmod, makedev, mknod};
use nix::unistd::{Gid, Uid, chroot, fchown, gethostname, setgroups, sethostname, setuid, unlink};

use crate::load;

/// A call, and the capability that permits it.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// The call, and what with.
    pub name: &'static str,
    /// The capability.
    pub capability: &'static str,
    make: fn() -> nix::Result<()>,
}

const fn call(capability: &'static str, name: &'static str, make: fn() -> nix::Result<()>) -> Call {
    Call { name, capability, make }
}

/// All of them, in the order in which capabilities(7) numbers what permits them.
pub const CALLS: [Call; 14] = [
    call("CAP_CHOWN", "fchown to uid 1", || fchown(file()?, Some(Uid::from_raw(1)), None)),
    call("CAP_DAC_OVERRIDE", "open a file of mode 000", open_what_nobody_may),
    call("CAP_SETGID", "setgroups", || setgroups(&[] as &[Gid])),
    call("CAP_SETUID", "setuid to 1", || setuid(Uid::from_raw(1))),
    call("CAP_SETPCAP", "prctl PR_CAPBSET_DROP", drop_one),
    call("CAP_NET_BIND_SERVICE", "bind port 80", || {
        TcpListener::bind("0.0.0.0:80").map(drop).map_err(|error| errno(&error))
    }),
    call("CAP_NET_ADMIN", "setsockopt SO_RCVBUFFORCE", || {
        let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
        setsockopt(&socket, sockopt::RcvBufForce, &4096)
    }),
    call("CAP_NET_RAW", "socket SOCK_RAW", || {
        socket(AddressFamily::Inet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::Icmp).map(drop)
    }),
    call("CAP_IPC_LOCK", "mlockall above the limit", || {
        setrlimit(Resource::RLIMIT_MEMLOCK, 0, 0)?;
        mlockall(MlockAllFlags::MCL_FUTURE)
    }),
    call("CAP_SYS_CHROOT", "chroot", || chroot("/")),
    call("CAP_SYS_ADMIN", "sethostname", || sethostname(gethostname()?)),
    call("CAP_SYS_ADMIN", "mount a tmpfs", || {
        let none: Option<&str> = None;
        mount(Some("call"), "/dev/shm", Some("tmpfs"), MsFlags::empty(), none)?;
        umount("/dev/shm")
    }),
    call("CAP_SYS_NICE", "setpriority to -1", || {
        // SAFETY: the call takes integers, and speaks of this process alone.
        #[allow(unsafe_code)]
        let set = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -1) };
        Errno::result(set).map(drop)
    }),
    call("CAP_MKNOD", "mknod of /dev/null's device", || {
        let node = "/dev/shm/call-mknod";
        mknod(node, SFlag::S_IFCHR, Mode::S_IRUSR, makedev(1, 3))?;
        unlink(node)
    }),
];

/// What each call was answered, by name: `done`, or the errno.
pub fn all() -> BTreeMap<String, String> {
    let answer = |call: &Call| {
        let output = load::guest(["call", call.name]).stderr(Stdio::piped()).output();
        let said = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        (call.name.to_owned(), said.unwrap_or_else(|error| format!("{:?}", errno(&error))))
    };
    CALLS.iter().map(answer).collect()
}

/// Makes one, in this process.
pub fn one(name: &str) -> String {
    match CALLS.iter().find(|call| call.name == name).map(|call| (call.make)()) {
        Some(Ok(())) => "done".into(),
        Some(Err(errno)) => format!("{errno:?}"),
        None => "no such call".into(),
    }
}

/// A file that has no name and goes with the process.
fn file() -> nix::Result<OwnedFd> {
    memfd_create(c"call", MFdFlags::MFD_CLOEXEC)
}

/// Whoever owns a file is asked for its mode as well.
fn open_what_nobody_may() -> nix::Result<()> {
    let file = file()?;
    fchmod(&file, Mode::empty())?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    OpenOptions::new().write(true).open(Path::new(&path)).map(drop).map_err(|error| errno(&error))
}

fn drop_one() -> nix::Result<()> {
    const CAP_WAKE_ALARM: u64 = 35;
    // SAFETY: the option takes an integer.
    #[allow(unsafe_code)]
    let dropped = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, CAP_WAKE_ALARM, 0, 0, 0) };
    Errno::result(dropped).map(drop)
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}
