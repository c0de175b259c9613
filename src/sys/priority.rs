//! When a process gets the processor and the disk: sched_setattr(2) (Linux 3.14) and ioprio_set(2) (Linux 2.6.13).

use crate::error::Result;
use crate::sys::outcome;

/// `struct sched_attr` of `linux/sched/types.h`, in its first version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
struct Attributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
}

/// How a process is scheduled (sched(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Schedule {
    /// `SCHED_*`, as `linux/sched.h` numbers them.
    pub policy: u32,
    /// `SCHED_FLAG_*`
    pub flags: u64,
    /// For the fair policies: from -20, the most, to 19.
    pub nice: i32,
    /// For the real-time policies: from 1 to 99, the most.
    pub priority: u32,
    /// For `SCHED_DEADLINE`: nanoseconds of work,
    pub runtime: u64,
    /// which are done so many nanoseconds after they could begin,
    pub deadline: u64,
    /// and begin so often.
    pub period: u64,
}

impl Schedule {
    /// Schedules the calling thread so. Errors: EPERM without `CAP_SYS_NICE` for what is more than an ordinary process
    /// has; EINVAL for numbers that the policy does not know; EBUSY when there is no time left for another deadline.
    pub fn apply(&self) -> Result<()> {
        let attributes = Attributes {
            size: u32::try_from(size_of::<Attributes>()).unwrap_or_default(),
            policy: self.policy,
            flags: self.flags,
            nice: self.nice,
            priority: self.priority,
            runtime: self.runtime,
            deadline: self.deadline,
            period: self.period,
        };
        // SAFETY: the structure lives through the call, and says its own size.
        let answer = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
        outcome(answer, "sched_setattr(2)", format!("policy {}", self.policy), "3.14").map(drop)
    }
}

/// The class of a process's input and output, and where in it it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IoPriority {
    /// `IOPRIO_CLASS_*` of `linux/ioprio.h`
    pub class: u8,
    /// From 0, the first, to 7.
    pub level: u8,
}

impl IoPriority {
    /// Gives it to the calling thread. Errors: EPERM for the real-time class without `CAP_SYS_ADMIN` or `CAP_SYS_NICE`.
    pub fn apply(self) -> Result<()> {
        // IOPRIO_WHO_PROCESS, and IOPRIO_CLASS_SHIFT.
        let value = i32::from(self.class) << 13 | i32::from(self.level);
        // SAFETY: the call takes three numbers.
        let answer = unsafe { libc::syscall(libc::SYS_ioprio_set, 1, 0, value) };
        outcome(answer, "ioprio_set(2)", format!("class {}, level {}", self.class, self.level), "2.6.13")
            .map(drop)
    }
}
