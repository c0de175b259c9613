//! Lesson 02: clone3, and the namespaces.
//!
//! A namespace is a table that the kernel consults for a process: which pids exist, what is mounted where,
//! what the host is called, which network links there are, who is root. A process has one of each kind, and
//! its children inherit them, unless clone3(2) is told by a flag to make a new one (namespaces(7)).
//!
//! [`spawn`] is one clone3. Two kinds are left to init itself, which makes them with unshare(2) once it is
//! where it shall be: the cgroup namespace, because it shows the tree from where its maker stands, and the
//! time namespace, because its clocks can be set only before anybody lives in it ([`clock`]).
//!
//! - [`ids`]: who is root, and who that is outside; written by the parent, so init waits at a [`gate`]
//! - [`mounts`]: a copy of the mount tree is no tree of one's own until propagation is cut
//! - [`reap`]: what the first process of a pid namespace owes to orphans
//! - [`join`]: setns(2), the way into namespaces that are there already

use std::convert::Infallible;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use kit::{Doing, Result};
use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::unistd::Pid;
use step_00::{Birth, Child};

pub mod clock;
pub mod gate;
pub mod ids;
pub mod join;
pub mod mounts;
pub mod reap;

use gate::{Gate, Keeper};

/// A flag that only clone3 has room for: it lies above the 32 bits of clone(2)'s.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

// ANCHOR: wishes
/// What clone3(2) is asked for, as plain fields: a later lesson sets another one.
#[derive(Debug, Clone, Copy)]
pub struct Clone3<'a> {
    /// The new namespaces, `CLONE_NEW*`.
    pub namespaces: CloneFlags,
    /// A cgroup of version 2 in which the child is born (Linux 5.7).
    pub cgroup: Option<BorrowedFd<'a>>,
}
// ANCHOR_END: wishes

/// Init as its parent holds it: born, and waiting at the gate.
#[derive(Debug)]
pub struct Init {
    child: Child,
    keeper: Keeper,
}

impl Init {
    /// Its pid in the parent's namespace.
    pub fn pid(&self) -> Pid {
        self.child.pid()
    }

    /// Opens the gate, and waits for the end: the exit status, or init's own error.
    pub fn release_and_wait(self) -> Result<u8> {
        // An init that has failed already is not at the gate any more; its own error says why.
        let opened = self.release();
        let status = self.wait()?;
        opened.map(|()| status)
    }

    /// Opens the gate, for who has more to do before it waits.
    pub fn release(&self) -> Result<()> {
        self.keeper.open()
    }

    /// Waits for the end: the exit status, or init's own error.
    pub fn wait(self) -> Result<u8> {
        self.child.wait()
    }
}

// ANCHOR: spawn
/// Makes init, the first process of its namespaces, which runs `body` and ends in it. The body passes the
/// gate first: until the parent has opened it, ids are unmapped and limits not set.
///
/// Errors name clone3(2) with its flags: EPERM without privilege or with user namespaces forbidden, ENOSPC at
/// a limit of namespaces, ENOSYS before Linux 5.3 or behind a filter that does not know the call.
pub fn spawn(clone: Clone3<'_>, body: impl FnOnce(&Gate) -> Result<Infallible>) -> Result<Init> {
    let (gate, keeper) = gate::pair()?;
    let birth = Birth::prepare()?;
    match clone3(clone)? {
        None => birth.child(|| {
            // Our copy of the keeper's end would keep the gate open after the parent's death.
            drop(keeper);
            gate.pass()?;
            gate.die_with_parent()?;
            body(&gate)
        }),
        Some((pid, pidfd)) => Ok(Init { child: birth.parent(pid, pidfd), keeper }),
    }
}
// ANCHOR_END: spawn

// ANCHOR: clone3
/// The call. `None` in the child; its pid and a descriptor for it in the parent.
fn clone3(clone: Clone3<'_>) -> Result<Option<(Pid, OwnedFd)>> {
    // SAFETY: clone_args is a structure of integers, for which zero means "not asked for".
    #[allow(unsafe_code)]
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    let mut pidfd: i32 = -1;
    args.flags = u64::from((clone.namespaces.bits() | libc::CLONE_PIDFD).cast_unsigned());
    args.pidfd = std::ptr::from_mut(&mut pidfd) as u64;
    args.exit_signal = libc::SIGCHLD as u64;
    if let Some(cgroup) = clone.cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = u64::from(cgroup.as_raw_fd().cast_unsigned());
    }

    // SAFETY: the structure lives through the call and the size is its own. No stack is given, so the child
    // goes on here with a copy of ours, as after fork; `Birth::prepare` saw to it that we are one thread.
    #[allow(unsafe_code)]
    let answer = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of_val(&args)) };
    let pid = Errno::result(answer).doing(format!("clone3(2) {}", names(clone.namespaces)), "")?;
    if pid == 0 {
        return Ok(None);
    }
    // SAFETY: CLONE_PIDFD has made this descriptor for us; nobody else owns it.
    #[allow(unsafe_code)]
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Some((Pid::from_raw(i32::try_from(pid).unwrap_or(-1)), pidfd)))
}
// ANCHOR_END: clone3

/// Flags by name, joined as C has them.
pub fn names(flags: CloneFlags) -> String {
    flags.iter_names().map(|(name, _)| name).collect::<Vec<_>>().join("|")
}
