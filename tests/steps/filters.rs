//! The filter of lesson 06, run by an interpreter of our own: each policy must decide as it reads, for every architecture,
//! number and argument that stands at an edge. No kernel is needed for these.

use serde_json::{Value, json};
use step_06::bpf::{self, Instruction, OURS, assemble};
use step_06::disassemble::disassemble;
use step_06::numbers::{Number, number};
use step_06::policy::{Action, Policy};

use super::snapshots::snapshot;
use crate::kit::bpf::{Call, answer};
use crate::kit::{Case, Outcome, case};

/// Whether an argument, beside a value and a second one, is what a comparison says.
type Holds = fn(u64, u64, u64) -> bool;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("filters: every comparison, at every edge of 64 bits", &[], |_| comparisons(&|program| program)),
        case("filters: a jump that leads one too far is noticed", &[], |_| {
            noticed(|mut program| {
                if let Some(jump) = program.iter_mut().rfind(|i| i.code == bpf::JUMP_EQUAL && i.no > 0) {
                    jump.no += 1;
                }
                program
            })
        }),
        case("filters: a comparison of the low half alone is noticed", &[], |_| {
            noticed(|mut program| {
                let high = |i: &&mut Instruction| i.code == bpf::LOAD && i.value == bpf::ARGUMENTS + 4;
                program.iter_mut().filter(high).for_each(|load| load.value = bpf::ARGUMENTS);
                program
            })
        }),
        case("filters: another architecture ends the process", &[], |_| {
            let program = assemble(&policy(&json!({ "defaultAction": "SCMP_ACT_ALLOW" }))?);
            let foreign = Call { audit: 0x4000_0003, ..call("read", 0)? };
            assert_eq!(run(&program, foreign)?, bpf::value(Action::KillProcess));
            assert_eq!(run(&program, call("read", 0)?)?, bpf::value(Action::Allow));
            // Without the check, read of i386 would be what number 3 is here.
            assert_eq!(run(&program[3..], foreign)?, bpf::value(Action::Allow));
            Ok(())
        }),
        case("filters: x32 has no calls", &[], |_| {
            let program = assemble(&policy(&json!({ "defaultAction": "SCMP_ACT_ALLOW" }))?);
            let x32 = Call { number: 0x4000_0000, ..call("read", 0)? };
            let expected =
                if cfg!(target_arch = "x86_64") { errno(libc::ENOSYS) } else { bpf::value(Action::Allow) };
            assert_eq!(run(&program, x32)?, expected);
            Ok(())
        }),
        case("filters: what is newer than the policy is unknown, not forbidden", &[], |_| {
            let allowed = json!([{ "names": ["read", "close_range"], "action": "SCMP_ACT_ALLOW" }]);
            let program =
                assemble(&policy(&json!({ "defaultAction": "SCMP_ACT_ERRNO", "syscalls": allowed }))?);
            assert_eq!(run(&program, call("read", 0)?)?, bpf::value(Action::Allow));
            assert_eq!(run(&program, call("mount", 0)?)?, errno(libc::EPERM));
            let newer = Call { number: call("close_range", 0)?.number + 1, ..call("read", 0)? };
            assert_eq!(run(&program, newer)?, errno(libc::ENOSYS));
            Ok(())
        }),
        case("filters: more names than a jump reaches", &[], |_| {
            let names = ["read", "write", "mount", "umount2", "openat", "kill"];
            let many: Vec<_> = names.iter().cycle().take(700).chain(&["reboot"]).collect();
            let rules = json!([{ "names": many, "action": "SCMP_ACT_ERRNO", "errnoRet": 7 }]);
            let program =
                assemble(&policy(&json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules }))?);
            assert!(program.len() > 700);
            assert_eq!(run(&program, call("reboot", 0)?)?, errno(7));
            assert_eq!(run(&program, call("kill", 0)?)?, errno(7));
            assert_eq!(run(&program, call("getpid", 0)?)?, bpf::value(Action::Allow));
            Ok(())
        }),
        case("filters: the first rule that matches decides", &[], |_| {
            let rules = json!([
                { "names": ["kill"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "args": [{ "index": 1, "value": 9, "op": "SCMP_CMP_EQ" }] },
                { "names": ["kill"], "action": "SCMP_ACT_ERRNO", "errnoRet": 2 },
            ]);
            let program =
                assemble(&policy(&json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules }))?);
            let kill =
                |signal| call("kill", 0).map(|call| Call { arguments: [0, signal, 0, 0, 0, 0], ..call });
            assert_eq!((run(&program, kill(9)?)?, run(&program, kill(15)?)?), (errno(1), errno(2)));
            Ok(())
        }),
        case("filters: disassembled", &[], disassembled),
    ]
}

fn disassembled(_: &crate::kit::Lab) -> Outcome {
    let rules = json!([
        { "names": ["mount", "umount2"], "action": "SCMP_ACT_ERRNO" },
        { "names": ["clone"], "action": "SCMP_ACT_KILL_PROCESS",
          "args": [{ "index": 0, "value": 0x1000_0000, "valueTwo": 0x1000_0000, "op": "SCMP_CMP_MASKED_EQ" }] },
        { "names": ["kill"], "action": "SCMP_ACT_LOG", "args": [{ "index": 1, "value": 9, "op": "SCMP_CMP_GT" }] },
    ]);
    let program = assemble(&policy(&json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules }))?);
    if cfg!(target_arch = "x86_64") {
        snapshot("filter", "a policy of three rules", &disassemble(&program).join("\n"));
    }
    Ok(())
}

/// The check must fail with a program that was changed so.
fn noticed(fault: impl Fn(Vec<Instruction>) -> Vec<Instruction>) -> Outcome {
    match comparisons(&fault) {
        Err(_) => Ok(()),
        Ok(()) => Err("the fault went unnoticed".into()),
    }
}

/// Each comparison beside what it says, for values on both sides of every edge.
fn comparisons(change: &dyn Fn(Vec<Instruction>) -> Vec<Instruction>) -> Outcome {
    let edges = [
        0,
        1,
        5,
        0xffff_ffff,
        0x1_0000_0000,
        0x1_0000_0005,
        0x5_0000_0000,
        0x5_0000_0005,
        u64::MAX - 1,
        u64::MAX,
    ];
    let operators: [(&str, Holds); 7] = [
        ("SCMP_CMP_EQ", |argument, value, _| argument == value),
        ("SCMP_CMP_NE", |argument, value, _| argument != value),
        ("SCMP_CMP_LT", |argument, value, _| argument < value),
        ("SCMP_CMP_LE", |argument, value, _| argument <= value),
        ("SCMP_CMP_GT", |argument, value, _| argument > value),
        ("SCMP_CMP_GE", |argument, value, _| argument >= value),
        ("SCMP_CMP_MASKED_EQ", |argument, value, second| argument & value == second),
    ];
    for (op, holds) in operators {
        for value in edges {
            let second = value & 0x5_0000_0004;
            let arguments = json!([{ "index": 0, "value": value, "valueTwo": second, "op": op }]);
            let rules =
                json!([{ "names": ["kill"], "action": "SCMP_ACT_ERRNO", "errnoRet": 9, "args": arguments }]);
            let program =
                assemble(&policy(&json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules }))?);
            let program = change(program);
            for argument in edges {
                let expected =
                    if holds(argument, value, second) { errno(9) } else { bpf::value(Action::Allow) };
                let found = run(&program, call("kill", argument)?)?;
                if found != expected {
                    return Err(format!("{argument:#x} {op} {value:#x}: {found:#x}, not {expected:#x}"));
                }
            }
        }
    }
    Ok(())
}

fn policy(seccomp: &Value) -> Result<Policy, String> {
    let document = json!({ "process": {}, "linux": { "seccomp": seccomp } });
    let confinement = step_06::confinement(&document).map_err(|error| error.to_string())?;
    confinement.seccomp.ok_or_else(|| "no policy".into())
}

fn call(name: &str, argument: u64) -> Result<Call, String> {
    match number(name) {
        Number::Here(number) => Ok(Call { number, audit: OURS, arguments: [argument, 0, 0, 0, 0, 0] }),
        other => Err(format!("{name}: {other:?}")),
    }
}

fn errno(errno: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | errno.cast_unsigned()
}

fn run(program: &[Instruction], call: Call) -> Result<u32, String> {
    answer(|at| program.get(at).map(|i| (i.code, i.yes, i.no, i.value)), &call)
}
