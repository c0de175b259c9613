//! A new file system, configured before it exists: fsopen(2), fsconfig(2), fsmount(2), Linux 5.2.

use std::ffi::CStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;

use super::{Attributes, Tree};
use crate::error::{Error, Result};
use crate::sys::{c_string, outcome, owned};

/// The longest text that the kernel writes into a context at once.
const LINE: usize = 4096;

/// The parameters of a file system to be, collected in the kernel, which judges each as it comes and says in words
/// what it dislikes: an error here holds those words.
#[derive(Debug)]
pub struct Configuration {
    kind: String,
    context: File,
}

impl Configuration {
    /// Begins one for a kind of file system: `proc`, `tmpfs`, `overlay`. Errors: ENODEV for a kind that this kernel has
    /// not; EPERM where the user namespace may not.
    pub fn open(kind: &str) -> Result<Self> {
        let name = c_string("fsopen(2)", kind)?;
        // SAFETY: the text ends in NUL; the call keeps no pointer.
        let answer = unsafe { libc::syscall(libc::SYS_fsopen, name.as_ptr(), libc::FSOPEN_CLOEXEC) };
        let number = outcome(answer, "fsopen(2)", kind, "5.2")?;
        // SAFETY: the kernel has just made it.
        let context: OwnedFd = unsafe { owned(number) };
        Ok(Self { kind: kind.to_owned(), context: context.into() })
    }

    /// Sets a parameter with a value: `size`, `mode`, `hidepid`. Errors: EINVAL, with the kernel's words.
    pub fn set(&self, name: &str, value: &str) -> Result<()> {
        let (key, text) = (c_string("fsconfig(2)", name)?, c_string("fsconfig(2)", value)?);
        let doing = format!("fsconfig(2) FSCONFIG_SET_STRING {name}={value} of");
        self.command(&doing, libc::FSCONFIG_SET_STRING, Some(&key), Some(&text))
    }

    /// Sets a parameter that has no value: `ro`, `nomand`. Errors: EINVAL, with the kernel's words.
    pub fn flag(&self, name: &str) -> Result<()> {
        let key = c_string("fsconfig(2)", name)?;
        self.command(
            &format!("fsconfig(2) FSCONFIG_SET_FLAG {name} of"),
            libc::FSCONFIG_SET_FLAG,
            Some(&key),
            None,
        )
    }

    /// Makes the file system, and a mount of it with these flags, which hangs nowhere yet. Errors: what mount(2) of
    /// that kind would say, with the kernel's words: EPERM, EBUSY, EINVAL.
    pub fn mount(self, attributes: Attributes) -> Result<Tree> {
        self.command("fsconfig(2) FSCONFIG_CMD_CREATE of", libc::FSCONFIG_CMD_CREATE, None, None)?;
        let (fd, cloexec) = (self.context.as_raw_fd(), libc::FSMOUNT_CLOEXEC);
        // SAFETY: the call takes integers.
        let answer = unsafe { libc::syscall(libc::SYS_fsmount, fd, cloexec, attributes.bits()) };
        let doing = format!("fsmount(2) {}", attributes.names());
        let number =
            outcome(answer, doing.trim_end(), self.kind.as_str(), "5.2").map_err(|e| self.explained(e))?;
        // SAFETY: the kernel has just made it.
        Ok(Tree(unsafe { owned(number) }))
    }

    fn command(&self, doing: &str, command: u32, key: Option<&CStr>, value: Option<&CStr>) -> Result<()> {
        let pointer = |text: Option<&CStr>| text.map_or(ptr::null(), CStr::as_ptr);
        let (fd, key, value) = (self.context.as_raw_fd(), pointer(key), pointer(value));
        // SAFETY: the texts end in NUL and live through the call; absent ones are null, as each command wants.
        let answer = unsafe { libc::syscall(libc::SYS_fsconfig, fd, command, key, value, 0) };
        outcome(answer, doing, self.kind.as_str(), "5.2").map(drop).map_err(|e| self.explained(e))
    }

    /// With what the kernel has written into the context, one message per read: `e tmpfs: Bad value for 'size'`.
    fn explained(&self, error: Error) -> Error {
        let (mut lines, mut line) = (Vec::new(), vec![0; LINE]);
        while let Ok(length @ 1..) = (&self.context).read(&mut line) {
            let text = String::from_utf8_lossy(&line[..length]);
            // It may quote what it was given; nothing in an error may steer a terminal.
            lines.push(text.trim_end().replace(char::is_control, " "));
        }
        if lines.is_empty() { error } else { error.because(lines.join("; ")) }
    }
}
