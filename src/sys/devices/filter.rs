//! The program in the kernel, and at a control group (bpf(2)).

use std::ffi::{CStr, c_long};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use super::{Instruction, Program};
use crate::error::Result;
use crate::sys::{outcome, owned};

// Commands and kinds of bpf(2) (linux/bpf.h).
const PROG_LOAD: c_long = 5;
const PROG_ATTACH: c_long = 8;
const PROG_DETACH: c_long = 9;
const PROG_GET_FD_BY_ID: c_long = 13;
const PROG_QUERY: c_long = 16;
const PROG_TYPE_CGROUP_DEVICE: u32 = 15;
const ATTACH_CGROUP_DEVICE: u32 = 6;
/// `BPF_F_ALLOW_MULTI`: groups below may have programs as well, and all of them have to say yes.
const ALLOW_MULTI: u32 = 1 << 1;
/// `BPF_F_REPLACE` (Linux 5.6)
const REPLACE: u32 = 1 << 2;

/// As many programs as the kernel lets a group have.
const MOST: usize = 64;

/// The fields of `union bpf_attr` for each command, as far as they are used; what follows them counts as zero.
#[repr(C)]
#[derive(Default)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
}

#[repr(C)]
#[derive(Default)]
struct Attach {
    target: u32,
    program: u32,
    kind: u32,
    flags: u32,
    replaced: u32,
}

#[repr(C)]
#[derive(Default)]
struct Query {
    target: u32,
    kind: u32,
    flags: u32,
    attached_with: u32,
    ids: u64,
    count: u32,
}

#[repr(C)]
#[derive(Default)]
struct ById {
    id: u32,
    next: u32,
    flags: u32,
}

/// Makes this the program of the control group (version 2), in place of what is attached there. There is no moment at
/// which neither holds.
///
/// Errors: EPERM without `CAP_BPF` and `CAP_NET_ADMIN` (or `CAP_SYS_ADMIN`) in the first user namespace; EINVAL for a
/// directory of version 1.
pub fn replace(group: BorrowedFd<'_>, program: &Program) -> Result<()> {
    let old = attached(group)?.into_iter().map(by_id).collect::<Result<Vec<_>>>()?;
    let new = load(program)?;
    let mut attach = Attach {
        target: number(group),
        program: number(&new),
        kind: ATTACH_CGROUP_DEVICE,
        flags: ALLOW_MULTI,
        replaced: 0,
    };
    // Only one can be exchanged in one call. Of several, the new one comes first: all have to say yes.
    if let [only] = &old[..] {
        attach.flags |= REPLACE;
        attach.replaced = number(only);
    }
    bpf(PROG_ATTACH, "PROG_ATTACH", group, &mut attach)?;
    if attach.flags & REPLACE == 0 {
        for program in &old {
            let mut detach = Attach {
                target: number(group),
                program: number(program),
                kind: ATTACH_CGROUP_DEVICE,
                ..Attach::default()
            };
            bpf(PROG_DETACH, "PROG_DETACH", group, &mut detach)?;
        }
    }
    Ok(())
}

/// The numbers of the programs that are attached to the control group itself.
pub fn attached(group: BorrowedFd<'_>) -> Result<Vec<u32>> {
    let mut ids = [0_u32; MOST];
    let mut query = Query {
        target: number(group),
        kind: ATTACH_CGROUP_DEVICE,
        ids: ids.as_mut_ptr().expose_provenance() as u64,
        count: u32::try_from(MOST).unwrap_or(u32::MAX),
        ..Query::default()
    };
    bpf(PROG_QUERY, "PROG_QUERY", group, &mut query)?;
    // The kernel says how many in `count`, too; no program has the number 0.
    Ok(ids.into_iter().take_while(|id| *id != 0).collect())
}

fn load(program: &Program) -> Result<OwnedFd> {
    const LICENSE: &CStr = c"MIT";
    let instructions: &[Instruction] = program.instructions();
    let mut load = Load {
        kind: PROG_TYPE_CGROUP_DEVICE,
        count: u32::try_from(instructions.len()).unwrap_or(u32::MAX),
        instructions: instructions.as_ptr().expose_provenance() as u64,
        license: LICENSE.as_ptr().expose_provenance() as u64,
    };
    let answer = bpf(PROG_LOAD, "PROG_LOAD", "the list of devices", &mut load)?;
    // SAFETY: BPF_PROG_LOAD answers with a descriptor that it made for us, close-on-exec.
    Ok(unsafe { owned(answer) })
}

fn by_id(id: u32) -> Result<OwnedFd> {
    let answer =
        bpf(PROG_GET_FD_BY_ID, "PROG_GET_FD_BY_ID", id.to_string(), &mut ById { id, ..ById::default() })?;
    // SAFETY: BPF_PROG_GET_FD_BY_ID answers with a descriptor that it made for us, close-on-exec.
    Ok(unsafe { owned(answer) })
}

fn number(descriptor: impl AsFd) -> u32 {
    descriptor.as_fd().as_raw_fd().cast_unsigned()
}

fn bpf<T>(
    command: c_long,
    name: &str,
    subject: impl crate::error::Subject,
    attributes: &mut T,
) -> Result<c_long> {
    // SAFETY: the attributes are `size` bytes that live until the call returns, and begin as those of this command do in
    // linux/bpf.h; the addresses in them lead to arrays that live as long, of the lengths that stand beside them. The
    // kernel writes to the attributes, which we borrow mutably, and to `ids` alone of the arrays, which is mutable too.
    let answer =
        unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attributes), size_of::<T>()) };
    outcome(answer, format_args!("bpf(2) {name}"), subject, "5.6")
}
