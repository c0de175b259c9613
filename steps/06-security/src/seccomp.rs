//! The filter: loaded into the calling process, and read back from another.
//!
//! A filter cannot be taken away again, execve(2) keeps it, and so do children. Whoever loads one decides for all
//! that it will ever execute, set-user-ID programs among them; a filter could make setuid(2) answer "done" and do
//! nothing. So the kernel wants either no_new_privs, after which no program gains anything by being executed, or
//! CAP_SYS_ADMIN: EACCES with neither (seccomp(2)).

use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use step_00::{birth, spawn};

use crate::bpf::Instruction;
use crate::capabilities::no_new_privileges;

/// `PTRACE_SECCOMP_GET_FILTER`, Linux 4.4.
const GET_FILTER: i32 = 0x420c;

/// `struct sock_fprog`
#[repr(C)]
struct Program {
    length: u16,
    instructions: *const Instruction,
}

// ANCHOR: load
/// Puts the calling process under the filter. There is no way back.
pub fn load(program: &[Instruction]) -> Result<()> {
    let length = u16::try_from(program.len()).unwrap_or(u16::MAX);
    let filter = Program { length, instructions: program.as_ptr() };
    let mode = libc::SECCOMP_SET_MODE_FILTER;
    // SAFETY: the structure and the instructions live through the call, which copies them; the length is theirs, or
    // one that the kernel refuses, for a filter has at most 4096 instructions.
    #[allow(unsafe_code)]
    let loaded = unsafe { libc::syscall(libc::SYS_seccomp, mode, 0, &raw const filter) };
    Errno::result(loaded).map(drop).doing("seccomp(2) SECCOMP_SET_MODE_FILTER", "").map_err(|error| {
        match error.errno() {
            Some(Errno::EACCES) => error.advise("neither no_new_privs nor CAP_SYS_ADMIN"),
            _ => error,
        }
    })
}
// ANCHOR_END: load

/// Loads a filter in a child that then stops, and reads it back from there. `None` where the kernel does not show
/// it: the reader needs CAP_SYS_ADMIN, and a kernel with CONFIG_CHECKPOINT_RESTORE.
pub fn read_back(program: &[Instruction]) -> Result<Option<Vec<Instruction>>> {
    let child = spawn(|| {
        ptrace::traceme().doing("ptrace(2) PTRACE_TRACEME", "")?;
        no_new_privileges()?;
        load(program)?;
        raise(Signal::SIGSTOP).doing("raise(3)", "SIGSTOP")?;
        birth::end(0)
    })?;
    let read = match waitpid(child.pid(), None).doing("waitpid(2)", "the child under the filter")? {
        WaitStatus::Stopped(pid, _) => {
            let read = filter_of(pid);
            ptrace::kill(pid).doing("ptrace(2) PTRACE_KILL", "the child under the filter")?;
            waitpid(pid, None).doing("waitpid(2)", "the child under the filter")?;
            read
        }
        status => return Err(child.error().unwrap_or_else(|| ended(status))),
    };
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Errno::EACCES | Errno::EPERM | Errno::EIO | Errno::EINVAL) => Ok(None),
        Err(errno) => Err(Error::call("ptrace(2) PTRACE_SECCOMP_GET_FILTER", "", errno)),
    }
}

// ANCHOR: filter_of
/// The filter of a stopped process, in two calls: how long it is, and what it is.
pub fn filter_of(pid: Pid) -> nix::Result<Vec<Instruction>> {
    let get = |into: *mut Instruction| {
        // SAFETY: a null pointer asks for the length; any other has room for it, as the call below sees to.
        #[allow(unsafe_code)]
        let length = unsafe { libc::syscall(libc::SYS_ptrace, GET_FILTER, pid.as_raw(), 0, into) };
        Errno::result(length).map(|length| usize::try_from(length).unwrap_or(0))
    };
    let nothing = Instruction { code: 0, yes: 0, no: 0, value: 0 };
    let mut program = vec![nothing; get(std::ptr::null_mut())?];
    get(program.as_mut_ptr())?;
    Ok(program)
}
// ANCHOR_END: filter_of

fn ended(status: WaitStatus) -> Error {
    Error::refused("read the filter back", "", format!("the child under it ended early: {status:?}"))
}
