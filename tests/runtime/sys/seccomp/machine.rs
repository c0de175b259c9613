//! An interpreter of classic BPF, as far as filters of system calls go (`kernel/seccomp.c`, `seccomp_check_filter`).

use docker_dive::sys::seccomp::{Architecture, Instruction};

use super::profile;

/// What a filter sees of a call: `struct seccomp_data`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Call {
    pub(super) number: u32,
    pub(super) audit: u32,
    pub(super) arguments: [u64; 6],
}

impl Call {
    pub(super) fn named(name: &str, architecture: Architecture) -> Self {
        let number = profile::number(name, architecture).expect("a known call");
        Self { number, audit: architecture.audit(), arguments: [0; 6] }
    }

    /// The word at this offset, in the byte order of the machine.
    fn word(&self, offset: u32) -> u32 {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend(self.number.to_ne_bytes());
        bytes.extend(self.audit.to_ne_bytes());
        bytes.extend(0_u64.to_ne_bytes());
        self.arguments.iter().for_each(|argument| bytes.extend(argument.to_ne_bytes()));
        let at = offset as usize;
        u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("a word"))
    }
}

/// What the program returns for the call. What a filter may not contain, or what leaves it, is a panic.
pub(super) fn answer(program: &[Instruction], call: &Call) -> u32 {
    let (mut at, mut a, mut x, mut memory) = (0, 0_u32, 0_u32, [0_u32; 16]);
    loop {
        let Instruction { code, jt, jf, k } = program[at];
        at += 1;
        let mut jump = |holds: bool| at += usize::from(if holds { jt } else { jf });
        match code {
            0x20 => a = call.word(k),
            0x00 => a = k,
            0x01 => x = k,
            0x60 => a = memory[k as usize],
            0x61 => x = memory[k as usize],
            0x02 => memory[k as usize] = a,
            0x03 => memory[k as usize] = x,
            0x54 => a &= k,
            0x5c => a &= x,
            0x44 => a |= k,
            0x07 => x = a,
            0x87 => a = x,
            0x05 => at += k as usize,
            0x15 => jump(a == k),
            0x25 => jump(a > k),
            0x35 => jump(a >= k),
            0x45 => jump(a & k != 0),
            0x06 => return k,
            0x16 => return a,
            _ => unreachable!("instruction {}: code {code:#x}", at - 1),
        }
    }
}
