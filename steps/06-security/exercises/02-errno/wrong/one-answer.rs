// hint: far-jump
//! All refusals share one answer, at the end.

use kit::Result;
use libc::{BPF_ABS, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter};
use libc::{SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO, SECCOMP_RET_KILL_PROCESS};

pub fn assemble(arch: u32, refused: &[u32]) -> Result<Vec<sock_filter>> {
    let mut filter = vec![
        load(4),
        compare(BPF_JEQ, arch, 1, 0),
        answer(SECCOMP_RET_KILL_PROCESS),
        load(0),
        compare(BPF_JGE, 0x4000_0000, 0, 1),
        answer(SECCOMP_RET_KILL_PROCESS),
    ];
    let clone3 = libc::SYS_clone3 as u32;
    if refused.contains(&clone3) {
        filter.push(compare(BPF_JEQ, clone3, 0, 1));
        filter.push(answer(SECCOMP_RET_ERRNO | libc::ENOSYS as u32));
    }
    for (index, number) in refused.iter().enumerate() {
        filter.push(compare(BPF_JEQ, *number, (refused.len() - index) as u8, 0));
    }
    filter.push(answer(SECCOMP_RET_ALLOW));
    filter.push(answer(SECCOMP_RET_ERRNO | libc::EPERM as u32));
    Ok(filter)
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
