//! What was seen, kept in order: processes, and the calls that each made.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::time::Instant;

use nix::errno::Errno;
use serde::Serialize;

use super::decode::{self, Decoded, Memory};
use super::explain::explain;
use super::privilege::Privilege;
use super::tracer::{Entry, Event, NATIVE, Observer, Verdict, Who};

/// A whole trace.
#[derive(Debug, Default, Serialize)]
pub struct Record {
    /// In the order of their births.
    pub processes: Vec<Process>,
    /// In the order in which they were made, of all processes.
    pub calls: Vec<Call>,
    /// How many more were made, and are not in `calls` because others were asked for.
    pub left_out: usize,
    /// What the trace itself has changed, or could not see.
    pub warnings: Vec<String>,
}

/// A process that was followed.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Process {
    /// Its number in this trace, from 1.
    pub number: usize,
    /// As the tracer knows it.
    pub pid: i32,
    /// As it knows itself, where that differs: in a pid namespace of its own.
    pub pid_inside: Option<i32>,
    /// The program that it runs, or ran last.
    pub name: String,
    /// The number of the process that made it; none for those that the trace began with.
    pub parent: Option<usize>,
    /// The call that made it.
    pub made_by: Option<&'static str>,
    /// How many threads it has made.
    pub threads: usize,
    /// Its exit status as a shell has it; none if it went on.
    pub status: Option<u8>,
}

/// A call that was made.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// The number of the process.
    pub process: usize,
    /// The thread, as the tracer knows it.
    pub tid: i32,
    /// Microseconds since the trace began.
    pub at: u64,
    /// What was called.
    #[serde(flatten)]
    pub decoded: Decoded,
    /// Its result, or a negated errno; none if it never returned.
    pub result: Option<i64>,
    /// The name of the errno.
    pub errno: Option<String>,
    /// The number of the process that it made.
    pub child: Option<usize>,
    /// What it is for.
    pub phrase: &'static str,
}

/// Who is told each call at its end.
pub type Live<'a> = &'a mut dyn FnMut(&Process, &Call);

/// The observer that writes a record.
pub struct Recorder<'a> {
    /// So far.
    pub record: Record,
    began: Instant,
    numbers: HashMap<i32, usize>,
    pending: HashMap<i32, Pending>,
    executed: HashSet<usize>,
    foreign: bool,
    privilege: Privilege,
    live: Option<Live<'a>>,
}

/// A call that a thread is within.
enum Pending {
    /// It will be, or is, `record.calls[…]`.
    Recorded(usize),
    /// A thread is being made; nothing but its number is kept.
    Thread,
}

impl<'a> Recorder<'a> {
    /// An empty record. `live` is told each call at its end.
    pub fn new(live: Option<Live<'a>>) -> Self {
        Self {
            record: Record::default(),
            began: Instant::now(),
            numbers: HashMap::new(),
            pending: HashMap::new(),
            executed: HashSet::new(),
            foreign: false,
            privilege: Privilege::of_self(),
            live,
        }
    }

    /// A process that the trace begins with.
    pub fn begin_with(&mut self, pid: i32, name: &str) {
        self.add(pid, name.to_owned());
    }

    fn add(&mut self, pid: i32, name: String) -> usize {
        let number = self.record.processes.len() + 1;
        self.record.processes.push(Process {
            number,
            pid,
            name,
            pid_inside: inside(pid),
            ..Process::default()
        });
        self.numbers.insert(pid, number);
        number
    }

    /// The process of a pid; one that nobody has announced is added.
    fn number(&mut self, pid: i32) -> usize {
        match self.numbers.get(&pid) {
            Some(number) => *number,
            None => self.add(pid, name_of(pid)),
        }
    }

    fn process(&mut self, pid: i32) -> Option<&mut Process> {
        let number = self.number(pid);
        self.record.processes.get_mut(number - 1)
    }

    fn born(&mut self, who: Who, by: Who) {
        if who.pid == by.pid {
            if let Some(process) = self.process(who.pid) {
                process.threads += 1;
            }
            return;
        }
        let parent = self.number(by.pid);
        let number = self.number(who.pid);
        let call = match self.pending.get(&by.tid) {
            Some(Pending::Recorded(index)) => self.record.calls.get_mut(*index),
            _ => None,
        };
        let made_by = call.map(|call| {
            call.child = Some(number);
            call.decoded.name
        });
        if let Some(process) = self.record.processes.get_mut(number - 1) {
            (process.parent, process.made_by) = (Some(parent), made_by);
            // A copy of its parent, until it executes; which it may have done before its parent reports it.
            if self.executed.contains(&number) {
                return;
            }
            let name = self.record.processes.get(parent - 1).map(|parent| parent.name.clone());
            if let (Some(process), Some(name)) = (self.record.processes.get_mut(number - 1), name) {
                process.name = name;
            }
        }
    }

    fn add_call(&mut self, who: Who, decoded: Decoded) -> usize {
        let process = self.number(who.pid);
        let phrase = explain(&decoded);
        let at = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let (result, errno, child) = (None, None, None);
        self.record.calls.push(Call { process, tid: who.tid, at, decoded, result, errno, child, phrase });
        self.record.calls.len() - 1
    }
}

impl Observer for Recorder<'_> {
    fn entry(&mut self, who: Who, entry: &Entry) -> Verdict {
        if entry.arch != NATIVE && !self.foreign {
            self.foreign = true;
            let name = self.process(who.pid).map(|process| process.name.clone()).unwrap_or_default();
            self.record.warnings.push(format!(
                "{name} makes system calls of another architecture ({:#x}, a 32-bit program?): they are not decoded",
                entry.arch
            ));
        }
        if !decode::is_listed(entry) {
            return Verdict::Ignore;
        }
        let Some(decoded) = decode::decode(entry, &Memory { tid: who.tid }) else { return Verdict::Ignore };
        if decoded.has("CLONE_THREAD") {
            self.pending.insert(who.tid, Pending::Thread);
            return Verdict::Ignore;
        }
        if decoded.name.starts_with("execve")
            && let Some(warning) = self.privilege.lost_by(who.tid, &decoded.subject)
            && !self.record.warnings.contains(&warning)
        {
            self.record.warnings.push(warning);
        }
        let index = self.add_call(who, decoded);
        self.pending.insert(who.tid, Pending::Recorded(index));
        Verdict::Watch
    }

    fn exit(&mut self, who: Who, _: &Entry, result: i64) -> Option<i64> {
        let Some(Pending::Recorded(index)) = self.pending.remove(&who.tid) else { return None };
        let call = self.record.calls.get_mut(index)?;
        call.result = Some(result);
        let errno = i32::try_from(-result).ok().filter(|errno| (1..4096).contains(errno));
        call.errno = errno.map(|errno| format!("{:?}", Errno::from_raw(errno)));
        if call.decoded.name.starts_with("execve") && result == -i64::from(libc::ENOENT) {
            call.phrase = "no such file: a search of PATH tries the next place";
        }
        if let Some(live) = &mut self.live
            && let Some(process) = self.record.processes.get(call.process - 1)
        {
            live(process, call);
        }
        None
    }

    fn event(&mut self, event: &Event) {
        match *event {
            Event::Born { who, by } => self.born(who, by),
            Event::Executed { who, former } => {
                if let Some(pending) = self.pending.remove(&former) {
                    self.pending.insert(who.tid, pending);
                }
                let name = name_of(who.pid);
                let number = self.number(who.pid);
                self.executed.insert(number);
                if let Some(process) = self.process(who.pid) {
                    process.name = name;
                }
            }
            Event::Ended { pid, status } => {
                let status = super::tracer::exit_status(status);
                if let Some(process) = self.process(pid) {
                    process.status = Some(status);
                }
                // The pid may be given to another process.
                self.numbers.remove(&pid);
            }
        }
    }
}

/// The name of a program: that of its file, for the kernel's short name ends after 15 letters.
pub fn name_of(pid: i32) -> String {
    let short = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let short = short.trim_end();
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let first =
        String::from_utf8_lossy(words.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned();
    let file = first.rsplit('/').next().unwrap_or_default();
    if file.starts_with(short) { file.to_owned() } else { short.to_owned() }
}

/// The pid in the innermost namespace, if that is another one (proc(5), `NSpid`).
fn inside(pid: i32) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let pids = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    let innermost = pids.split_whitespace().last()?.parse().ok()?;
    (innermost != pid).then_some(innermost)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A child stops, goes on and executes before the stop of its parent is seen: it is no copy any more.
    #[test]
    fn who_has_executed_before_its_birth_is_reported_keeps_its_name() {
        let own = std::process::id().cast_signed();
        let (parent, child) = (Who { tid: 1, pid: 1 }, Who { tid: own, pid: own });
        for early in [true, false] {
            let mut recorder = Recorder::new(None);
            recorder.begin_with(1, "the parent");
            if early {
                recorder.event(&Event::Executed { who: child, former: own });
            }
            recorder.event(&Event::Born { who: child, by: parent });
            let process = recorder.record.processes.get(1);
            let is_copy = process.is_some_and(|process| process.name == "the parent");
            assert_eq!(is_copy, !early, "{process:?}");
            assert_eq!(process.and_then(|process| process.parent), Some(1));
        }
    }
}
