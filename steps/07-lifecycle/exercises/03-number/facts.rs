//! Exercise 07.03: processes that end, and others that get their numbers.
//!
//! Which number a process gets is chosen in clone3(2) (set_tid), in a pid namespace that we have made.

use std::cell::Cell;
use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use kit::{Doing, Result, Tier};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{Pid, getegid, geteuid, pause};
use step_02::Clone3;

mod number;

/// A pid that nothing else in the namespace has.
const NUMBER: libc::pid_t = 300;
const SIGNAL: Signal = Signal::SIGTERM;

fn main() -> ExitCode {
    kit::start();
    let itself = std::env::args().nth(1).is_some_and(|word| word == "itself");
    kit::finish(apart(itself))
}

/// In a pid namespace of its own, whose end takes everybody along.
fn apart(itself: bool) -> Result<u8> {
    if Tier::of_self() == Tier::User {
        let (uid, gid) = (geteuid(), getegid());
        unshare(CloneFlags::CLONE_NEWUSER).doing("unshare(2) CLONE_NEWUSER", "")?;
        let write = |file: &str, text: String| fs::write(file, text).doing("write", file);
        write("/proc/self/setgroups", "deny".into())?;
        write("/proc/self/uid_map", format!("0 {uid} 1"))?;
        write("/proc/self/gid_map", format!("0 {gid} 1"))?;
    }
    let namespaces = CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS;
    step_02::spawn(Clone3 { namespaces, cgroup: None }, |_| first(itself))?.release_and_wait()
}

/// Process 1 of the namespace.
fn first(itself: bool) -> Result<Infallible> {
    step_02::mounts::make_private()?;
    step_02::mounts::mount_proc(Path::new("/"))?;
    if itself { of_itself() } else { of_another() }?;
    step_00::birth::end(0)
}

fn of_itself() -> Result<()> {
    let began = |pid: Pid| start_time(pid);
    let pid = born()?;
    let answer = told(number::send(pid, start_time(pid).unwrap_or_default(), SIGNAL as i32, &began))?;
    println!("it lives: {answer}, and then {}", fate(pid)?);

    let pid = born()?;
    let time = start_time(pid).unwrap_or_default();
    end(pid)?;
    println!(
        "it has ended, and nobody has waited: {}",
        told(number::send(pid, time, SIGNAL as i32, &began))?
    );
    waitpid(pid, None).doing("waitpid(2)", "")?;
    println!("it is gone: {}", told(number::send(pid, time, SIGNAL as i32, &began))?);
    Ok(())
}

fn of_another() -> Result<()> {
    let pid = born()?;
    let time = start_time(pid).unwrap_or_default();
    replaced(pid)?;
    let began = |pid: Pid| start_time(pid);
    println!("another one has its number: {}", told(number::send(pid, time, SIGNAL as i32, &began))?);
    println!("the other one: {}", fate(pid)?);

    let pid = born()?;
    let time = start_time(pid).unwrap_or_default();
    let looked = Cell::new(false);
    // What it tells was true; and then a moment passes.
    let began = |pid: Pid| {
        let time = start_time(pid);
        if !looked.replace(true) {
            replaced(pid).ok()?;
        }
        time
    };
    println!("one that gets it while you look: {}", told(number::send(pid, time, SIGNAL as i32, &began))?);
    println!("the other one, which came while you looked: {}", fate(pid)?);
    Ok(())
}

fn told(answer: Result<()>) -> Result<String> {
    match answer.map_err(|error| (error.errno(), error)) {
        Ok(()) => Ok("sent".into()),
        Err((Some(errno), _)) => Ok(format!("{errno:?}")),
        Err((None, error)) => Err(error),
    }
}

/// Makes a process with the number, which sleeps.
fn born() -> Result<Pid> {
    let number = NUMBER;
    // SAFETY: all zeros is a valid value of these plain integers.
    #[allow(unsafe_code)]
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.exit_signal = libc::SIGCHLD as u64;
    args.set_tid = &raw const number as u64;
    args.set_tid_size = 1;
    let size = size_of::<libc::clone_args>();
    // SAFETY: the arguments and the number live through the call, and there are no other threads.
    #[allow(unsafe_code)]
    let cloned = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size) };
    match Errno::result(cloned).doing("clone3(2)", "set_tid")? {
        0 => loop {
            pause();
        },
        pid => Ok(Pid::from_raw(i32::try_from(pid).unwrap_or_default())),
    }
}

/// Ends it, and leaves it a zombie.
fn end(pid: Pid) -> Result<()> {
    kill(pid, Signal::SIGKILL).doing("kill(2)", "")?;
    waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).map(drop).doing("waitid(2)", "")
}

/// Ends it, and gives its number to another one, which begins some ticks later.
fn replaced(pid: Pid) -> Result<()> {
    end(pid)?;
    waitpid(pid, None).doing("waitpid(2)", "")?;
    sleep(Duration::from_millis(50));
    born().map(drop)
}

/// What has become of it; it is ended afterwards.
fn fate(pid: Pid) -> Result<&'static str> {
    sleep(Duration::from_millis(50));
    let fate = match waitpid(pid, Some(WaitPidFlag::WNOHANG)).doing("waitpid(2)", "")? {
        WaitStatus::StillAlive => "heard nothing",
        WaitStatus::Signaled(_, SIGNAL, _) => return Ok("ended by the signal"),
        _ => return Ok("ended"),
    };
    kill(pid, Signal::SIGKILL).doing("kill(2)", "")?;
    waitpid(pid, None).doing("waitpid(2)", "")?;
    Ok(fate)
}

fn start_time(pid: Pid) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()
}
