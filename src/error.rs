//! An operation that failed: what was done, to what, and why the kernel or we refused.
//!
//! The text is one sentence, `mount(2) proc on "/proc": EPERM: Operation not permitted (advice)`: lower case, no
//! final stop. It is the same sentence whichever process failed, because an [`Error`] crosses a socket as a
//! message ([`Error::encode`]).

use std::fmt::{self, Debug, Display};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An operation that failed.
///
/// It has no [`source`](std::error::Error::source): the sentence holds what the cause said, and a printer that
/// walks sources would say it twice.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    kind: Kind,
    within: Box<str>,
    doing: Box<str>,
    subject: Box<str>,
    #[serde(with = "number")]
    errno: Option<Errno>,
    reason: Option<Box<str>>,
    advice: Option<Box<str>>,
}

/// What a caller can do about an error. It decides exit statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// It is not there: ENOENT, ESRCH.
    NotFound,
    /// It is there already: EEXIST.
    AlreadyExists,
    /// What was asked for makes no sense; asking again will not help. Our own checks say so, never an errno:
    /// the kernel's EINVAL may as well mean a setting that an older kernel does not know.
    Invalid,
    /// The caller may not: EPERM, EACCES.
    Denied,
    /// This kernel or file system cannot: ENOSYS, EOPNOTSUPP.
    Unsupported,
    /// Somebody else uses it; later it may work: EBUSY, ETXTBSY.
    Busy,
    /// The command of a container was not found in it.
    CommandNotFound,
    /// The command of a container was found, and is nothing that can be executed.
    NotExecutable,
    /// All the rest: the machine is at a limit, or broken.
    System,
}

impl Kind {
    /// The exit status that belongs to it: 127 and 126 are the command's, as a shell has them, 125 is ours, as
    /// `docker run` and env(1) have it.
    pub fn exit_status(self) -> u8 {
        match self {
            Self::CommandNotFound => 127,
            Self::NotExecutable => 126,
            _ => 125,
        }
    }
}

impl From<Errno> for Kind {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ENOENT | Errno::ESRCH => Self::NotFound,
            Errno::EEXIST => Self::AlreadyExists,
            Errno::EPERM | Errno::EACCES => Self::Denied,
            Errno::ENOSYS | Errno::EOPNOTSUPP => Self::Unsupported,
            Errno::EBUSY | Errno::ETXTBSY => Self::Busy,
            _ => Self::System,
        }
    }
}

impl Error {
    /// A system call that failed. Its errno gives the kind.
    pub fn call(doing: impl Display, subject: impl Subject, errno: Errno) -> Self {
        Self { errno: Some(errno), ..Self::new(errno.into(), text(doing), subject.text().into()) }
    }

    /// Something that was refused for a reason of our own.
    pub fn refused(kind: Kind, doing: impl Display, subject: impl Subject, reason: impl Display) -> Self {
        Self { reason: Some(text(reason)), ..Self::new(kind, text(doing), subject.text().into()) }
    }

    fn new(kind: Kind, doing: Box<str>, subject: Box<str>) -> Self {
        Self { kind, within: Box::default(), doing, subject, errno: None, reason: None, advice: None }
    }

    /// With a hint in brackets behind it.
    #[must_use]
    pub fn advise(self, advice: impl Display) -> Self {
        Self { advice: Some(text(advice)), ..self }
    }

    /// With a reason behind the errno: what the kernel itself wrote about it.
    #[must_use]
    pub fn because(self, reason: impl Display) -> Self {
        Self { reason: Some(text(reason)), ..self }
    }

    /// As another kind: a caller knows more than the errno does (ENOENT of a command is [`Kind::CommandNotFound`]).
    #[must_use]
    pub fn as_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// What a caller can do about it.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The kernel's answer, if it was the kernel that refused.
    pub fn errno(&self) -> Option<Errno> {
        self.errno
    }

    /// The exit status that belongs to it: 125, 126 or 127.
    pub fn exit_status(&self) -> u8 {
        self.kind.exit_status()
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.within)?;
        sentence(f, &self.doing, &self.subject)?;
        if let Some(errno) = self.errno {
            write!(f, ": {errno}")?;
        }
        if let Some(reason) = &self.reason {
            write!(f, ": {reason}")?;
        }
        match &self.advice {
            Some(advice) => write!(f, " ({advice})"),
            None => Ok(()),
        }
    }
}

fn text(of: impl Display) -> Box<str> {
    of.to_string().into()
}

/// A subject is quoted: it may hold anything, also what would steer a terminal.
fn sentence(f: &mut impl fmt::Write, doing: &str, subject: &str) -> fmt::Result {
    match subject {
        "" => f.write_str(doing),
        _ => write!(f, "{doing} {subject:?}"),
    }
}

/// The sentence, and the kind: what a failed assertion should show.
impl Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind)
    }
}

impl std::error::Error for Error {}

/// Says what was being done, and to what, when it fails.
pub trait Doing<T> {
    /// The operation and its subject. For an [`Error`], which names its own already: what these were a part of,
    /// put before it.
    fn doing(self, doing: impl Display, subject: impl Subject) -> Result<T>;
}

impl<T> Doing<T> for nix::Result<T> {
    fn doing(self, doing: impl Display, subject: impl Subject) -> Result<T> {
        self.map_err(|errno| Error::call(doing, subject, errno))
    }
}

impl<T> Doing<T> for std::io::Result<T> {
    fn doing(self, doing: impl Display, subject: impl Subject) -> Result<T> {
        self.map_err(|error| match error.raw_os_error() {
            Some(errno) => Error::call(doing, subject, Errno::from_raw(errno)),
            None => Error::refused(Kind::System, doing, subject, error),
        })
    }
}

impl<T> Doing<T> for Result<T> {
    fn doing(self, doing: impl Display, subject: impl Subject) -> Result<T> {
        self.map_err(|error| {
            let mut within = String::new();
            let _ = sentence(&mut within, &doing.to_string(), &subject.text());
            within.push_str(": ");
            within.push_str(&error.within);
            Error { within: within.into(), ..error }
        })
    }
}

/// What an operation is done to. Its text is made only when there is an error to be told.
pub trait Subject {
    /// As it is shown.
    fn text(self) -> String;
}

/// The path that the descriptor was opened by, or now has (proc(5), `/proc/pid/fd`).
impl Subject for BorrowedFd<'_> {
    fn text(self) -> String {
        let link = format!("/proc/self/fd/{}", self.as_raw_fd());
        std::fs::read_link(&link).map_or(link, |path| path.display().to_string())
    }
}

impl Subject for &Path {
    fn text(self) -> String {
        self.display().to_string()
    }
}

impl Subject for &PathBuf {
    fn text(self) -> String {
        self.display().to_string()
    }
}

impl Subject for &str {
    fn text(self) -> String {
        self.to_owned()
    }
}

impl Subject for String {
    fn text(self) -> String {
        self
    }
}

mod message;
mod number;
pub use message::MESSAGE_LIMIT;

#[cfg(test)]
mod tests;
