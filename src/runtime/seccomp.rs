//! The filter of system calls that a configuration asks for, compiled before the child is made.

use crate::error::{Doing, Error, Kind, Result};
use crate::oci::seccomp::{Action, Architecture, Argument, Flag, Operator, Rule, Seccomp};
use crate::sys::seccomp::{self, Compare, Condition, Flags, Policy, Program};

/// EPERM: what a profile means that names no errno.
const EPERM: u32 = 1;

/// A filter, and how it is loaded.
#[derive(Debug)]
pub(super) struct Filter {
    program: Program,
    flags: Flags,
}

impl Filter {
    /// Compiles it; with it comes what is to be warned of. Errors: [`Kind::Invalid`] with the field,
    /// [`Kind::Unsupported`] for a listener, which cannot be had yet.
    pub(super) fn of(profile: &Seccomp) -> Result<(Self, Vec<String>)> {
        let listens = profile.syscalls.iter().position(|rule| rule.action == Action::Notify);
        if let Some(index) = listens {
            let field = format!("linux.seccomp.syscalls[{index}].action");
            return Err(Error::refused(
                Kind::Unsupported,
                "config.json",
                field,
                "a listener cannot be had yet",
            ));
        }
        let program = policy(profile)?.compile().doing("linux.seccomp", "")?;
        let unknown = program.unknown.join(", ");
        let warnings =
            (!unknown.is_empty()).then(|| format!("linux.seccomp: unknown system calls: {unknown}"));
        let has = |flag| profile.flags.contains(&flag);
        let flags = Flags {
            tsync: has(Flag::Tsync),
            log: has(Flag::Log),
            spec_allow: has(Flag::SpecAllow),
            wait_killable: has(Flag::WaitKillableRecv),
        };
        Ok((Self { program, flags }, warnings.into_iter().collect()))
    }

    /// Puts it on this process.
    pub(super) fn load(&self) -> Result<()> {
        self.program.load(self.flags).map(drop)
    }
}

/// A profile in the words of the filter's compiler. Errors: [`Kind::Invalid`] with the field.
pub fn policy(profile: &Seccomp) -> Result<Policy> {
    let rules = profile
        .syscalls
        .iter()
        .enumerate()
        .map(|(index, rule)| translated(rule).doing(format_args!("linux.seccomp.syscalls[{index}]"), ""));
    Ok(Policy {
        default: action(profile.default_action, profile.default_errno_ret)?,
        architectures: profile.architectures.iter().filter_map(|name| architecture(*name)).collect(),
        rules: rules.collect::<Result<_>>()?,
    })
}

/// `None` for those of machines that we do not run on: a filter for them would never be asked, and whoever came with
/// their mark is ended as one who is not listed.
fn architecture(named: Architecture) -> Option<seccomp::Architecture> {
    match named {
        Architecture::X86 => Some(seccomp::Architecture::X86),
        Architecture::X86_64 => Some(seccomp::Architecture::X86_64),
        Architecture::X32 => Some(seccomp::Architecture::X32),
        Architecture::Arm => Some(seccomp::Architecture::Arm),
        Architecture::Aarch64 => Some(seccomp::Architecture::Aarch64),
        Architecture::Riscv64 => Some(seccomp::Architecture::Riscv64),
        _ => None,
    }
}

fn translated(rule: &Rule) -> Result<seccomp::Rule> {
    Ok(seccomp::Rule {
        names: rule.names.clone(),
        action: action(rule.action, rule.errno_ret)?,
        conditions: rule.args.iter().map(condition).collect(),
    })
}

/// Errors: [`Kind::Invalid`] for an errno where the action has none to answer with, or for one that is too large.
fn action(action: Action, errno: Option<u32>) -> Result<seccomp::Action> {
    let refused = |reason: String| Error::refused(Kind::Invalid, "config.json", "errnoRet", reason);
    let number = || {
        let errno = errno.unwrap_or(EPERM);
        u16::try_from(errno).map_err(|_| refused(format!("{errno} is no errno")))
    };
    let plain = match action {
        Action::Errno => return number().map(seccomp::Action::Errno),
        Action::Trace => return number().map(seccomp::Action::Trace),
        Action::Kill | Action::KillThread => seccomp::Action::KillThread,
        Action::KillProcess => seccomp::Action::KillProcess,
        Action::Trap => seccomp::Action::Trap,
        Action::Allow => seccomp::Action::Allow,
        Action::Log => seccomp::Action::Log,
        Action::Notify => seccomp::Action::Notify,
    };
    match errno {
        None => Ok(plain),
        Some(_) => Err(refused("this action answers with none".to_owned())),
    }
}

fn condition(argument: &Argument) -> Condition {
    let value = argument.value;
    Condition {
        // Verified to be 0 to 5; what is beyond is refused when it is compiled.
        argument: u8::try_from(argument.index).unwrap_or(u8::MAX),
        compare: match argument.op {
            Operator::NotEqual => Compare::NotEqual(value),
            Operator::Less => Compare::Less(value),
            Operator::LessOrEqual => Compare::LessOrEqual(value),
            Operator::Equal => Compare::Equal(value),
            Operator::GreaterOrEqual => Compare::GreaterOrEqual(value),
            Operator::Greater => Compare::Greater(value),
            Operator::MaskedEqual => Compare::Masked { mask: value, value: argument.value_two },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(profile: &str) -> Result<(Filter, Vec<String>)> {
        Filter::of(&serde_json::from_str(profile).expect(profile))
    }

    #[test]
    fn a_profile_is_compiled_and_what_is_unknown_is_told() {
        let (filter, warnings) = filter(
            r#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_S390"],
            "syscalls": [{"names": ["read", "no_such_call"], "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "value": 3, "op": "SCMP_CMP_MASKED_EQ", "valueTwo": 1}]}]}"#,
        )
        .expect("compiled");
        assert!(!filter.program.instructions().is_empty());
        assert_eq!(warnings, ["linux.seccomp: unknown system calls: no_such_call"]);
    }

    #[test]
    fn an_architecture_is_known_or_of_another_machine_or_none() {
        let with = |name: &str| {
            let profile = format!(r#"{{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["{name}"]}}"#);
            serde_json::from_str::<Seccomp>(&profile)
                .map(|profile| policy(&profile).expect(name).architectures)
        };
        let error = with("SCMP_ARCH_VAX").expect_err("no name");
        assert!(error.to_string().contains("SCMP_ARCH_VAX"), "{error}");
        assert_eq!(with("SCMP_ARCH_S390X").expect("a name"), []);
        assert_eq!(with("SCMP_ARCH_X32").expect("a name"), [seccomp::Architecture::X32]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let rule =
            |rule: &str| filter(&format!(r#"{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{rule}]}}"#));
        let error =
            rule(r#"{"names": ["read"], "action": "SCMP_ACT_ALLOW", "errnoRet": 1}"#).expect_err("no errno");
        assert!(error.to_string().starts_with("linux.seccomp.syscalls[0]: "), "{error}");
        rule(r#"{"names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": 65536}"#).expect_err("too large");
        let error = rule(r#"{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}"#).expect_err("a listener");
        assert_eq!(error.kind(), Kind::Unsupported);
    }
}
