//! A filter of system calls: what is permitted, by name, made into a program that the kernel runs at each call
//! (seccomp(2), and `Documentation/userspace-api/seccomp_filter.rst` in the kernel's source).
//!
//! [`Policy`] says it in names, [`Policy::compile`] makes the [`Program`], and [`Program::load`] puts it on the
//! calling process. What a rule means where the specification is silent is what runc makes of it, for that is
//! what profiles were written against:
//!
//! - a name that an architecture does not have is no error there; [`Program::unknown`] are those that none has;
//! - several conditions hold together, except for two on one argument: then any of them is enough;
//! - a rule whose action is the default's changes nothing;
//! - of the rules for one call those with conditions are asked in their order; the first without any replaces them all,
//!   and those after it do not count;
//! - a number above all that the profile names is answered with ENOSYS: its author could not know the call, and a
//!   C library takes ENOSYS for "try the older one" where it would take EPERM for an answer.

use std::fmt;

use crate::error::{Error, Kind, Result};

mod architecture;
mod assemble;
mod compile;
mod load;
mod syscalls;

pub use architecture::Architecture;
pub use load::Flags;

/// What is permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// For calls of which no rule holds.
    pub default: Action,
    /// Besides the one that this program was compiled for: the kernel lets a process change to another at any call.
    pub architectures: Vec<Architecture>,
    /// In their order.
    pub rules: Vec<Rule>,
}

/// What happens at some calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The calls, as the kernel names them.
    pub names: Vec<String>,
    /// What the kernel does.
    pub action: Action,
    /// When it holds; always, if there are none.
    pub conditions: Vec<Condition>,
}

/// What an argument must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// Which one, from 0 to 5. A pointer is compared as a number: a filter does not see memory.
    pub argument: u8,
    /// With what.
    pub compare: Compare,
}

/// Comparisons, all of them unsigned. On architectures of 32 bits only those bits are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compare {
    /// `SCMP_CMP_NE`
    NotEqual(u64),
    /// `SCMP_CMP_LT`
    Less(u64),
    /// `SCMP_CMP_LE`
    LessOrEqual(u64),
    /// `SCMP_CMP_EQ`
    Equal(u64),
    /// `SCMP_CMP_GE`
    GreaterOrEqual(u64),
    /// `SCMP_CMP_GT`
    Greater(u64),
    /// `SCMP_CMP_MASKED_EQ`: the argument's bits in the mask are these.
    Masked {
        /// The bits that are looked at.
        mask: u64,
        /// What they must be; others of its bits do not count.
        value: u64,
    },
}

/// What the kernel does at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// End the process (SIGSYS; Linux 4.14).
    KillProcess,
    /// End the thread.
    KillThread,
    /// Send SIGSYS, which the process may handle.
    Trap,
    /// Do nothing, and answer with this errno.
    Errno(u16),
    /// Ask the tracer, with this message. Without a tracer: ENOSYS.
    Trace(u16),
    /// Ask whoever holds the listener (Linux 5.0).
    Notify,
    /// Do it, and write a line to the log (Linux 4.14).
    Log,
    /// Do it.
    Allow,
}

impl Action {
    /// As the filter returns it (`linux/seccomp.h`).
    pub fn value(self) -> u32 {
        match self {
            Self::KillProcess => libc::SECCOMP_RET_KILL_PROCESS,
            Self::KillThread => libc::SECCOMP_RET_KILL_THREAD,
            Self::Trap => libc::SECCOMP_RET_TRAP,
            Self::Errno(errno) => libc::SECCOMP_RET_ERRNO | u32::from(errno),
            Self::Trace(message) => libc::SECCOMP_RET_TRACE | u32::from(message),
            Self::Notify => libc::SECCOMP_RET_USER_NOTIF,
            Self::Log => libc::SECCOMP_RET_LOG,
            Self::Allow => libc::SECCOMP_RET_ALLOW,
        }
    }

    /// Whether the call may come to pass. Such a default makes the profile a list of exceptions, which says nothing of
    /// calls that its author did not know.
    fn permits(self) -> bool {
        matches!(self, Self::Allow | Self::Log | Self::Trace(_))
    }
}

/// A filter, compiled.
#[derive(Clone, PartialEq, Eq)]
pub struct Program {
    instructions: Vec<Instruction>,
    notifies: bool,
    /// Names that none of the policy's architectures has: misspelt, or of a later kernel than this table.
    pub unknown: Vec<String>,
}

/// One instruction of classic BPF (`struct sock_filter` of `linux/filter.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// What is done.
    pub code: u16,
    /// How many instructions are skipped when the comparison holds.
    pub jt: u8,
    /// And how many when not.
    pub jf: u8,
    /// The operand.
    pub k: u32,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a filter of {} instructions", self.instructions.len())
    }
}

impl Program {
    /// From the first to be executed.
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// Whether it asks a listener, so that loading it makes one.
    pub fn notifies(&self) -> bool {
        self.notifies
    }
}

impl Policy {
    /// The program. Errors: [`Kind::Invalid`] for an argument that no call has, an errno that is none, a listener
    /// for a call that it takes to reach the listener, and for more than the kernel's 4096 instructions.
    pub fn compile(&self) -> Result<Program> {
        for rule in &self.rules {
            rule.validate()?;
        }
        self.default.validate("the default action")?;
        if self.default == Action::Notify {
            return Err(refused(
                "the default action",
                "a listener could not be told of the call that reaches it",
            ));
        }
        compile::program(self)
    }
}

impl Rule {
    fn validate(&self) -> Result<()> {
        let subject = self.names.first().map_or("a rule", String::as_str);
        self.action.validate(subject)?;
        if let Some(condition) = self.conditions.iter().find(|condition| condition.argument > 5) {
            let reason = format!("argument {}: a system call has the arguments 0 to 5", condition.argument);
            return Err(refused(subject, reason));
        }
        let reaches = |name: &&String| matches!(name.as_str(), "write" | "read" | "close");
        match self.names.iter().find(reaches) {
            Some(name) if self.action == Action::Notify => {
                Err(refused(name, "the runtime still needs it itself once the listener is there to be asked"))
            }
            _ => Ok(()),
        }
    }
}

impl Action {
    fn validate(self, subject: &str) -> Result<()> {
        match self {
            // The kernel cuts it to MAX_ERRNO by itself, and a process would see an errno that nobody asked for.
            Self::Errno(errno) if errno > 4095 => {
                Err(refused(subject, format!("errno {errno}: the kernel's go up to 4095")))
            }
            _ => Ok(()),
        }
    }
}

fn refused(subject: &str, reason: impl Into<String>) -> Error {
    Error::refused(Kind::Invalid, "compile the seccomp filter", subject, reason.into())
}
