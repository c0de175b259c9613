//! How a trace begins: a command of ours, from its first instruction; or a process that runs already.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use kit::error::{NOT_EXECUTABLE, NOT_FOUND};
use kit::{Doing, Error, Result};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{AccessFlags, ForkResult, access, fork, getpid, pipe2, read, write};
use step_00::supervise::pidfd_open;
use step_00::{Birth, Program, exec};

use super::{Task, Tracer, Within, leader_of, ptrace};

impl Tracer {
    /// Starts a command under trace, and tells its pid. It has not executed yet: [`Tracer::run`] lets it.
    ///
    /// It dies with us: a tracer that is killed must not leave a process stopped. Errors: 127 if it is not
    /// found, 126 if it cannot be executed; EPERM where tracing is forbidden.
    pub fn start(&mut self, command: &[OsString]) -> Result<i32> {
        let program = Program::new(command)?;
        let path = find(&program)?;
        let program = program.executed_from(path)?;
        let (gate, keeper) = pipe2(OFlag::O_CLOEXEC).doing("pipe2(2)", "")?;
        let birth = Birth::prepare()?;
        // SAFETY: `prepare` refused if there were other threads, whose locks nobody would release in the child.
        #[allow(unsafe_code)]
        let forked = unsafe { fork() }.doing("fork(2)", "")?;
        let child = match forked {
            ForkResult::Child => birth.child(|| {
                drop(keeper);
                match read(&gate, &mut [0]).doing("read(2)", "the gate")? {
                    0 => Err(Error::refused("wait for the tracer", "", "it died before it opened the gate")),
                    _ => exec(&program),
                }
            }),
            ForkResult::Parent { child } => birth.parent(child, pidfd_open(child)?),
        };
        let pid = child.pid().as_raw();
        // The interrupt stops it before it leaves the kernel, so no instruction of its own goes unseen.
        ptrace::seize(pid, ptrace::OPTIONS | libc::PTRACE_O_EXITKILL)
            .and_then(|()| ptrace::interrupt(pid))
            .doing("ptrace(2) PTRACE_SEIZE", program.name().to_string_lossy().as_ref())
            .map_err(explain_refusal)?;
        self.tasks.insert(pid, Task { pid, within: Within::Program });
        self.command = Some(child);
        write(&keeper, &[1]).doing("write(2)", "the gate")?;
        Ok(pid)
    }

    /// Traces a process that runs already, with all its threads. It goes on when we end, however we end.
    pub fn seize(&mut self, pid: i32) -> Result<()> {
        let subject = pid.to_string();
        if pid == getpid().as_raw() {
            return Err(Error::refused("ptrace(2) PTRACE_SEIZE", pid, "that is this program itself"));
        }
        match leader_of(pid) {
            None => return Err(Error::call("ptrace(2) PTRACE_SEIZE", pid, Errno::ESRCH)),
            Some(leader) if leader != pid => {
                let reason = format!("it is a thread of process {leader}; name that");
                return Err(Error::refused("ptrace(2) PTRACE_SEIZE", pid, reason));
            }
            Some(_) => {}
        }
        // A thread may be made while the list is read: it is complete when nothing new is found. Children of
        // threads that are seized already are traced by themselves.
        loop {
            let mut found = false;
            for tid in threads(pid).doing("read the threads of", &subject)? {
                if self.tasks.contains_key(&tid) {
                    continue;
                }
                match ptrace::seize(tid, ptrace::OPTIONS).and_then(|()| ptrace::interrupt(tid)) {
                    // It has ended meanwhile, or is traced by us already, being the child of a seized thread.
                    Err(Errno::ESRCH) => continue,
                    Err(Errno::EPERM) if tid != pid => continue,
                    outcome => outcome.doing("ptrace(2) PTRACE_SEIZE", &subject).map_err(explain_refusal)?,
                }
                self.tasks.insert(tid, Task { pid, within: Within::Program });
                found = true;
            }
            if !found {
                return Ok(());
            }
        }
    }
}

fn threads(pid: i32) -> std::io::Result<BTreeSet<i32>> {
    let entries = fs::read_dir(format!("/proc/{pid}/task"))?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// The file that the command names. Found here, so that the trace begins with the one execve that counts.
fn find(program: &Program) -> Result<PathBuf> {
    let mut answer = Errno::ENOENT;
    for candidate in program.candidates() {
        let path = Path::new(OsStr::from_bytes(candidate.as_bytes()));
        match access(path, AccessFlags::X_OK) {
            Ok(()) if path.is_file() => return Ok(path.to_owned()),
            // A folder of PATH that may not be searched says nothing about the program.
            _ if path.exists() || (path.as_os_str() == program.name() && denied(path)) => {
                answer = Errno::EACCES;
            }
            _ => {}
        }
    }
    let status = if answer == Errno::ENOENT { NOT_FOUND } else { NOT_EXECUTABLE };
    Err(Error::call("execve(2)", program.name().to_string_lossy(), answer).exits(status))
}

fn denied(path: &Path) -> bool {
    access(path, AccessFlags::F_OK) == Err(Errno::EACCES)
}

fn explain_refusal(error: Error) -> Error {
    if error.errno() != Some(Errno::EPERM) {
        return error;
    }
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let advice = match scope.trim() {
        "1" => "kernel.yama.ptrace_scope is 1: only root may trace what it did not start",
        "2" => "kernel.yama.ptrace_scope is 2: only root may trace",
        "3" => "kernel.yama.ptrace_scope is 3: nobody may trace until the next boot",
        _ => "it belongs to another user or is traced already, or a container forbids ptrace; try as root",
    };
    error.advise(advice)
}
