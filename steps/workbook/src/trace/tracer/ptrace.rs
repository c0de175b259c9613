//! ptrace(2) as the tracer needs it. Signals are plain numbers: real-time signals have no name, and threading
//! libraries send them all the time.

use std::ffi::c_uint;

use nix::Result;
use nix::errno::Errno;

use super::Entry;

/// What a kernel thread of ours is asked with: options that every tracee has, and its children inherit.
///
/// Without `EXITKILL`: that one is for the commands that we started, never for somebody's daemon.
pub(super) const OPTIONS: i32 = libc::PTRACE_O_TRACESYSGOOD
    | libc::PTRACE_O_TRACEFORK
    | libc::PTRACE_O_TRACEVFORK
    | libc::PTRACE_O_TRACECLONE
    | libc::PTRACE_O_TRACEEXEC;

/// Where a thread stands that has stopped at a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Entry(Entry),
    Exit(i64),
    Neither,
}

/// The kernel's structure; what follows the head is a union, of which we need the numbers in order.
#[repr(C)]
#[derive(Default)]
struct SyscallInfo {
    op: u8,
    pad: [u8; 3],
    arch: u32,
    instruction: u64,
    stack: u64,
    data: [u64; 8],
}

/// Begins to trace a thread without stopping it.
pub(super) fn seize(tid: i32, options: i32) -> Result<()> {
    ptrace(libc::PTRACE_SEIZE, tid, 0, word(options)).map(drop)
}

/// Asks a running thread to stop.
pub(super) fn interrupt(tid: i32) -> Result<()> {
    ptrace(libc::PTRACE_INTERRUPT, tid, 0, 0).map(drop)
}

/// Lets a thread run to its next system call, with a signal delivered, or 0.
pub(super) fn go_on(tid: i32, signal: i32) -> Result<()> {
    ptrace(libc::PTRACE_SYSCALL, tid, 0, word(signal)).map(drop)
}

/// Leaves a thread stopped that a job-control signal stopped, and listens for the signal that continues it.
pub(super) fn listen(tid: i32) -> Result<()> {
    ptrace(libc::PTRACE_LISTEN, tid, 0, 0).map(drop)
}

/// Lets go of a thread, with a signal delivered, or 0.
pub(super) fn detach(tid: i32, signal: i32) -> Result<()> {
    ptrace(libc::PTRACE_DETACH, tid, 0, word(signal)).map(drop)
}

/// What an event is about: the new thread's id, or the former id of the one that executed.
pub(super) fn message(tid: i32) -> Result<i32> {
    let mut message: libc::c_ulong = 0;
    ptrace(libc::PTRACE_GETEVENTMSG, tid, 0, std::ptr::from_mut(&mut message) as usize)?;
    i32::try_from(message).map_err(|_| Errno::ERANGE)
}

/// Where a thread stands (Linux 5.3). It says the architecture too, so that no register is read.
pub(super) fn at(tid: i32) -> Result<At> {
    let mut info = SyscallInfo::default();
    let place = std::ptr::from_mut(&mut info) as usize;
    ptrace(libc::PTRACE_GET_SYSCALL_INFO, tid, size_of_val(&info), place)?;
    let [nr, args @ .., _] = info.data;
    Ok(match info.op {
        libc::PTRACE_SYSCALL_INFO_ENTRY => At::Entry(Entry { arch: info.arch, nr, args }),
        libc::PTRACE_SYSCALL_INFO_EXIT => At::Exit(nr.cast_signed()),
        _ => At::Neither,
    })
}

/// At the entry of a call: has the kernel do nothing.
#[cfg(target_arch = "x86_64")]
pub(super) fn skip(tid: i32) -> Result<()> {
    poke(tid, std::mem::offset_of!(libc::user_regs_struct, orig_rax), -1)
}

/// At the exit of a call: has it answer so.
#[cfg(target_arch = "x86_64")]
pub(super) fn answer(tid: i32, result: i64) -> Result<()> {
    poke(tid, std::mem::offset_of!(libc::user_regs_struct, rax), result)
}

/// The registers come first in the kernel's `struct user`, so that their offsets are those in it.
#[cfg(target_arch = "x86_64")]
fn poke(tid: i32, offset: usize, value: i64) -> Result<()> {
    ptrace(libc::PTRACE_POKEUSER, tid, offset, usize::from_ne_bytes(value.to_ne_bytes())).map(drop)
}

/// At the entry of a call: has the kernel do nothing.
#[cfg(target_arch = "aarch64")]
pub(super) fn skip(tid: i32) -> Result<()> {
    const NT_ARM_SYSTEM_CALL: usize = 0x404;
    let mut number: i32 = -1;
    let mut span = libc::iovec { iov_base: (&raw mut number).cast(), iov_len: size_of_val(&number) };
    ptrace(libc::PTRACE_SETREGSET, tid, NT_ARM_SYSTEM_CALL, (&raw mut span) as usize).map(drop)
}

/// At the exit of a call: has it answer so.
#[cfg(target_arch = "aarch64")]
pub(super) fn answer(tid: i32, result: i64) -> Result<()> {
    const NT_PRSTATUS: usize = 1;
    let mut registers = [0_u64; 34];
    let mut span = libc::iovec { iov_base: registers.as_mut_ptr().cast(), iov_len: size_of_val(&registers) };
    ptrace(libc::PTRACE_GETREGSET, tid, NT_PRSTATUS, (&raw mut span) as usize)?;
    registers[0] = result.cast_unsigned();
    ptrace(libc::PTRACE_SETREGSET, tid, NT_PRSTATUS, (&raw mut span) as usize).map(drop)
}

fn ptrace(request: c_uint, tid: i32, address: usize, data: usize) -> Result<i64> {
    // SAFETY: where a request writes through `data` or reads through it, the callers above pass a structure
    // that lives through the call and is as large as the kernel is told; otherwise they are numbers.
    #[allow(unsafe_code)]
    let answer = unsafe { libc::ptrace(request, tid, address, data) };
    Errno::result(answer)
}

/// A small number as an argument.
fn word(number: i32) -> usize {
    usize::try_from(number).unwrap_or(0)
}
