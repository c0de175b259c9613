//! A filter as text: what the machine will do, an instruction a line.

use nix::errno::Errno;

use crate::bpf::{
    AND, ARCHITECTURE, ARGUMENTS, Instruction, JUMP_EQUAL, JUMP_GREATER, JUMP_GREATER_OR_EQUAL, LOAD, NUMBER,
    OURS, RETURN, X32,
};
use crate::numbers::name;

/// The lines. A jump names the lines that it leads to.
pub fn disassemble(program: &[Instruction]) -> Vec<String> {
    let width = program.len().saturating_sub(1).to_string().len();
    let mut loaded = NUMBER;
    let lines = program.iter().enumerate().map(|(at, instruction)| {
        if instruction.code == LOAD {
            loaded = instruction.value;
        }
        format!("{at:>width$}  {}", line(at, *instruction, loaded))
    });
    lines.collect()
}

// ANCHOR: line
fn line(at: usize, instruction: Instruction, loaded: u32) -> String {
    let Instruction { code, yes, no, value } = instruction;
    let jump = |sign: &str| {
        let (yes, no) = (at + 1 + usize::from(yes), at + 1 + usize::from(no));
        format!("if {sign} {} then {yes} else {no}", constant(value, loaded))
    };
    match code {
        LOAD => format!("load {}", word(value)),
        AND => format!("keep the bits {value:#x}"),
        JUMP_EQUAL => jump("=="),
        JUMP_GREATER => jump(">"),
        JUMP_GREATER_OR_EQUAL => jump(">="),
        RETURN => format!("return {}", answer(value)),
        _ => format!("code {code:#x}, {yes}, {no}, {value:#x}"),
    }
}
// ANCHOR_END: line

fn word(offset: u32) -> String {
    match offset {
        NUMBER => "the number".into(),
        ARCHITECTURE => "the architecture".into(),
        _ => {
            let (index, half) = ((offset.saturating_sub(ARGUMENTS)) / 8, offset % 8);
            format!("argument {index}, {} half", if half == 0 { "low" } else { "high" })
        }
    }
}

fn constant(value: u32, loaded: u32) -> String {
    match loaded {
        NUMBER if value == X32 => "the first of x32".into(),
        NUMBER => name(value).map_or_else(|| value.to_string(), str::to_owned),
        ARCHITECTURE if value == OURS => std::env::consts::ARCH.into(),
        _ => format!("{value:#x}"),
    }
}

fn answer(value: u32) -> String {
    match value & libc::SECCOMP_RET_ACTION_FULL {
        libc::SECCOMP_RET_ALLOW => "allow".into(),
        libc::SECCOMP_RET_LOG => "allow and log".into(),
        libc::SECCOMP_RET_ERRNO => {
            format!("errno {:?}", Errno::from_raw((value & libc::SECCOMP_RET_DATA).cast_signed()))
        }
        libc::SECCOMP_RET_TRAP => "trap".into(),
        libc::SECCOMP_RET_KILL_THREAD => "kill the thread".into(),
        libc::SECCOMP_RET_KILL_PROCESS => "kill the process".into(),
        _ => format!("{value:#x}"),
    }
}
