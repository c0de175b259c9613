//! A list of rules as a program of eBPF (`Documentation/bpf/standardization/instruction-set.rst` in the kernel's source).
//!
//! The rules are asked from the last to the first. What is wanted is a set of up to three things, which different rules
//! may be about: each rule that allows takes its part out of the set, and when the set is empty, the answer is yes. The
//! first rule that forbids something still in it makes the answer no, and so does the end of the list.

use super::Rule;

/// One instruction (`struct bpf_insn` of `linux/bpf.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    code: u8,
    /// The destination in the low half, the source in the high one.
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// A list of rules, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program(Vec<Instruction>);

// What an instruction does: its class, its operation, and where the operand comes from.
const LOAD: u8 = 0x61; // BPF_LDX | BPF_MEM | BPF_W
const SET: u8 = 0xB7; // BPF_ALU64 | BPF_MOV | BPF_K
const COPY: u8 = 0xBC; // BPF_ALU | BPF_MOV | BPF_X
const AND: u8 = 0x54; // BPF_ALU | BPF_AND | BPF_K
const SHIFT_RIGHT: u8 = 0x74; // BPF_ALU | BPF_RSH | BPF_K
const JUMP: u8 = 0x05; // BPF_JMP | BPF_JA
const JUMP_UNLESS: u8 = 0x56; // BPF_JMP32 | BPF_JNE | BPF_K
const JUMP_IF_ANY: u8 = 0x46; // BPF_JMP32 | BPF_JSET | BPF_K
const EXIT: u8 = 0x95; // BPF_JMP | BPF_EXIT

// Registers. The kernel calls the program with a pointer to `struct bpf_cgroup_dev_ctx` in the second, and takes the answer
// out of the first.
const ANSWER: u8 = 0;
const CONTEXT: u8 = 1;
const KIND: u8 = 2;
const WANTED: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

impl Program {
    /// The program for a list.
    pub fn of(rules: &[Rule]) -> Self {
        let mut instructions = vec![
            load(KIND, 0),
            register(COPY, WANTED, KIND),
            constant(AND, KIND, 0xFFFF),
            constant(SHIFT_RIGHT, WANTED, 16),
            load(MAJOR, 4),
            load(MINOR, 8),
            constant(SET, ANSWER, 0),
        ];
        for rule in rules.iter().rev() {
            instructions.extend(block(rule));
            if rule.covers_all() {
                break;
            }
        }
        instructions.push(constant(EXIT, 0, 0));
        Self(instructions)
    }

    /// From the first to be executed.
    pub fn instructions(&self) -> &[Instruction] {
        &self.0
    }
}

/// What one rule does. Who is not meant jumps behind its end.
fn block(rule: &Rule) -> Vec<Instruction> {
    let access = i32::from(rule.access.bits());
    let verdict = if rule.allow {
        vec![
            constant(AND, WANTED, !access),
            jump(JUMP_UNLESS, WANTED, 0, 2),
            constant(SET, ANSWER, 1),
            constant(EXIT, 0, 0),
        ]
    } else {
        vec![jump(JUMP_IF_ANY, WANTED, access, 1), jump(JUMP, 0, 0, 1), constant(EXIT, 0, 0)]
    };
    let meant = [
        rule.kind.map(|kind| (KIND, kind as u32)),
        rule.major.map(|major| (MAJOR, major)),
        rule.minor.map(|minor| (MINOR, minor)),
    ];
    let meant: Vec<_> = meant.into_iter().flatten().collect();
    let mut left = meant.len() + verdict.len();
    let mut block = Vec::with_capacity(left);
    for (register, value) in meant {
        left -= 1;
        block.push(jump(JUMP_UNLESS, register, value.cast_signed(), i16::try_from(left).unwrap_or(i16::MAX)));
    }
    block.extend(verdict);
    block
}

fn load(register: u8, offset: i16) -> Instruction {
    Instruction { code: LOAD, registers: register | CONTEXT << 4, offset, immediate: 0 }
}

fn register(code: u8, to: u8, from: u8) -> Instruction {
    Instruction { code, registers: to | from << 4, offset: 0, immediate: 0 }
}

fn constant(code: u8, register: u8, immediate: i32) -> Instruction {
    Instruction { code, registers: register, offset: 0, immediate }
}

fn jump(code: u8, register: u8, immediate: i32, offset: i16) -> Instruction {
    Instruction { code, registers: register, offset, immediate }
}
