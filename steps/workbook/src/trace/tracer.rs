//! The ptrace loop: follows processes and all their children and threads, and tells an observer about each
//! system call, at its entry and at its exit, in one global order.
//!
//! Tracees are seized, not attached: a seized thread may be stopped and continued by job control as if nobody
//! watched (ptrace(2), "Group-stop"). Each call stops a thread twice. That is the price of seeing what a
//! program does without changing what it sees: a seccomp filter that stops at some calls only would be
//! cheaper, and visible in /proc/PID/status.
//!
//! - `ptrace`: the requests; `wait`: statuses and signals; `start`: a command of ours, and daemons

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use kit::{Doing, Result};
use nix::errno::Errno;
use step_00::Child;
use step_00::supervise::FORWARDED;

mod ptrace;
mod start;
mod wait;

use ptrace::At;
use wait::{Listener, Stop};

/// The architecture that this program is built for, as a system call's entry names it.
#[cfg(target_arch = "x86_64")]
pub const NATIVE: u32 = 0xc000_003e;
/// The architecture that this program is built for, as a system call's entry names it.
#[cfg(target_arch = "aarch64")]
pub const NATIVE: u32 = 0xc000_00b7;

/// A thread, and the process that it belongs to; both as the tracer numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Who {
    /// The thread's own id.
    pub tid: i32,
    /// Its process: the id of the thread that leads it.
    pub pid: i32,
}

/// A system call at its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// `AUDIT_ARCH_*`; [`NATIVE`] unless it is, say, a 32-bit program.
    pub arch: u32,
    /// Its number in that architecture.
    pub nr: u64,
    /// Its arguments, as they stand in the registers.
    pub args: [u64; 6],
}

/// What shall become of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It runs, and the observer is not told how it ended.
    Ignore,
    /// It runs, and the observer is told its result.
    Watch,
    /// The kernel does nothing, and the program is given this result: a fault that is planted. The observer is
    /// told.
    Answer(i64),
}

/// What happens beside system calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A process or, if `who.pid` is the parent's, a thread has been made. `by` waits inside its call.
    Born {
        /// The new one.
        who: Who,
        /// Who made it.
        by: Who,
    },
    /// The process runs a new program; its other threads are gone.
    Executed {
        /// The one thread that is left.
        who: Who,
        /// The id under which that thread made the call.
        former: i32,
    },
    /// A process has ended, with the status that wait(2) reports.
    Ended {
        /// The process.
        pid: i32,
        /// See wait(2); [`exit_status`] has it as a shell does.
        status: i32,
    },
}

/// Who is told. Threads run only between the calls of these, so whatever is read here of a thread that is
/// stopped holds still.
pub trait Observer {
    /// A thread is about to make a call.
    fn entry(&mut self, who: Who, entry: &Entry) -> Verdict;
    /// A call that was watched has ended: a result, or a negated errno. What is returned replaces it.
    fn exit(&mut self, who: Who, entry: &Entry, result: i64) -> Option<i64>;
    /// Something else.
    fn event(&mut self, event: &Event);
}

/// How long to watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Until {
    /// At most so long.
    pub time: Option<Duration>,
    /// Until the command that was started has ended, whatever else still runs; else until nobody is left.
    pub command: bool,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The exit status of the command that was started; `None` if there was none or it still runs.
    pub status: Option<u8>,
    /// How many processes go on without us.
    pub left: usize,
}

/// Processes under trace.
#[derive(Debug, Default)]
pub struct Tracer {
    tasks: HashMap<i32, Task>,
    command: Option<Child>,
    status: Option<i32>,
    letting_go: bool,
}

/// A thread under trace.
#[derive(Debug)]
struct Task {
    pid: i32,
    within: Within,
}

/// Where a thread is, as far as we were told.
#[derive(Debug, Clone, Copy)]
enum Within {
    Program,
    /// A call of no interest: its exit is passed by without a question.
    Ignored,
    Call(Entry),
    /// A call that the kernel was kept from, and what it shall seem to have answered.
    Replaced(Entry, i64),
}

/// How long letting go may take: a thread in an uninterruptible sleep stops when that ends.
const PARTING: Duration = Duration::from_secs(2);

impl Tracer {
    /// Follows everybody until it is over, and lets go of who still runs then.
    ///
    /// Signals that are sent to us go on to the command; without a command, or after its end, they end the
    /// watching.
    pub fn run(&mut self, observer: &mut impl Observer, until: Until) -> Result<Outcome> {
        let listener = Listener::new(FORWARDED).doing("listen for", "signals")?;
        let deadline = until.time.map(|time| Instant::now() + time);
        let watched = self.watch(observer, until, deadline, &listener);
        self.let_go(observer);
        drop(listener);
        watched?;
        // The command's own error tells why it never began.
        if let Some(error) = self.command.take().and_then(Child::error) {
            return Err(error);
        }
        let left = self.tasks.iter().filter(|(tid, task)| **tid == task.pid).count();
        Ok(Outcome { status: self.status.map(exit_status), left })
    }

    fn watch(
        &mut self,
        observer: &mut impl Observer,
        until: Until,
        deadline: Option<Instant>,
        listener: &Listener,
    ) -> Result<()> {
        while !self.over(until) {
            match wait::next() {
                Ok((tid, stop)) => self.stopped(tid, stop, observer),
                Err(Errno::EINTR) => {}
                Err(Errno::ECHILD) => return Ok(()),
                Err(errno) => return Err(errno).doing("waitpid(2)", ""),
            }
            if !Listener::ticked() {
                continue;
            }
            if deadline.is_some_and(|end| end <= Instant::now()) {
                return Ok(());
            }
            while let Some(sent) = listener.signal() {
                if !self.pass_on(sent) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn over(&self, until: Until) -> bool {
        self.tasks.is_empty() || (until.command && self.status.is_some())
    }

    /// Passes a signal on to the command. False if there is none to pass it to, and the signal asks for an end.
    fn pass_on(&self, sent: wait::Sent) -> bool {
        if let (Some(command), None) = (&self.command, self.status) {
            if !sent.by_terminal {
                // SAFETY: two integers; the command is our child and not yet reaped, so the id is its own.
                #[allow(unsafe_code)]
                let _ = unsafe { libc::kill(command.pid().as_raw(), sent.signal) };
            }
            return true;
        }
        ![libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT].contains(&sent.signal)
    }

    /// Something happened to a thread. Errors of requests are not looked at: the one that can come is ESRCH,
    /// for a thread may be killed at any time, and then its end is reported next.
    fn stopped(&mut self, tid: i32, stop: Stop, observer: &mut impl Observer) {
        if !self.tasks.contains_key(&tid) && !matches!(stop, Stop::Ended(_)) {
            self.adopt(tid);
        }
        let _ = match stop {
            Stop::Ended(status) => {
                self.ended(tid, status, observer);
                Ok(())
            }
            _ if self.letting_go => self.part(tid, stop, observer),
            Stop::Syscall => {
                self.syscall(tid, observer);
                ptrace::go_on(tid, 0)
            }
            Stop::Event(event) => {
                self.event(tid, event, observer);
                ptrace::go_on(tid, 0)
            }
            Stop::Group => ptrace::listen(tid),
            Stop::Stopped => ptrace::go_on(tid, 0),
            Stop::Signal(signal) => ptrace::go_on(tid, signal),
        };
    }

    /// A new thread may stop before its maker reports it.
    fn adopt(&mut self, tid: i32) {
        let pid = leader_of(tid).unwrap_or(tid);
        self.tasks.insert(tid, Task { pid, within: Within::Program });
    }

    fn syscall(&mut self, tid: i32, observer: &mut impl Observer) {
        let Some(task) = self.tasks.get_mut(&tid) else { return };
        if matches!(task.within, Within::Ignored) {
            task.within = Within::Program;
            return;
        }
        let who = Who { tid, pid: task.pid };
        let Ok(at) = ptrace::at(tid) else { return };
        match (at, task.within) {
            (At::Entry(entry), _) => {
                task.within = match observer.entry(who, &entry) {
                    Verdict::Ignore => Within::Ignored,
                    Verdict::Answer(result) if ptrace::skip(tid).is_ok() => Within::Replaced(entry, result),
                    Verdict::Watch | Verdict::Answer(_) => Within::Call(entry),
                }
            }
            (At::Exit(result), Within::Call(entry)) => {
                task.within = Within::Program;
                if let Some(other) = observer.exit(who, &entry, result) {
                    let _ = ptrace::answer(tid, other);
                }
            }
            (At::Exit(_), Within::Replaced(entry, result)) => {
                task.within = Within::Program;
                let result = observer.exit(who, &entry, result).unwrap_or(result);
                let _ = ptrace::answer(tid, result);
            }
            (At::Exit(_) | At::Neither, _) => task.within = Within::Program,
        }
    }

    fn event(&mut self, tid: i32, event: i32, observer: &mut impl Observer) {
        let Ok(message) = ptrace::message(tid) else { return };
        if event == libc::PTRACE_EVENT_EXEC {
            return self.executed(tid, message, observer);
        }
        let by = Who { tid, pid: self.pid_of(tid) };
        if !self.tasks.contains_key(&message) {
            self.adopt(message);
        }
        observer.event(&Event::Born { who: Who { tid: message, pid: self.pid_of(message) }, by });
    }

    /// execve(2) ends all threads but the one that called, and that one takes over the id of the leader. What
    /// it was within goes with it; the others' ends, except the former leader's, are reported one by one.
    fn executed(&mut self, tid: i32, former: i32, observer: &mut impl Observer) {
        if former != tid
            && let Some(task) = self.tasks.remove(&former)
        {
            self.tasks.insert(tid, task);
        }
        observer.event(&Event::Executed { who: Who { tid, pid: tid }, former });
    }

    fn ended(&mut self, tid: i32, status: i32, observer: &mut impl Observer) {
        let known = self.tasks.remove(&tid);
        if self.command.as_ref().is_some_and(|command| command.pid().as_raw() == tid) {
            self.status = Some(status);
        }
        if known.is_none_or(|task| task.pid == tid) {
            observer.event(&Event::Ended { pid: tid, status });
        }
    }

    fn pid_of(&self, tid: i32) -> i32 {
        self.tasks.get(&tid).map_or(tid, |task| task.pid)
    }

    /// Lets go of everybody who still runs. Only a stopped thread can be let go, so each is asked to stop; the
    /// kernel lets go of the rest when we end.
    fn let_go(&mut self, observer: &mut impl Observer) {
        self.letting_go = true;
        for tid in self.tasks.keys() {
            let _ = ptrace::interrupt(*tid);
        }
        let mut remaining: HashMap<i32, i32> =
            self.tasks.iter().map(|(tid, task)| (*tid, task.pid)).collect();
        let end = Instant::now() + PARTING;
        while !self.tasks.is_empty() && Instant::now() < end {
            match wait::next() {
                Ok((tid, stop)) => {
                    self.stopped(tid, stop, observer);
                    if matches!(stop, Stop::Ended(_)) {
                        remaining.remove(&tid);
                    }
                }
                Err(Errno::EINTR) => {}
                Err(_) => break,
            }
        }
        // They are counted once more, as the outcome needs it.
        let left = remaining.into_iter().map(|(tid, pid)| (tid, Task { pid, within: Within::Program }));
        self.tasks = left.collect();
    }

    /// Lets go of one thread at any stop. A child that it has just made is traced already and stops by itself.
    fn part(&mut self, tid: i32, stop: Stop, observer: &mut impl Observer) -> nix::Result<()> {
        if let Stop::Event(event) = stop {
            self.event(tid, event, observer);
        }
        let signal = if let Stop::Signal(signal) = stop { signal } else { 0 };
        self.tasks.remove(&tid);
        ptrace::detach(tid, signal)
    }
}

/// The status as a shell tells it: the exit code, or 128 + N for signal N.
pub fn exit_status(status: i32) -> u8 {
    let number =
        if libc::WIFSIGNALED(status) { 128 + libc::WTERMSIG(status) } else { libc::WEXITSTATUS(status) };
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// The process of a thread. Read from /proc, because clone's flags alone do not say whether it succeeded.
fn leader_of(tid: i32) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok())
}
