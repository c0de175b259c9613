//! The lessons' error: the operation, the subject, the errno.

use std::fmt::{self, Debug, Display};
use std::path::Path;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

/// What every fallible function of the lessons returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Exit status of a step that failed before the command began. As `docker run` and env(1) have it.
pub const FAILED: u8 = 125;
/// Exit status when the command was found and could not be executed.
pub const NOT_EXECUTABLE: u8 = 126;
/// Exit status when the command was not found.
pub const NOT_FOUND: u8 = 127;

/// An operation that failed: `chroot(2) "/srv/root": EPERM: Operation not permitted (advice)`.
///
/// It crosses from a child to its parent as JSON, so that the same sentence reaches the reader whichever
/// process failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    doing: String,
    subject: String,
    errno: Option<i32>,
    reason: Option<String>,
    advice: Option<String>,
    status: u8,
}

impl Error {
    /// A system call that failed.
    pub fn call(doing: impl Display, subject: impl Display, errno: Errno) -> Self {
        let errno = Some(errno as i32);
        Self { errno, ..Self::new(doing.to_string(), subject.to_string()) }
    }

    /// Something that was refused for a reason of our own: bad input, a broken promise between processes.
    pub fn refused(doing: impl Display, subject: impl Display, reason: impl Display) -> Self {
        Self { reason: Some(reason.to_string()), ..Self::new(doing.to_string(), subject.to_string()) }
    }

    fn new(doing: String, subject: String) -> Self {
        Self { doing, subject, errno: None, reason: None, advice: None, status: FAILED }
    }

    /// With a hint in brackets behind it.
    #[must_use]
    pub fn advise(self, advice: impl Display) -> Self {
        Self { advice: Some(advice.to_string()), ..self }
    }

    /// With another exit status than 125.
    #[must_use]
    pub fn exits(self, status: u8) -> Self {
        Self { status, ..self }
    }

    /// The operation: a system call with its section, or what was being done.
    pub fn doing(&self) -> &str {
        &self.doing
    }

    /// What it was done to.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The kernel's answer, if it was the kernel that refused.
    pub fn errno(&self) -> Option<Errno> {
        self.errno.map(Errno::from_raw)
    }

    /// The hint in brackets, where the one who refused gave one.
    pub fn hint(&self) -> Option<&str> {
        self.advice.as_deref()
    }

    /// The exit status that belongs to it: 125, 126 or 127.
    pub fn status(&self) -> u8 {
        self.status
    }
}

/// What an exercise's stub returns: the function is the learner's to write.
pub fn todo(exercise: &str) -> Error {
    Error::refused("exercise", exercise, "is not written yet").advise(format!("cargo dive hint {exercise}"))
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.doing)?;
        if !self.subject.is_empty() {
            write!(f, " {:?}", self.subject)?;
        }
        if let Some(errno) = self.errno() {
            write!(f, ": {errno}")?;
        }
        if let Some(reason) = &self.reason {
            write!(f, ": {reason}")?;
        }
        if let Some(advice) = &self.advice {
            write!(f, " ({advice})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

// ANCHOR: doing
/// Says what was being done, and to what, when a call fails.
pub trait Doing<T> {
    /// The operation and its subject.
    fn doing(self, doing: impl Display, subject: impl AsSubject) -> Result<T>;
}

impl<T> Doing<T> for nix::Result<T> {
    fn doing(self, doing: impl Display, subject: impl AsSubject) -> Result<T> {
        self.map_err(|errno| Error::call(doing, subject.as_subject(), errno))
    }
}
// ANCHOR_END: doing

impl<T> Doing<T> for std::io::Result<T> {
    fn doing(self, doing: impl Display, subject: impl AsSubject) -> Result<T> {
        self.map_err(|error| match error.raw_os_error() {
            Some(errno) => Error::call(doing, subject.as_subject(), Errno::from_raw(errno)),
            None => Error::refused(doing, subject.as_subject(), error),
        })
    }
}

/// What an operation is done to: a path or a text.
pub trait AsSubject {
    /// As it is shown.
    fn as_subject(&self) -> String;
}

impl AsSubject for &Path {
    fn as_subject(&self) -> String {
        self.display().to_string()
    }
}

impl AsSubject for &std::path::PathBuf {
    fn as_subject(&self) -> String {
        self.display().to_string()
    }
}

impl AsSubject for &str {
    fn as_subject(&self) -> String {
        (*self).to_owned()
    }
}

impl AsSubject for &String {
    fn as_subject(&self) -> String {
        (*self).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_operation_subject_errno_and_advice() {
        let error = Err::<(), _>(Errno::EPERM).doing("mount(2) proc on", "/proc").expect_err("failed");
        let error = error.advise("is /proc masked in the outer container?");
        assert_eq!(
            error.to_string(),
            "mount(2) proc on \"/proc\": EPERM: Operation not permitted (is /proc masked in the outer container?)"
        );
        assert_eq!((error.errno(), error.status()), (Some(Errno::EPERM), FAILED));
    }

    #[test]
    fn an_error_survives_the_way_through_a_pipe() {
        let error = Error::refused("execve(2)", "/bin/sh", "no loader").exits(NOT_FOUND);
        let text = serde_json::to_string(&error).expect("JSON");
        assert_eq!(serde_json::from_str::<Error>(&text).expect("an error"), error);
    }
}
