//! A policy as a program for the kernel's oldest virtual machine.
//!
//! Classic BPF was made in 1992 to pick packets, and seccomp feeds it a call instead: `struct seccomp_data`, with the
//! number, the architecture and six arguments. It has one accumulator, jumps forward only, and no loops, so that it
//! always ends. An instruction is eight bytes: what to do, how far to jump if a comparison holds and if not, and a
//! constant.
//!
//! Three things come before any rule. The architecture, since a number means another call on each. The bit that
//! marks x32, a second set of calls on x86-64, under which every number exists once more. And what is newer than
//! the policy: ENOSYS, for a program that hears "there is no such call" tries the older one, and one that hears
//! "you may not" gives up.

use nix::errno::Errno;

use crate::policy::{Action, Argument, Comparison, Policy, Rule};

/// One instruction, as the kernel has it (`struct sock_filter`).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// How many instructions to skip if the comparison holds.
    pub yes: u8,
    /// How many to skip if it does not.
    pub no: u8,
    /// The constant.
    pub value: u32,
}

/// Load a word of `struct seccomp_data`.
pub const LOAD: u16 = 0x20;
/// Keep these bits of the accumulator.
pub const AND: u16 = 0x54;
/// Jump by whether it equals the constant.
pub const JUMP_EQUAL: u16 = 0x15;
/// … is above it.
pub const JUMP_GREATER: u16 = 0x25;
/// … is it or above it.
pub const JUMP_GREATER_OR_EQUAL: u16 = 0x35;
/// Answer.
pub const RETURN: u16 = 0x06;

/// Where the number lies in `struct seccomp_data`.
pub const NUMBER: u32 = 0;
/// Where the architecture does.
pub const ARCHITECTURE: u32 = 4;
/// Where the first of the six arguments does, eight bytes each.
pub const ARGUMENTS: u32 = 16;

/// `AUDIT_ARCH_X86_64`: the machine as ELF numbers it, 64 bits, little-endian.
#[cfg(target_arch = "x86_64")]
pub const OURS: u32 = 0x3e | 0x8000_0000 | 0x4000_0000;
/// `AUDIT_ARCH_AARCH64`.
#[cfg(target_arch = "aarch64")]
pub const OURS: u32 = 0xb7 | 0x8000_0000 | 0x4000_0000;

/// `__X32_SYSCALL_BIT`.
pub const X32: u32 = 0x4000_0000;

const ENOSYS: Action = Action::Errno(Errno::ENOSYS as u16);

// ANCHOR: assemble
/// The program of a policy.
pub fn assemble(policy: &Policy) -> Vec<Instruction> {
    let mut program =
        vec![load(ARCHITECTURE), jump(JUMP_EQUAL, OURS, 1, 0), answer(Action::KillProcess), load(NUMBER)];
    if cfg!(target_arch = "x86_64") {
        program.extend([jump(JUMP_GREATER_OR_EQUAL, X32, 0, 1), answer(ENOSYS)]);
    }
    if policy.default != Action::Allow {
        program.extend([jump(JUMP_GREATER, policy.newest(), 0, 1), answer(ENOSYS)]);
    }
    for rule in &policy.rules {
        if rule.arguments.is_empty() {
            // A jump reaches 255 instructions.
            rule.numbers.chunks(250).for_each(|numbers| program.extend(any_of(numbers, rule.action)));
        } else {
            rule.numbers.iter().for_each(|number| program.extend(one_with(*number, rule)));
        }
    }
    program.push(answer(policy.default));
    program
}
// ANCHOR_END: assemble

// ANCHOR: any_of
/// The first number that is equal jumps to the answer; the last one that is not, past it.
fn any_of(numbers: &[u32], action: Action) -> Vec<Instruction> {
    let last = numbers.len().saturating_sub(1);
    let compare = |(index, number): (usize, &u32)| {
        jump(JUMP_EQUAL, *number, distance(last - index), u8::from(index == last))
    };
    let mut block: Vec<_> = numbers.iter().enumerate().map(compare).collect();
    if !block.is_empty() {
        block.push(answer(action));
    }
    block
}
// ANCHOR_END: any_of

/// A number with arguments. Comparing them takes the accumulator, so the number is loaded once more at the end.
fn one_with(number: u32, rule: &Rule) -> Vec<Instruction> {
    let parts: Vec<_> = rule.arguments.iter().map(compare).collect();
    let mut left: usize = parts.iter().map(Vec::len).sum::<usize>() + 1;
    let mut block = vec![jump(JUMP_EQUAL, number, 0, distance(left))];
    for part in parts {
        let length = part.len();
        left -= length;
        block.extend(part.into_iter().enumerate().map(|(index, (instruction, yes, no))| {
            let to = |to: To| match to {
                To::Next => 0,
                To::Holds => distance(length - index - 1),
                To::Fails => distance(length - index - 1 + left),
            };
            Instruction { yes: to(yes), no: to(no), ..instruction }
        }));
    }
    block.extend([answer(rule.action), load(NUMBER)]);
    block
}

/// Where a jump within a comparison leads.
#[derive(Clone, Copy)]
enum To {
    Next,
    Holds,
    Fails,
}

// ANCHOR: compare
/// The machine has 32 bits and an argument has 64: the high half is compared first, and often decides.
fn compare(argument: &Argument) -> Vec<(Instruction, To, To)> {
    let offset = ARGUMENTS + 8 * u32::from(argument.index);
    let (low, high) = halves(argument.value);
    let plain = |instruction| (instruction, To::Next, To::Next);
    let test = |code, value, yes, no| (jump(code, value, 0, 0), yes, no);
    let (high_word, low_word) = (plain(load(offset + 4)), plain(load(offset)));
    let equal = |yes, no| {
        vec![high_word, test(JUMP_EQUAL, high, To::Next, no), low_word, test(JUMP_EQUAL, low, yes, no)]
    };
    let above = |code, yes, no| {
        vec![
            high_word,
            test(JUMP_GREATER, high, yes, To::Next),
            test(JUMP_EQUAL, high, To::Next, no),
            low_word,
            test(code, low, yes, no),
        ]
    };
    match argument.is {
        Comparison::Equal => equal(To::Holds, To::Fails),
        Comparison::NotEqual => equal(To::Fails, To::Holds),
        Comparison::Greater => above(JUMP_GREATER, To::Holds, To::Fails),
        Comparison::GreaterOrEqual => above(JUMP_GREATER_OR_EQUAL, To::Holds, To::Fails),
        Comparison::LessOrEqual => above(JUMP_GREATER, To::Fails, To::Holds),
        Comparison::Less => above(JUMP_GREATER_OR_EQUAL, To::Fails, To::Holds),
        Comparison::Masked(bits) => {
            let (low_bits, high_bits) = halves(bits);
            let keep = |mask| plain(Instruction { code: AND, yes: 0, no: 0, value: mask });
            let mut whole = vec![high_word, keep(high), test(JUMP_EQUAL, high_bits, To::Next, To::Fails)];
            if (high, high_bits) == (0, 0) {
                whole.clear();
            }
            whole.extend([low_word, keep(low), test(JUMP_EQUAL, low_bits, To::Holds, To::Fails)]);
            whole
        }
    }
}
// ANCHOR_END: compare

/// What the kernel reads an answer as: the action above, sixteen bits of data below (seccomp(2)).
pub fn value(action: Action) -> u32 {
    match action {
        Action::Allow => libc::SECCOMP_RET_ALLOW,
        Action::Log => libc::SECCOMP_RET_LOG,
        Action::Errno(errno) => libc::SECCOMP_RET_ERRNO | u32::from(errno),
        Action::Trap => libc::SECCOMP_RET_TRAP,
        Action::KillThread => libc::SECCOMP_RET_KILL_THREAD,
        Action::KillProcess => libc::SECCOMP_RET_KILL_PROCESS,
    }
}

fn load(offset: u32) -> Instruction {
    Instruction { code: LOAD, yes: 0, no: 0, value: offset }
}

fn jump(code: u16, value: u32, yes: u8, no: u8) -> Instruction {
    Instruction { code, yes, no, value }
}

fn answer(action: Action) -> Instruction {
    Instruction { code: RETURN, yes: 0, no: 0, value: value(action) }
}

fn halves(value: u64) -> (u32, u32) {
    ((value & 0xffff_ffff) as u32, (value >> 32) as u32)
}

/// A block is shorter than what a jump reaches: at most 250 numbers, or six arguments of six instructions.
fn distance(instructions: usize) -> u8 {
    u8::try_from(instructions).unwrap_or(u8::MAX)
}
