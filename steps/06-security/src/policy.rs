//! `linux.seccomp`: which system calls, and what happens to who makes them.
//!
//! Capabilities ask *who* calls, and only some calls ask. A filter asks *what* is called, of everybody, before the
//! kernel's code for the call has run one instruction: what cannot be called has no bugs.

use std::fmt::{self, Display};

use kit::Result;
use nix::errno::Errno;
use step_05::field::Field;

use crate::numbers::{Number, number};

/// A policy: the first rule that matches decides, and the default where none does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What happens where no rule matches.
    pub default: Action,
    /// The rules, in their order.
    pub rules: Vec<Rule>,
}

/// What happens to some calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The calls, by their numbers.
    pub numbers: Vec<u32>,
    /// What happens.
    pub action: Action,
    /// What each argument that is named must be; without any, whatever they are.
    pub arguments: Vec<Argument>,
}

/// The filter's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The call is made.
    Allow,
    /// It is made, and told to the audit log.
    Log,
    /// It is not made, and the caller is told this error.
    Errno(u16),
    /// It is not made, and the caller gets SIGSYS, which a handler may catch.
    Trap,
    /// The thread ends.
    KillThread,
    /// The process ends.
    KillProcess,
}

/// A comparison of one argument, of 64 bits and never of what it points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument {
    /// Which, from 0 to 5.
    pub index: u8,
    /// With what.
    pub value: u64,
    /// How.
    pub is: Comparison,
}

/// How an argument is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// It is the value.
    Equal,
    /// It is anything else.
    NotEqual,
    /// It is below it, as all these without a sign.
    Less,
    /// It is it, or below.
    LessOrEqual,
    /// It is above it.
    Greater,
    /// It is it, or above.
    GreaterOrEqual,
    /// Of the bits that the value has, it has these.
    Masked(u64),
}

impl Policy {
    /// Reads it. What would be refused by a rule and has an unknown name would be allowed instead: that is an error.
    pub fn from_field(seccomp: &Field<'_>) -> Result<Self> {
        let default = action(&seccomp.need("defaultAction")?, seccomp.get("defaultErrnoRet")?)?;
        // Ours is always meant; calls of another architecture end the process, whatever is listed.
        if let Some(architectures) = seccomp.get("architectures")? {
            architectures.texts()?;
        }
        let rules = seccomp.get("syscalls")?.map_or(Ok(vec![]), |rules| rules.list())?;
        Ok(Self { default, rules: rules.iter().map(|field| rule(field, default)).collect::<Result<_>>()? })
    }

    /// The highest number that a rule names. A newer call is unknown to whoever wrote the policy.
    pub fn newest(&self) -> u32 {
        self.rules.iter().flat_map(|rule| &rule.numbers).copied().max().unwrap_or(0)
    }
}

fn rule(field: &Field<'_>, default: Action) -> Result<Rule> {
    let action = action(&field.need("action")?, field.get("errnoRet")?)?;
    let mut numbers = Vec::new();
    for name in field.need("names")?.list()? {
        let text = name.text()?;
        match number(&text) {
            Number::Here(number) => numbers.push(number),
            Number::Elsewhere => {}
            // What is to be allowed and has no number stays at the default, which allows less.
            Number::Unknown if action == Action::Allow && default != Action::Allow => {}
            Number::Unknown => {
                return Err(name.refuse(format!("{text:?} is no system call that is known here")));
            }
        }
    }
    let arguments = field.get("args")?.map_or(Ok(vec![]), |list| list.list())?;
    Ok(Rule { numbers, action, arguments: arguments.iter().map(argument).collect::<Result<_>>()? })
}

fn action(field: &Field<'_>, errno: Option<Field<'_>>) -> Result<Action> {
    let errno = errno.map_or(Ok(Errno::EPERM as u16), |field| field.unsigned())?;
    Ok(match field.text()?.as_str() {
        "SCMP_ACT_ALLOW" => Action::Allow,
        "SCMP_ACT_LOG" => Action::Log,
        // The kernel has 4095 errors; a larger one would arrive as an ordinary answer.
        "SCMP_ACT_ERRNO" if errno <= 4095 => Action::Errno(errno),
        "SCMP_ACT_ERRNO" => return Err(field.refuse(format!("with {errno}, which is no errno"))),
        "SCMP_ACT_TRAP" => Action::Trap,
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Action::KillThread,
        "SCMP_ACT_KILL_PROCESS" => Action::KillProcess,
        other => return Err(field.refuse(format!("{other:?} is dive-runtime's, if anybody's"))),
    })
}

fn argument(field: &Field<'_>) -> Result<Argument> {
    let index: u8 = field.need("index")?.unsigned()?;
    if index > 5 {
        return Err(field.need("index")?.refuse(format!("{index}: a call has six arguments, from 0")));
    }
    let second = field.get("valueTwo")?.map_or(Ok(0), |value| value.unsigned())?;
    let op = field.need("op")?;
    let is = match op.text()?.as_str() {
        "SCMP_CMP_EQ" => Comparison::Equal,
        "SCMP_CMP_NE" => Comparison::NotEqual,
        "SCMP_CMP_LT" => Comparison::Less,
        "SCMP_CMP_LE" => Comparison::LessOrEqual,
        "SCMP_CMP_GT" => Comparison::Greater,
        "SCMP_CMP_GE" => Comparison::GreaterOrEqual,
        "SCMP_CMP_MASKED_EQ" => Comparison::Masked(second),
        other => return Err(op.refuse(format!("{other:?} is no comparison"))),
    };
    Ok(Argument { index, value: field.need("value")?.unsigned()?, is })
}

/// As the disassembly shows it: `errno EPERM`.
impl Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::Log => f.write_str("allow and log"),
            Self::Errno(errno) => write!(f, "errno {:?}", Errno::from_raw((*errno).into())),
            Self::Trap => f.write_str("trap"),
            Self::KillThread => f.write_str("kill the thread"),
            Self::KillProcess => f.write_str("kill the process"),
        }
    }
}
