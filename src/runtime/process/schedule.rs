//! When the process runs, and as what kind of machine it is told: out of the specification's words.

use nix::sys::personality::{self, Persona};

use crate::error::{Doing, Error, Kind, Result};
use crate::oci::linux::Linux;
use crate::oci::process::{IoPriority, Process, Scheduler};
use crate::sys::priority::{self, Schedule};

/// `linux/sched.h`; 4 was reserved and never came.
const POLICIES: [(&str, u32); 7] = [
    ("SCHED_OTHER", 0),
    ("SCHED_FIFO", 1),
    ("SCHED_RR", 2),
    ("SCHED_BATCH", 3),
    ("SCHED_ISO", 4),
    ("SCHED_IDLE", 5),
    ("SCHED_DEADLINE", 6),
];

/// `linux/sched.h`
const FLAGS: [(&str, u64); 7] = [
    ("SCHED_FLAG_RESET_ON_FORK", 0x01),
    ("SCHED_FLAG_RECLAIM", 0x02),
    ("SCHED_FLAG_DL_OVERRUN", 0x04),
    ("SCHED_FLAG_KEEP_POLICY", 0x08),
    ("SCHED_FLAG_KEEP_PARAMS", 0x10),
    ("SCHED_FLAG_UTIL_CLAMP_MIN", 0x20),
    ("SCHED_FLAG_UTIL_CLAMP_MAX", 0x40),
];

/// `linux/ioprio.h`
const CLASSES: [(&str, u8); 3] = [("IOPRIO_CLASS_RT", 1), ("IOPRIO_CLASS_BE", 2), ("IOPRIO_CLASS_IDLE", 3)];

/// `PER_LINUX32` of `linux/personality.h`
const LINUX32: Persona = Persona::from_bits_retain(8);

/// What is asked for of these.
#[derive(Debug, Default)]
pub(super) struct Conduct {
    scheduler: Option<Schedule>,
    io: Option<priority::IoPriority>,
    persona: Option<Persona>,
}

impl Conduct {
    /// Errors: [`Kind::Invalid`] for a word that is none.
    pub(super) fn of(process: &Process, linux: Option<&Linux>) -> Result<Self> {
        let personality = linux.and_then(|linux| linux.personality.as_ref());
        Ok(Self {
            scheduler: process.scheduler.as_ref().map(schedule).transpose()?,
            io: process.io_priority.as_ref().map(io_priority).transpose()?,
            persona: personality
                .map(|personality| match (personality.domain.as_str(), &personality.flags[..]) {
                    ("LINUX", []) => Ok(Persona::empty()),
                    ("LINUX32", []) => Ok(LINUX32),
                    (_, [flag, ..]) => Err(unknown("linux.personality.flags", flag)),
                    (domain, _) => Err(unknown("linux.personality.domain", domain)),
                })
                .transpose()?,
        })
    }

    /// Applies it to this process, which is still root: more than others get takes CAP_SYS_NICE.
    pub(super) fn apply(&self) -> Result<()> {
        self.scheduler.iter().try_for_each(Schedule::apply)?;
        self.io.iter().try_for_each(|io| io.apply())?;
        self.persona.iter().try_for_each(|persona| {
            personality::set(*persona).map(drop).doing("personality(2)", format!("{:#x}", persona.bits()))
        })
    }
}

fn schedule(scheduler: &Scheduler) -> Result<Schedule> {
    let policy = find(&POLICIES, "process.scheduler.policy", &scheduler.policy)?;
    let flags = scheduler
        .flags
        .iter()
        .try_fold(0, |all, flag| find(&FLAGS, "process.scheduler.flags", flag).map(|flag| all | flag))?;
    let priority = scheduler.priority.unwrap_or_default();
    let priority = u32::try_from(priority)
        .map_err(|_| refused("process.scheduler.priority", format!("{priority} is below 0")))?;
    Ok(Schedule {
        policy,
        flags,
        nice: scheduler.nice.unwrap_or_default(),
        priority,
        runtime: scheduler.runtime.unwrap_or_default(),
        deadline: scheduler.deadline.unwrap_or_default(),
        period: scheduler.period.unwrap_or_default(),
    })
}

fn io_priority(asked: &IoPriority) -> Result<priority::IoPriority> {
    let class = find(&CLASSES, "process.ioPriority.class", &asked.class)?;
    let level = u8::try_from(asked.priority).ok().filter(|level| *level < 8);
    let level = level.ok_or_else(|| {
        refused("process.ioPriority.priority", format!("{} is not from 0 to 7", asked.priority))
    })?;
    Ok(priority::IoPriority { class, level })
}

fn find<T: Copy>(table: &[(&str, T)], field: &str, name: &str) -> Result<T> {
    let found = table.iter().find(|(known, _)| *known == name);
    found.map(|(_, number)| *number).ok_or_else(|| unknown(field, name))
}

fn unknown(field: &str, name: &str) -> Error {
    refused(field, format!("{name:?} is none that is known"))
}

fn refused(field: &str, reason: String) -> Error {
    Error::refused(Kind::Invalid, "config.json", field, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_numbers_or_are_refused_by_their_field() {
        let scheduler = Scheduler {
            policy: "SCHED_DEADLINE".into(),
            flags: vec!["SCHED_FLAG_RECLAIM".into(), "SCHED_FLAG_DL_OVERRUN".into()],
            runtime: Some(7),
            ..Scheduler::default()
        };
        let expected = Schedule { policy: 6, flags: 6, runtime: 7, ..Schedule::default() };
        assert_eq!(schedule(&scheduler).expect("known"), expected);
        let wrong = [
            Scheduler { policy: "SCHED_SOON".into(), ..Scheduler::default() },
            Scheduler { flags: vec!["SCHED_FLAG_NOW".into()], ..scheduler.clone() },
            Scheduler { priority: Some(-1), ..scheduler },
        ];
        for (scheduler, field) in wrong.iter().zip(["policy", "flags", "priority"]) {
            let error = schedule(scheduler).expect_err(field);
            assert!(error.to_string().contains(&format!("process.scheduler.{field}")), "{error}");
        }
        let io = |class: &str, priority| io_priority(&IoPriority { class: class.into(), priority });
        assert_eq!(io("IOPRIO_CLASS_BE", 7).expect("known"), priority::IoPriority { class: 2, level: 7 });
        assert!(io("IOPRIO_CLASS_BE", 8).is_err() && io("IOPRIO_CLASS_SOON", 1).is_err());
    }
}
