//! How init waits for `start`: with what a FIFO's open does.
//!
//! To open a FIFO for writing waits until somebody opens it for reading (fifo(7)). Init opens it so, and sleeps in
//! the kernel, needing no process that keeps it company; `start` opens the other end, and with that init wakes.
//! The descriptor is close-on-exec. So `start` reads on until the end: execve(2) closes the line, or init first says
//! into it what went wrong.
//!
//! Until execve init also holds a lock, on a file beside the FIFO. It is how anybody can ask whether the program has
//! begun, without a file that says so and might be wrong.

use std::convert::Infallible;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, open, openat};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use step_00::birth;

use crate::process::Held;
use crate::store;

/// The FIFO.
pub const FIFO: &str = "exec.fifo";
/// The file whose lock init holds until it executes the program.
pub const WAITING: &str = "waiting";

/// What init writes before it executes: without it, end-of-file would not tell an execve from a death.
const EXECUTES: &str = "executes\n";

/// Between two looks at the lock.
const MOMENT: Duration = Duration::from_millis(1);

/// What init needs to wait once the host's tree is gone: descriptors and no paths.
#[derive(Debug)]
pub struct Wait {
    fifo: OwnedFd,
    own_descriptors: OwnedFd,
    lock: File,
}

/// The FIFO opened for writing: somebody listens. The lock stays until execve(2), for it tells that this has not come.
#[derive(Debug)]
pub struct Line {
    fifo: File,
    _lock: File,
}

// ANCHOR: prepare
/// Makes the FIFO and the lock in a container's directory, before init is born, who inherits both.
///
/// Everybody may write to it, for init may have become anybody by then; the directory lets nobody through.
pub fn prepare(dir: &Path) -> Result<Wait> {
    let (fifo, waiting) = (dir.join(FIFO), dir.join(WAITING));
    mkfifo(&fifo, Mode::S_IRUSR | Mode::S_IWUSR).doing("mkfifo(3)", &fifo)?;
    fs::set_permissions(&fifo, Permissions::from_mode(0o622)).doing("chmod(2)", &fifo)?;
    let file = File::create(&waiting).doing("open(2) O_CREAT", &waiting)?;
    lock(&file).doing("flock(2)", &waiting)?;
    let by_path = |path: &Path, flags: OFlag| {
        open(path, flags | OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).doing("open(2) O_PATH", path)
    };
    let own_descriptors = by_path(Path::new("/proc"), OFlag::O_DIRECTORY)?;
    Ok(Wait { fifo: by_path(&fifo, OFlag::O_NOFOLLOW)?, own_descriptors, lock: file })
}
// ANCHOR_END: prepare

/// By the plain call: the type that nix has would unlock when the parent lets go of its copy, and with that for init too,
/// for the lock is the open file's, which the two share.
#[expect(deprecated, reason = "the other way unlocks in both processes")]
fn lock(file: &File) -> nix::Result<()> {
    nix::fcntl::flock(file.as_raw_fd(), FlockArg::LockExclusiveNonblock)
}

impl Wait {
    // ANCHOR: wait
    /// Waits for `start`, in init. The FIFO has no path any more, so it is opened by way of a descriptor for it, and
    /// of a /proc that was opened before the image could have put something else there.
    pub fn for_start(self) -> Result<Line> {
        let path = format!("self/fd/{}", self.fifo.as_raw_fd());
        let flags = OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        let opened = loop {
            match openat(&self.own_descriptors, path.as_str(), flags, Mode::empty()) {
                Err(Errno::EINTR) => {}
                opened => break opened.doing("open(2) O_WRONLY", FIFO)?,
            }
        };
        Ok(Line { fifo: opened.into(), _lock: self.lock })
    }
    // ANCHOR_END: wait
}

impl Line {
    // ANCHOR: until_exec
    /// Goes on to the end of init: execve(2), or an error that is told to who has started us.
    pub fn until_exec(mut self, body: impl FnOnce(&mut Self) -> Result<Infallible>) -> Result<Infallible> {
        let Err(error) = body(&mut self);
        self.say(&serde_json::to_vec(&error).unwrap_or_default())?;
        // `create` has ended, and with it the pipe by which lesson 00 tells errors: here is the end.
        birth::end(error.status())
    }
    // ANCHOR_END: until_exec

    /// Says that execve(2) comes next.
    pub fn executes(&mut self) -> Result<()> {
        self.say(EXECUTES.as_bytes())
    }

    /// If `start` was killed meanwhile, nobody hears it. That is no reason not to go on: it was started.
    fn say(&mut self, words: &[u8]) -> Result<()> {
        // SAFETY: neither disposition runs code of ours.
        #[allow(unsafe_code)]
        let dispose = |how| unsafe { signal(Signal::SIGPIPE, how) }.doing("signal(2)", "SIGPIPE");
        dispose(SigHandler::SigIgn)?;
        let said = match self.fifo.write_all(words) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            said => said.doing("write to", FIFO),
        };
        // execve(2) keeps what is ignored, and the program expects the usual.
        dispose(SigHandler::SigDfl)?;
        said
    }
}

// ANCHOR: let_go
/// Lets init go on, from `start`; returns when the program has begun, or with init's own error.
///
/// Opened without O_NONBLOCK, a FIFO whose writer has died would be waited for without end. So it is opened at once,
/// and both ends are watched: what comes through it, and the life of init. Two who start at the same time: the lock
/// on the FIFO lets one through.
pub fn let_go(dir: &Path, init: &Held) -> Result<()> {
    let path = dir.join(FIFO);
    let file =
        OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&path).doing("open(2)", &path)?;
    let mut fifo = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
        Error::call("flock(2)", path.display(), errno).advise("another command starts it")
    })?;
    let mut said = Vec::new();
    loop {
        let mut fds = [fifo.as_fd(), init.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match poll(&mut fds, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            outcome => outcome.doing("poll(2)", FIFO)?,
        };
        let [line, ended] = fds.map(|fd| fd.any().unwrap_or(false));
        let closed = match fifo.read_to_end(&mut said) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            // Before init has opened its end, the end is read as well.
            outcome => outcome.map(|_| line).doing("read", FIFO)?,
        };
        if closed || ended {
            heard(&said, ended)?;
            // execve(2) closes one descriptor after the other; who asks from now on shall be told that it has come.
            while !ended && store::is_locked(&dir.join(WAITING))? && !init.ended_within(MOMENT)? {}
            return Ok(());
        }
    }
}
// ANCHOR_END: let_go

fn heard(said: &[u8], ended: bool) -> Result<()> {
    let text = String::from_utf8_lossy(said);
    let (executes, error) = text.strip_prefix(EXECUTES).map_or((false, &*text), |rest| (true, rest));
    match serde_json::from_str(error) {
        Ok(error) => Err(error),
        Err(_) if executes => Ok(()),
        Err(_) => {
            let how = if ended { "init has ended" } else { "init has closed the line" };
            Err(Error::refused("start the program", "", format!("{how} before it executed it")))
        }
    }
}
