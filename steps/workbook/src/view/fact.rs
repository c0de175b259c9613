//! A fact that may be out of the reader's sight.

use std::fmt::Display;
use std::fs;
use std::io;

use guest::capability;
use nix::errno::Errno;
use serde::{Deserialize, Serialize};

/// What was read, or why it could not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Fact<T> {
    /// The kernel, or the lack of a file, kept it back.
    Unreadable {
        /// The errno by name, and who may read it: `EACCES (root may)`.
        unreadable: String,
    },
    /// As it was read.
    Known(T),
}

impl<T> Fact<T> {
    /// A reading that may have failed.
    pub fn of(reading: io::Result<T>) -> Self {
        match reading {
            Ok(value) => Self::Known(value),
            Err(error) => Self::unreadable(why(&error)),
        }
    }

    /// Out of sight, for that reason.
    pub fn unreadable(why: impl Display) -> Self {
        Self::Unreadable { unreadable: why.to_string() }
    }

    /// The value, if it was read.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unreadable { .. } => None,
        }
    }

    /// The value, or the reason as it is shown.
    pub fn as_known(&self) -> Result<&T, String> {
        match self {
            Self::Known(value) => Ok(value),
            Self::Unreadable { unreadable } => Err(format!("unreadable: {unreadable}")),
        }
    }

    /// Another form of the value; the reason stays.
    pub fn map<U>(self, form: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Known(value) => Fact::Known(form(value)),
            Self::Unreadable { unreadable } => Fact::Unreadable { unreadable },
        }
    }
}

/// What two facts amount to; the first reason where either is out of sight.
pub(super) fn both<A, B, C>(one: &Fact<A>, other: &Fact<B>, form: impl FnOnce(&A, &B) -> C) -> Fact<C> {
    match (one, other) {
        (Fact::Known(one), Fact::Known(other)) => Fact::Known(form(one, other)),
        (Fact::Unreadable { unreadable }, _) => Fact::unreadable(unreadable),
        (_, Fact::Unreadable { unreadable }) => {
            Fact::unreadable(format_args!("the reference's: {unreadable}"))
        }
    }
}

fn why(error: &io::Error) -> String {
    let Some(code) = error.raw_os_error() else { return error.to_string() };
    let errno = Errno::from_raw(code);
    match errno {
        Errno::EACCES | Errno::EPERM if !may_trace() => format!("{errno:?} (root may)"),
        _ => format!("{errno:?}"),
    }
}

/// Most of /proc/PID asks for the access mode `PTRACE_MODE_READ` (ptrace(2)), which this capability grants.
fn may_trace() -> bool {
    let status = guest::report::Status(fs::read_to_string("/proc/self/status").unwrap_or_default());
    capability::holds(status.mask("CapEff"), "CAP_SYS_PTRACE")
}
