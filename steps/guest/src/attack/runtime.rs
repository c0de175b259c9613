//! A7: the file that the runtime is executed from, reached from inside.
//!
//! A container's program may be a link to /proc/self/exe. At execve(2) that still is the runtime's own file, on the
//! host: so this guest is executed from it. It keeps a descriptor, becomes another program, and waits until nobody
//! executes the file any more, for until then writing is ETXTBSY.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::IntoRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::prctl;

use super::errno;

/// What is said when the descriptor is held: the runtime may end now.
pub const HOLDING: &str = "holding";

/// How long the runtime may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn rewrite(held: Option<i32>) -> nix::Result<()> {
    match held {
        None => hold(),
        Some(number) => write_over(number),
    }
}

/// Opens it, and goes on as the root's own guest. Its end is not to be ours: whoever made us wished it so (`prctl`(2)).
fn hold() -> nix::Result<()> {
    let exe = File::open("/proc/self/exe").map_err(errno)?;
    let own = Path::new("/bin/guest");
    let same = |file: &File| Some((file.metadata().ok()?.dev(), file.metadata().ok()?.ino()));
    // Executed as the root's own program, there is nothing of the runtime's to reach.
    if File::open(own).is_ok_and(|guest| same(&guest) == same(&exe)) {
        return Err(Errno::ENOENT);
    }
    prctl::set_pdeathsig(None)?;
    fcntl(&exe, FcntlArg::F_SETFD(FdFlag::empty()))?;
    let number = exe.into_raw_fd().to_string();
    let mut next = std::process::Command::new(own);
    Err(errno(next.args(["attack", "A7", "--held", &number]).exec()))
}

/// Writes the first byte over itself: what it proves is that any other could be written.
fn write_over(number: i32) -> nix::Result<()> {
    let path = format!("/proc/self/fd/{number}");
    println!("{HOLDING}");
    std::io::stdout().flush().map_err(errno)?;
    let mut first = [0];
    File::open(&path).and_then(|file| file.read_exact_at(&mut first, 0)).map_err(errno)?;
    let begun = Instant::now();
    let file = loop {
        match OpenOptions::new().write(true).open(&path).map_err(errno) {
            Err(Errno::ETXTBSY) if begun.elapsed() < PATIENCE => sleep(Duration::from_millis(2)),
            opened => break opened?,
        }
    };
    file.write_all_at(&first, 0).map_err(errno)
}
