//! A system call as text: arguments from the tracee's memory, flags by name, descriptors by what they are.
//!
//! [`TABLE`] lists the calls that make a container. What is not in it is of no interest here; and of some that
//! are, only a part is: of write(2) what goes to an id map or a cgroup, of connect(2) what goes to a socket
//! with a name, of prctl(2) what gives up privilege.

use std::sync::LazyLock;

use serde::Serialize;

mod args;
mod calls;
pub mod flags;
mod memory;

pub use calls::{Spec, TABLE};
pub use memory::Memory;

use super::tracer::{Entry, NATIVE};

/// A call, read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decoded {
    /// Its name.
    pub name: &'static str,
    /// Its arguments in their order, as text.
    pub args: Vec<String>,
    /// All flags, commands and other named numbers among the arguments, in their order.
    pub flags: Vec<String>,
    /// The one text that says most about it: a path, a name, what was written.
    pub subject: String,
}

impl Decoded {
    /// Whether a flag or a command is among the arguments.
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|own| own == flag)
    }

    /// Whether a mount(2) changes or copies a mount, instead of mounting a file system.
    pub fn is_about_a_mount(&self) -> bool {
        let kinds =
            ["MS_BIND", "MS_REMOUNT", "MS_MOVE", "MS_PRIVATE", "MS_SLAVE", "MS_SHARED", "MS_UNBINDABLE"];
        kinds.iter().any(|flag| self.has(flag))
    }

    /// As C would have it.
    pub fn text(&self) -> String {
        format!("{}({})", self.name, self.args.join(", "))
    }
}

/// What is to be read of a thread that has stopped. A trait, so that tests can make one up.
pub trait Tracee {
    /// So many bytes of its memory; fewer where it ends.
    fn bytes(&self, address: u64, length: usize) -> Option<Vec<u8>>;
    /// What a descriptor is open on, as /proc/PID/fd names it.
    fn descriptor(&self, fd: i32) -> Option<String>;
    /// Whether a descriptor is open on a file of a cgroup, given its name.
    fn opened_in_cgroup(&self, fd: i32, path: &str) -> bool;
    /// Whether a path, as the tracee would have it, leads into a cgroup.
    fn is_in_cgroup(&self, path: &str) -> bool;
}

/// Whether a call may be of interest at all. Asked for every call of every thread, so it is one look-up.
pub fn is_listed(entry: &Entry) -> bool {
    entry.arch == NATIVE && spec(entry.nr).is_some()
}

/// Reads a call; `None` if it does not make a container.
pub fn decode(entry: &Entry, tracee: &dyn Tracee) -> Option<Decoded> {
    let spec = spec(entry.nr).filter(|_| entry.arch == NATIVE)?;
    let mut args = args::Args::new(spec.name, entry.args, tracee);
    spec.read.read(&mut args)?;
    Some(args.decoded)
}

fn spec(nr: u64) -> Option<&'static Spec> {
    static BY_NUMBER: LazyLock<Vec<Option<&'static Spec>>> = LazyLock::new(|| {
        let highest = TABLE.iter().map(|spec| spec.nr).max().unwrap_or(0);
        (0..=highest).map(|nr| TABLE.iter().find(|spec| spec.nr == nr)).collect()
    });
    BY_NUMBER.get(usize::try_from(nr).ok()?).copied().flatten()
}

#[cfg(test)]
mod tests;
