//! The filter of system calls: from the specification's words to what [`sys::seccomp`](crate::sys::seccomp) compiles.

use crate::error::{Error, Kind, Result};
use crate::oci::seccomp::{Action, Architecture, Argument, Flag, Operator, Rule, Seccomp};
use crate::sys::seccomp::{self, Compare, Condition, Flags, Policy, Program};

/// EPERM, which an action without `errnoRet` answers with.
const DEFAULT_ERRNO: u32 = 1;

/// A filter that is ready to be loaded.
#[derive(Debug)]
pub(super) struct Filter {
    program: Program,
    flags: Flags,
}

impl Filter {
    /// Compiles it. Errors: [`Kind::Invalid`], with the field; [`Kind::Unsupported`] for a listener.
    pub(super) fn of(asked: &Seccomp) -> Result<Self> {
        let listens = asked.syscalls.iter().any(|rule| rule.action == Action::Notify);
        if listens || asked.listener_path.as_deref().is_some_and(|path| !path.is_empty()) {
            let reason = "it cannot be had yet";
            return Err(Error::refused(
                Kind::Unsupported,
                "config.json",
                "linux.seccomp.listenerPath",
                reason,
            ));
        }
        let rules = asked.syscalls.iter().enumerate().map(|(index, rule)| {
            self::rule(rule).map_err(|reason| invalid(&format!("syscalls[{index}]"), reason))
        });
        let policy = Policy {
            default: action(asked.default_action, asked.default_errno_ret)
                .map_err(|reason| invalid("defaultErrnoRet", reason))?,
            architectures: asked.architectures.iter().filter_map(|name| architecture(*name)).collect(),
            rules: rules.collect::<Result<_>>()?,
        };
        Ok(Self { program: policy.compile()?, flags: flags(&asked.flags) })
    }

    /// Names of the profile that no architecture here has, in case somebody misses them.
    pub(super) fn unknown(&self) -> &[String] {
        &self.program.unknown
    }

    /// Puts this process under it, for good.
    pub(super) fn load(&self) -> Result<()> {
        self.program.load(self.flags).map(drop)
    }
}

fn invalid(field: &str, reason: String) -> Error {
    Error::refused(Kind::Invalid, "config.json", format!("linux.seccomp.{field}"), reason)
}

fn rule(rule: &Rule) -> Result<seccomp::Rule, String> {
    let conditions = rule.args.iter().map(condition).collect::<Result<_, _>>()?;
    Ok(seccomp::Rule { names: rule.names.clone(), action: action(rule.action, rule.errno_ret)?, conditions })
}

fn condition(asked: &Argument) -> Result<Condition, String> {
    let argument =
        u8::try_from(asked.index).map_err(|_| format!("args: there is no argument {}", asked.index))?;
    let (value, second) = (asked.value, asked.value_two);
    let compare = match asked.op {
        Operator::NotEqual => Compare::NotEqual(value),
        Operator::Less => Compare::Less(value),
        Operator::LessOrEqual => Compare::LessOrEqual(value),
        Operator::Equal => Compare::Equal(value),
        Operator::GreaterOrEqual => Compare::GreaterOrEqual(value),
        Operator::Greater => Compare::Greater(value),
        Operator::MaskedEqual => Compare::Masked { mask: value, value: second },
    };
    Ok(Condition { argument, compare })
}

/// `errnoRet` is the message to a tracer as well (`config-linux.md`, "Seccomp").
fn action(asked: Action, errno: Option<u32>) -> Result<seccomp::Action, String> {
    let number = errno.unwrap_or(DEFAULT_ERRNO);
    let number = u16::try_from(number).map_err(|_| format!("errnoRet: {number} is no errno"))?;
    Ok(match asked {
        Action::Kill | Action::KillThread => seccomp::Action::KillThread,
        Action::KillProcess => seccomp::Action::KillProcess,
        Action::Trap => seccomp::Action::Trap,
        Action::Errno => seccomp::Action::Errno(number),
        Action::Trace => seccomp::Action::Trace(number),
        Action::Allow => seccomp::Action::Allow,
        Action::Log => seccomp::Action::Log,
        Action::Notify => seccomp::Action::Notify,
    })
}

/// `None` for those of machines that we do not run on: there is nobody there for whom a filter would be.
fn architecture(asked: Architecture) -> Option<seccomp::Architecture> {
    match asked {
        Architecture::X86 => Some(seccomp::Architecture::X86),
        Architecture::X86_64 => Some(seccomp::Architecture::X86_64),
        Architecture::X32 => Some(seccomp::Architecture::X32),
        Architecture::Arm => Some(seccomp::Architecture::Arm),
        Architecture::Aarch64 => Some(seccomp::Architecture::Aarch64),
        Architecture::Riscv64 => Some(seccomp::Architecture::Riscv64),
        _ => None,
    }
}

/// No flag at all is no wish for none: libseccomp, and so runc, then asks for all threads. We have one.
fn flags(asked: &[Flag]) -> Flags {
    let has = |flag| asked.contains(&flag);
    Flags {
        tsync: has(Flag::Tsync),
        log: has(Flag::Log),
        spec_allow: has(Flag::SpecAllow),
        wait_killable: has(Flag::WaitKillableRecv),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(json: &str) -> Result<Filter> {
        Filter::of(&serde_json::from_str(json).expect("a profile"))
    }

    #[test]
    fn a_profile_compiles_and_its_strangers_are_told() {
        let filter = compiled(
            r#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_S390X"],
                "syscalls": [{"names": ["read", "weather"], "action": "SCMP_ACT_ALLOW",
                              "args": [{"index": 5, "value": 1, "op": "SCMP_CMP_MASKED_EQ"}]}]}"#,
        );
        assert_eq!(filter.expect("compiles").unknown(), ["weather"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_its_field() {
        let table = [
            (
                r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 70000}"#,
                "linux.seccomp.defaultErrnoRet",
            ),
            (
                r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
                    "args": [{"index": 300, "value": 1, "op": "SCMP_CMP_EQ"}]}]}"#,
                "linux.seccomp.syscalls[0]",
            ),
            (
                r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}"#,
                "linux.seccomp.listenerPath",
            ),
        ];
        for (json, field) in table {
            let error = compiled(json).expect_err(field).to_string();
            assert!(error.contains(field), "{error}");
        }
    }
}
