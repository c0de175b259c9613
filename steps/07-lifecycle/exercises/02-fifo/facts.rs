//! Exercise 07.02: an init that comes, one that comes late, and some that never execute anything.

use std::convert::Infallible;
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use kit::{Doing, Error, Result};
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::stat::Mode;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{Pid, mkfifo};
use step_00::supervise::pidfd_open;
use step_00::{Program, exec, spawn};

mod line;

/// What becomes of init.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Begins,
    ComesLate,
    TakesItsTime,
    SaysWhy,
    KilledInTheMiddle,
    DeadBefore,
}

fn main() -> ExitCode {
    kit::start();
    kit::finish(tell().map(|()| 0))
}

fn tell() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let (begins, dir) = (words.next().is_some_and(|word| word == "begins"), words.next());
    let dir = PathBuf::from(dir.unwrap_or_default());
    let fates: &[(&str, Fate)] = if begins {
        &[
            ("init waits already", Fate::Begins),
            ("init comes late", Fate::ComesLate),
            ("init takes its time", Fate::TakesItsTime),
        ]
    } else {
        &[
            ("init says why", Fate::SaysWhy),
            ("init is killed when it has opened the FIFO", Fate::KilledInTheMiddle),
            ("init is dead before", Fate::DeadBefore),
        ]
    };
    for (number, (name, fate)) in fates.iter().enumerate() {
        println!("{name}: {}", one(&dir.join(number.to_string()), *fate)?);
    }
    Ok(())
}

/// What `start` answers, and whether that was so.
fn one(path: &Path, fate: Fate) -> Result<String> {
    mkfifo(path, Mode::S_IRWXU).doing("mkfifo(3)", path)?;
    let mark = path.with_extension("begun");
    let script = format!("touch '{}'", mark.display());
    let program = Program::new(&["sh", "-c", &script])?;
    let child = spawn(|| init(path, fate, &program))?;
    let pidfd = pidfd_open(child.pid())?;
    match fate {
        Fate::Begins | Fate::TakesItsTime => asleep(child.pid())?,
        Fate::DeadBefore => {
            asleep(child.pid())?;
            kill(child.pid(), Signal::SIGKILL).doing("kill(2)", "init")?;
            // Until it has ended it counts as one who has the FIFO open.
            waitid(Id::Pid(child.pid()), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)
                .doing("waitid(2)", "init")?;
        }
        _ => {}
    }
    let answer = line::let_go(path, pidfd.as_fd());
    // An init that still waits would wait for ever.
    sleep(Duration::from_millis(50));
    if waitpid(child.pid(), Some(WaitPidFlag::WNOHANG)) == Ok(WaitStatus::StillAlive) {
        let patience = Instant::now() + Duration::from_secs(1);
        while !mark.exists() && Instant::now() < patience && answer.is_ok() {
            sleep(Duration::from_millis(5));
        }
        let _ = kill(child.pid(), Signal::SIGKILL);
        let _ = waitpid(child.pid(), None);
    }
    let program = if mark.exists() { "it has begun" } else { "it has not begun" };
    match answer {
        Ok(()) => Ok(format!("start says that it has begun, and {program}")),
        Err(error) if error.to_string().contains("is not written yet") => Err(error),
        Err(error) => {
            let why = if error.to_string().contains("no such program") { " that says why" } else { "" };
            Ok(format!("start has an error{why}, and {program}"))
        }
    }
}

fn init(path: &Path, fate: Fate, program: &Program) -> Result<Infallible> {
    if fate == Fate::ComesLate {
        sleep(Duration::from_millis(200));
    }
    let mut line = File::options().write(true).open(path).doing("open(2)", path)?;
    match fate {
        Fate::TakesItsTime => sleep(Duration::from_millis(200)),
        Fate::SaysWhy => {
            line.write_all(b"no such program").doing("write", path)?;
            return Err(Error::refused("execute", "it", "no such program"));
        }
        Fate::KilledInTheMiddle => raise(Signal::SIGKILL).doing("raise(3)", "SIGKILL")?,
        _ => {}
    }
    line.write_all(b"executes\n").doing("write", path)?;
    exec(program)
}

/// Waits until it sleeps: in open(2), for there is nothing else that it waits for.
fn asleep(pid: Pid) -> Result<()> {
    let path = format!("/proc/{pid}/stat");
    loop {
        let stat = fs::read_to_string(&path).doing("read", path.as_str())?;
        if stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S')) {
            return Ok(());
        }
        sleep(Duration::from_millis(1));
    }
}
