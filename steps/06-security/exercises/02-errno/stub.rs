//! Exercise 06.02: what a filter answers.

use kit::{Result, todo};
use libc::{BPF_ABS, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter};

/// A filter that refuses these calls.
pub fn assemble(arch: u32, refused: &[u32]) -> Result<Vec<sock_filter>> {
    let _ = (arch, refused, load, compare, answer); // the instructions that you need
    Err(todo("06.02"))
}

/// Loads a word of `struct seccomp_data`: at 0 the number of the call, at 4 the architecture.
fn load(offset: u32) -> sock_filter {
    instruction(BPF_LD | BPF_W | BPF_ABS, 0, 0, offset)
}

/// Compares by `BPF_JEQ`, `BPF_JGE` or `BPF_JGT`; skips `yes` or `no` of the instructions that follow.
fn compare(how: u32, with: u32, yes: u8, no: u8) -> sock_filter {
    instruction(BPF_JMP | how | BPF_K, yes, no, with)
}

/// Ends with an action.
fn answer(action: u32) -> sock_filter {
    instruction(BPF_RET | BPF_K, 0, 0, action)
}

fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}
