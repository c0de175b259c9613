//! A process that is remembered on disk: by its number, and by when it began, for numbers are given again.

use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::sys::file::text;
use crate::sys::task::Pidfd;

/// A process of this boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    /// Its number.
    pub(super) pid: i32,
    /// When it began, in ticks since the boot.
    pub(super) began: u64,
}

/// What /proc/PID/stat tells, as far as it is needed.
struct Stat {
    state: char,
    began: u64,
}

impl Process {
    /// One that lives. Errors: those of reading procfs.
    pub(super) fn of(pid: Pid) -> Result<Self> {
        let path = format!("/proc/{pid}/stat");
        let text = text(&path)?;
        let stat = parse(&text)
            .ok_or_else(|| Error::refused(Kind::System, "read", path, "not what proc(5) says"))?;
        Ok(Self { pid: pid.as_raw(), began: stat.began })
    }

    /// Whether it lives still. One that has ended and was not waited for yet does not.
    pub(super) fn lives(&self) -> Result<bool> {
        let path = format!("/proc/{}/stat", self.pid);
        match text(path) {
            Ok(text) => Ok(parse(&text)
                .is_some_and(|stat| stat.began == self.began && !matches!(stat.state, 'Z' | 'X' | 'x'))),
            Err(error) if error.kind() == Kind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Itself, by descriptor; `None` if it is gone. Verified after opening: the number may have been given again before.
    pub(super) fn hold(&self) -> Result<Option<Pidfd>> {
        match Pidfd::open(Pid::from_raw(self.pid)) {
            Ok(held) => Ok(self.lives()?.then_some(held)),
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The name of the program stands in brackets, and may hold anything, brackets as well.
fn parse(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?.chars().next()?;
    Some(Stat { state, began: fields.nth(18)?.trim_end().parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_pretend_to_be_fields() {
        let text = "7 (a) R 1) S 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4711 99 1\n";
        let stat = parse(text).expect("parsed");
        assert_eq!((stat.state, stat.began), ('S', 4711));
        assert!(parse("7 (a").is_none());
    }

    #[test]
    fn another_process_of_the_same_number_is_another() {
        let own = Process::of(Pid::this()).expect("read");
        assert!(own.lives().expect("read") && own.hold().expect("opened").is_some());
        let other = Process { began: own.began + 1, ..own };
        assert!(!other.lives().expect("read") && other.hold().expect("opened").is_none());
        assert!(!Process { pid: i32::MAX, began: 0 }.lives().expect("read"));
    }
}
