//! Exercise 06.02: a filter, read by a small machine of this file and then by the kernel.

use std::process::ExitCode;

use kit::{Doing, Error, Result};
use libc::sock_filter;
use nix::errno::Errno;

mod filter;

/// The architectures that this course runs on, as <linux/audit.h> numbers them: its own, and another one.
const ARCH: [u32; 2] =
    if cfg!(target_arch = "aarch64") { [0xc000_00b7, 0xc000_003e] } else { [0xc000_003e, 0x4000_0003] };
const X32: u32 = 0x4000_0000;

const UNSHARE: u32 = libc::SYS_unshare as u32;
const SETNS: u32 = libc::SYS_setns as u32;
const CLONE3: u32 = libc::SYS_clone3 as u32;
const GETPID: u32 = libc::SYS_getpid as u32;

fn main() -> ExitCode {
    kit::start();
    let kernel = std::env::args().nth(1).is_some_and(|word| word == "kernel");
    kit::finish(if kernel { loaded() } else { rules() }.map(|()| 0))
}

fn rules() -> Result<()> {
    let few = filter::assemble(ARCH[0], &[UNSHARE, CLONE3, SETNS])?;
    for (what, arch, number) in [
        ("unshare", ARCH[0], UNSHARE),
        ("setns", ARCH[0], SETNS),
        ("clone3", ARCH[0], CLONE3),
        ("getpid", ARCH[0], GETPID),
        ("unshare's number, another architecture", ARCH[1], UNSHARE),
        ("getpid's number, another architecture", ARCH[1], GETPID),
        ("unshare's number with x32's bit", ARCH[0], X32 | UNSHARE),
    ] {
        println!("{what}: {}", verdict(&few, arch, number));
    }
    let many: Vec<u32> = (2000..2400).collect();
    let long = filter::assemble(ARCH[0], &many)?;
    let refused = many.iter().filter(|number| verdict(&long, ARCH[0], **number) == "EPERM").count();
    println!("of a long list, refused: {refused} of {}", many.len());
    println!("a call that the long list does not hold: {}", verdict(&long, ARCH[0], GETPID));
    Ok(())
}

/// What the filter says of a call.
fn verdict(filter: &[sock_filter], arch: u32, number: u32) -> String {
    // struct seccomp_data: the number, the architecture, then what these filters do not look at.
    match executed(filter, &[number, arch, 0, 0]) {
        Err(fault) => fault.into(),
        Ok(word) => match (word & libc::SECCOMP_RET_ACTION_FULL, word & libc::SECCOMP_RET_DATA) {
            (libc::SECCOMP_RET_ALLOW, _) => "allowed".into(),
            (libc::SECCOMP_RET_KILL_PROCESS, _) => "the process is killed".into(),
            (libc::SECCOMP_RET_KILL_THREAD, _) => "the thread is killed".into(),
            (libc::SECCOMP_RET_ERRNO, 0) => "not done, and success is told".into(),
            (libc::SECCOMP_RET_ERRNO, errno) => format!("{:?}", Errno::from_raw(errno as i32)),
            _ => "another action".into(),
        },
    }
}

/// Classic BPF, as far as a filter of this kind needs it.
fn executed(filter: &[sock_filter], data: &[u32; 4]) -> Result<u32, &'static str> {
    let (mut at, mut register) = (0usize, 0u32);
    loop {
        let Some(one) = filter.get(at) else { return Err("it runs off its end") };
        at += 1;
        let k = one.k;
        let jump = |taken: bool| usize::from(if taken { one.jt } else { one.jf });
        match u32::from(one.code) {
            code if code == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS => {
                register = *data.get(k as usize / 4).ok_or("it reads beyond the data")?;
            }
            code if code == libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K => at += jump(register == k),
            code if code == libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K => at += jump(register > k),
            code if code == libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K => at += jump(register >= k),
            code if code == libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K => at += jump(register & k != 0),
            code if code == libc::BPF_JMP | libc::BPF_JA => at += k as usize,
            code if code == libc::BPF_RET | libc::BPF_K => return Ok(k),
            _ => return Err("an instruction that this machine does not have"),
        }
    }
}

fn loaded() -> Result<()> {
    let filter = filter::assemble(ARCH[0], &[UNSHARE, CLONE3, SETNS])?;
    load(&filter)?;
    // Each would be answered in another way without a filter: 0, EBADF, EINVAL.
    for (what, number, first) in [("unshare", UNSHARE, 0i64), ("setns", SETNS, -1), ("clone3", CLONE3, 0)] {
        // SAFETY: none of the calls is given memory; each does nothing, or fails.
        #[allow(unsafe_code)]
        let answer = unsafe { libc::syscall(i64::from(number) as libc::c_long, first, 0u64, 0u64) };
        println!(
            "{what}: {}",
            Errno::result(answer).map_or_else(|errno| format!("{errno:?}"), |_| "done".into())
        );
    }
    let made = std::thread::Builder::new().spawn(|| ());
    let told = |error: std::io::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
    println!("a thread: {}", made.map_err(told).map_or_else(|errno| format!("{errno:?}"), |_| "made".into()));
    let status = std::fs::read_to_string("/proc/self/status").doing("read", "/proc/self/status")?;
    let mode = status.lines().find_map(|line| line.strip_prefix("Seccomp:")).unwrap_or_default().trim();
    println!("seccomp: {}", if mode == "2" { "a filter" } else { "no filter" });
    Ok(())
}

fn load(filter: &[sock_filter]) -> Result<()> {
    let len = u16::try_from(filter.len()).map_err(|_| Error::refused("load", "the filter", "too long"))?;
    let program = libc::sock_fprog { len, filter: filter.as_ptr().cast_mut() };
    // SAFETY: the options take integers; the kernel copies the instructions, which live through the call.
    #[allow(unsafe_code)]
    let (sealed, loaded) = unsafe {
        let sealed = libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        (sealed, libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program))
    };
    Errno::result(sealed).doing("prctl(2) PR_SET_NO_NEW_PRIVS", "")?;
    Errno::result(loaded).doing("seccomp(2) SECCOMP_SET_MODE_FILTER", "").map(drop)
}
