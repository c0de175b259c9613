//! Filters of system calls: what they answer, asked of an interpreter of our own, of the kernel, and of the filter that
//! runc installs for the same profile.

use std::fs;

use docker_dive::error::Kind;
use docker_dive::sys::clone::Clone;
use docker_dive::sys::seccomp::{Action, Architecture, Compare, Condition, Flags, Instruction, Policy, Rule};
use nix::errno::Errno;
use nix::sys::prctl::set_no_new_privs;
use nix::unistd::{Pid, getcwd, getpgid};

use super::{in_child, said};
use crate::kit::{Case, Lab, Need, Outcome, case};

mod profile;
mod runc;

use crate::kit::bpf::{self, Call};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("sys seccomp: arguments are compared in all of their 64 bits", &[], compared),
        case("sys seccomp: conditions hold together, and two on one argument by themselves", &[], combined),
        case(
            "sys seccomp: strangers are ended, and calls after the profile's time are missing",
            &[],
            strangers,
        ),
        case("sys seccomp: a profile of jumps too far for one instruction", &[], far),
        case("sys seccomp: what cannot be compiled is refused by its name", &[], refused),
        case("sys seccomp: the kernel answers as the filter says", &[], loaded),
        case(
            "sys seccomp: each call is answered as by the filter that runc installs",
            &[Need::Root, Need::Program("runc"), Need::File(profile::INSTALLED), Need::Cgroups],
            runc::agrees,
        ),
    ]
}

const EPERM: Action = Action::Errno(1);

fn policy(default: Action, rules: Vec<Rule>) -> Policy {
    Policy { default, architectures: vec![Architecture::X86_64, Architecture::X86, Architecture::X32], rules }
}

fn rule(name: &str, action: Action, conditions: &[(u8, Compare)]) -> Rule {
    let conditions =
        conditions.iter().map(|(argument, compare)| Condition { argument: *argument, compare: *compare });
    Rule { names: vec![name.to_owned()], action, conditions: conditions.collect() }
}

fn named(name: &str, architecture: Architecture) -> Call {
    let number = profile::number(name, architecture).expect("a known call");
    Call { number, audit: architecture.audit(), ..Call::default() }
}

fn answer(program: &[Instruction], call: &Call) -> u32 {
    bpf::answer(|at| program.get(at).map(|i| (i.code, i.jt, i.jf, i.k)), call).expect("a filter")
}

fn compiled(policy: &Policy) -> Result<Vec<Instruction>, String> {
    Ok(policy.compile().map_err(said)?.instructions().to_vec())
}

/// What stands at the edges of a comparison with this value.
fn edges(value: u64) -> [u64; 8] {
    let high = 1 << 32;
    [
        0,
        u64::MAX,
        value,
        value ^ 1,
        value.wrapping_add(1),
        value.wrapping_sub(1),
        value ^ high,
        value.wrapping_add(high),
    ]
}

fn compared(_: &Lab) -> Outcome {
    /// Rust's own comparison, in full and of 32 bits.
    type Truth = fn(u64, u64) -> bool;
    type Make = fn(u64) -> Compare;
    let kinds: [(Make, Truth); 7] = [
        (Compare::NotEqual, |a, b| a != b),
        (Compare::Less, |a, b| a < b),
        (Compare::LessOrEqual, |a, b| a <= b),
        (Compare::Equal, |a, b| a == b),
        (Compare::GreaterOrEqual, |a, b| a >= b),
        (Compare::Greater, |a, b| a > b),
        (
            |value| Compare::Masked { mask: 0xFF_0000_00F0, value },
            |a, b| a & 0xFF_0000_00F0 == b & 0xFF_0000_00F0,
        ),
    ];
    for (compare, truth) in kinds {
        for value in [0, 1, 0x50, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000, 0x7F_1234_5678, u64::MAX] {
            let rules = vec![rule("personality", Action::Allow, &[(3, compare(value))])];
            let program = compiled(&policy(EPERM, rules))?;
            for argument in edges(value) {
                let mut call = named("personality", Architecture::X86_64);
                call.arguments[3] = argument;
                let expected = if truth(argument, value) { Action::Allow } else { EPERM };
                assert_eq!(
                    answer(&program, &call),
                    expected.value(),
                    "{:?} of {argument:#x}",
                    compare(value)
                );
                let mut narrow = named("personality", Architecture::X86);
                narrow.arguments[3] = argument & 0xFFFF_FFFF;
                let expected = truth(argument & 0xFFFF_FFFF, value & 0xFFFF_FFFF);
                let expected = if expected { Action::Allow } else { EPERM };
                assert_eq!(answer(&program, &narrow), expected.value(), "i386: {:?}", compare(value));
            }
        }
    }
    Ok(())
}

fn combined(_: &Lab) -> Outcome {
    let rules = vec![
        rule("socket", Action::Errno(22), &[(0, Compare::Equal(16)), (2, Compare::Equal(9))]),
        rule("socket", Action::Allow, &[(0, Compare::NotEqual(40))]),
        rule("personality", Action::Allow, &[(0, Compare::Equal(0)), (0, Compare::Equal(8))]),
        rule("clone", Action::Errno(5), &[(0, Compare::Equal(1))]),
        rule("clone", Action::Allow, &[]),
        rule("clone", Action::Errno(6), &[]),
    ];
    let program = compiled(&policy(EPERM, rules))?;
    let ask = |name, first, third| {
        let mut call = named(name, Architecture::X86_64);
        (call.arguments[0], call.arguments[2]) = (first, third);
        answer(&program, &call)
    };
    let allow = Action::Allow.value();
    assert_eq!(ask("socket", 16, 9), Action::Errno(22).value());
    assert_eq!(
        (ask("socket", 16, 8), ask("socket", 2, 9), ask("socket", 40, 0)),
        (allow, allow, EPERM.value())
    );
    assert_eq!((ask("personality", 8, 0), ask("personality", 4, 0)), (allow, EPERM.value()));
    assert_eq!(
        (ask("clone", 1, 0), ask("clone", 0, 0)),
        (allow, allow),
        "the first without a condition replaces all"
    );

    // socketcall(SYS_SOCKET, …) of i386: its arguments lie in memory, and so the refusal holds whatever they are.
    let ask = |which| {
        let mut call = named("socketcall", Architecture::X86);
        call.arguments[0] = which;
        answer(&program, &call)
    };
    assert_eq!((ask(1), ask(2)), (Action::Errno(22).value(), EPERM.value()));
    Ok(())
}

fn strangers(_: &Lab) -> Outcome {
    let rules = vec![rule("read", Action::Allow, &[]), rule("openat2", EPERM, &[])];
    let program = compiled(&policy(Action::Errno(13), rules.clone()))?;
    let missing = Action::Errno(38).value();
    for (architecture, last) in
        [(Architecture::X86_64, 0x1B5), (Architecture::X86, 0x1B5), (Architecture::X32, 0x4000_01B5)]
    {
        let ask = |number| answer(&program, &Call { number, ..named("read", architecture) });
        assert_eq!(answer(&program, &named("read", architecture)), Action::Allow.value(), "{architecture:?}");
        assert_eq!(ask(last - 1), Action::Errno(13).value(), "{architecture:?}: known, and left out");
        assert_eq!(ask(last), EPERM.value(), "{architecture:?}");
        assert_eq!(ask(last + 1), missing, "{architecture:?}: after the profile's time");
        assert_eq!(ask(if architecture == Architecture::X86_64 { 0x3FFF_FFFF } else { u32::MAX }), missing);
    }
    let end = Action::KillProcess.value();
    assert_eq!(answer(&program, &Call { audit: Architecture::Riscv64.audit(), ..Call::default() }), end);
    let alone = Policy { architectures: vec![], ..policy(Action::Errno(13), rules) };
    let program = compiled(&alone)?;
    assert_eq!(answer(&program, &named("read", Architecture::X32)), end, "x32 was not asked for");
    assert_eq!(answer(&program, &named("read", Architecture::X86)), end, "i386 was not asked for");

    // Who lists exceptions has nothing against what is new, nor does who says ENOSYS anyway.
    for default in [Action::Allow, Action::Log, Action::Trace(7), Action::Errno(38)] {
        let program = compiled(&policy(default, vec![rule("read", Action::Errno(5), &[])]))?;
        let new = Call { number: 5000, ..named("read", Architecture::X86_64) };
        assert_eq!(answer(&program, &new), default.value());
    }
    Ok(())
}

fn far(_: &Lab) -> Outcome {
    // Each call asks six arguments of 64 bits, so that the tree's branches lie thousands of instructions apart.
    let names = ["read", "write", "close", "openat", "mmap", "brk", "ioctl", "futex", "clone3", "mseal"];
    let conditions: Vec<_> = (0..6).map(|n| (n, Compare::Greater(0x1_0000_0000 + u64::from(n)))).collect();
    let rules = names.iter().map(|name| rule(name, Action::Allow, &conditions)).collect();
    let program = compiled(&policy(EPERM, rules))?;
    assert!(program.len() > 600, "{} instructions are no test of distance", program.len());
    for architecture in [Architecture::X86_64, Architecture::X32] {
        for name in names {
            let mut call = Call { arguments: [u64::MAX; 6], ..named(name, architecture) };
            assert_eq!(answer(&program, &call), Action::Allow.value(), "{name}");
            call.arguments[5] = 5;
            assert_eq!(answer(&program, &call), EPERM.value(), "{name}");
        }
    }
    let all = profile::names();
    let rules = (0..).zip(&all).map(|(n, name)| rule(name, Action::Errno(n), &conditions)).collect();
    let error = policy(EPERM, rules).compile().expect_err("too long");
    assert!(error.to_string().contains("of which the kernel takes 4096"), "{error}");
    Ok(())
}

fn refused(_: &Lab) -> Outcome {
    let no = |default, rule: Rule, piece: &str| {
        let error = policy(default, vec![rule]).compile().expect_err(piece);
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(error.to_string().contains(piece), "{error}");
    };
    no(EPERM, rule("read", Action::Allow, &[(6, Compare::Equal(0))]), "\"read\": argument 6");
    no(EPERM, rule("write", Action::Notify, &[]), "\"write\"");
    no(Action::Errno(5000), rule("read", Action::Allow, &[]), "errno 5000");
    no(Action::Notify, rule("read", Action::Allow, &[]), "the default action");
    let program = policy(EPERM, vec![rule("redad", Action::Allow, &[])]).compile().map_err(said)?;
    assert_eq!(program.unknown, ["redad"]);
    Ok(())
}

fn loaded(_: &Lab) -> Outcome {
    in_child(&Clone::default(), || {
        let rules = vec![
            rule("getpgid", Action::Errno(71), &[(0, Compare::Equal(1))]),
            rule("getcwd", Action::Errno(72), &[]),
        ];
        let program = policy(Action::Allow, rules).compile().map_err(said)?;
        set_no_new_privs().map_err(said)?;
        let (first, own) = (Some(Pid::from_raw(1)), None);
        assert!(getcwd().is_ok() && getpgid(first).is_ok(), "the planted fault: nothing is loaded yet");
        program.load(Flags { tsync: true, log: true, ..Flags::default() }).map_err(said)?;
        assert_eq!(getcwd(), Err(Errno::from_raw(72)));
        assert_eq!(getpgid(first), Err(Errno::from_raw(71)));
        assert!(getpgid(own).is_ok());
        let status = fs::read_to_string("/proc/self/status").map_err(said)?;
        assert!(status.contains("Seccomp:\t2\n") && status.contains("Seccomp_filters:\t1\n"), "{status}");

        let ask =
            policy(Action::Allow, vec![rule("sethostname", Action::Notify, &[])]).compile().map_err(said)?;
        assert!(ask.notifies());
        let listener = ask.load(Flags { tsync: true, ..Flags::default() }).map_err(said)?;
        assert!(listener.is_some(), "a listener was asked for");
        let error = ask.load(Flags::default()).expect_err("there is one already");
        assert_eq!(error.errno(), Some(Errno::EBUSY), "{error}");
        Ok(())
    })
}
