//! Classic BPF, assembled from its end to its beginning.
//!
//! Jumps lead forward only, so who writes backwards knows each target before the jump to it. A place is named by
//! the number of instructions from it to the end, which stays true whatever is put in front.

use super::Instruction;

// linux/bpf_common.h: class, size, mode and operation of an instruction.
const LOAD_WORD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const AND: u16 = 0x54; // BPF_ALU | BPF_AND | BPF_K
const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

/// Comparisons of the accumulator with a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Test {
    Equal = 0x15,          // BPF_JMP | BPF_JEQ | BPF_K
    Greater = 0x25,        // BPF_JMP | BPF_JGT | BPF_K
    GreaterOrEqual = 0x35, // BPF_JMP | BPF_JGE | BPF_K
}

/// A place in the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label(usize);

/// The part of a program that is finished, its end first.
#[derive(Default)]
pub(super) struct Assembler {
    reversed: Vec<Instruction>,
}

impl Assembler {
    /// Ends the program with this value.
    pub(super) fn ret(&mut self, value: u32) -> Label {
        self.push(RETURN, 0, 0, value)
    }

    /// Loads the word at this offset of `struct seccomp_data`, and goes on there.
    pub(super) fn load(&mut self, offset: u32, next: Label) -> Label {
        self.lead_to(next);
        self.push(LOAD_WORD, 0, 0, offset)
    }

    /// Keeps only these bits of what was loaded, and goes on there.
    pub(super) fn and(&mut self, mask: u32, next: Label) -> Label {
        self.lead_to(next);
        self.push(AND, 0, 0, mask)
    }

    /// Goes to `yes` or to `no`.
    pub(super) fn test(&mut self, test: Test, operand: u32, yes: Label, no: Label) -> Label {
        let yes = self.near(yes);
        let no = self.near(no);
        let (yes, no) = (self.distance(yes), self.distance(no));
        self.push(test as u16, offset(yes), offset(no), operand)
    }

    /// From the first to be executed, which is the one written last.
    pub(super) fn finish(mut self, start: Label) -> Vec<Instruction> {
        self.lead_to(start);
        self.reversed.reverse();
        self.reversed
    }

    /// A place with the same meaning that a conditional jump written next reaches: its offset has 8 bits.
    fn near(&mut self, label: Label) -> Label {
        // One less than it could be: to bring the other branch near may take an instruction in between.
        if self.distance(label) < usize::from(u8::MAX) {
            return label;
        }
        let target = self.reversed[label.0 - 1];
        if target.code == RETURN { self.ret(target.k) } else { self.jump(label) }
    }

    /// Makes the place the one that comes next.
    fn lead_to(&mut self, label: Label) {
        if self.distance(label) > 0 {
            self.jump(label);
        }
    }

    fn jump(&mut self, label: Label) -> Label {
        let distance = u32::try_from(self.distance(label)).unwrap_or(u32::MAX);
        self.push(JUMP, 0, 0, distance)
    }

    /// How many instructions one that is written next would have to skip.
    fn distance(&self, label: Label) -> usize {
        self.reversed.len() - label.0
    }

    fn push(&mut self, code: u16, jt: u8, jf: u8, k: u32) -> Label {
        self.reversed.push(Instruction { code, jt, jf, k });
        Label(self.reversed.len())
    }
}

/// As [`Assembler::near`] has left it, which keeps it below 256.
fn offset(distance: usize) -> u8 {
    let offset = u8::try_from(distance);
    debug_assert!(offset.is_ok(), "a jump too far: {distance}");
    offset.unwrap_or(u8::MAX)
}
