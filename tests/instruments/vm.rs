//! `cargo dive vm`: that a command inside is told from one outside by its surroundings alone.
//!
//! A boot takes some two seconds, so each case boots once or twice. Each check is also shown something that it must
//! refuse.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::kit::{Case, Lab, Need, Outcome, case};

pub(crate) fn cases() -> Vec<Case> {
    let uml = [Need::Program("linux.uml")];
    vec![
        case("vm: words, streams and the exit status pass as they are", &uml, passes_exactly),
        case("vm: standard input passes, with -i alone", &uml, passes_input),
        case("vm: what is written inside stays inside", &uml, keeps_the_checkout),
        case("vm: version 2 alone, with every controller handed down", &uml, pure_version_two),
        case("vm: --user is unprivileged, and has a group of their own", &uml, delegates),
        case(
            "vm: a delegate who sits in the way steps aside, and says so if others sit there",
            &uml,
            steps_aside,
        ),
        case(
            "vm: QEMU does the same, or says what it lacks",
            &[Need::Program("qemu-system-x86_64")],
            emulates,
        ),
        case("vm: a command that cannot be executed", &uml, cannot_execute),
        case("vm: --timeout ends everything", &uml, times_out),
        case("vm: SIGTERM is the command's, a second one ends everything", &uml, passes_signals),
        case("vm: killed, it takes the machine along, and the next run says so", &uml, killed),
        case("vm: a machine that fails shows its console", &uml, fails),
        case("vm: the first process of a machine is nothing else", &[], not_outside),
    ]
}

/// `cargo dive vm WORDS…`, whose output may be any bytes.
fn vm<W: AsRef<OsStr>>(lab: &Lab, words: &[W]) -> Command {
    let mut command = lab.command("dive");
    command.arg("vm").args(words).stdin(Stdio::null());
    command
}

/// Runs it, and looks at what is left.
fn run(lab: &Lab, command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let left = machines(lab);
    if left == 0 { Ok(output) } else { Err(format!("{left} processes of the machine are left")) }
}

/// Exit status and standard output, with the whole story if they are others than expected.
fn expect(output: &Output, status: i32, stdout: &[u8]) -> Outcome {
    if output.status.code() == Some(status) && output.stdout == stdout {
        return Ok(());
    }
    Err(format!("expected {status} and {:?}: {output:?}", String::from_utf8_lossy(stdout)))
}

/// How many processes there are of the machines that this lab has started: all of them carry its name.
fn machines(lab: &Lab) -> usize {
    let name = format!("docker-dive.{}.", lab.lab().name());
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let command_lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    command_lines.filter(|line| String::from_utf8_lossy(line).contains(&name)).count()
}

/// Its directories in the host's shared memory, which a lab does not watch.
fn directories(lab: &Lab) -> usize {
    let name = format!("docker-dive.{}.", lab.lab().name());
    let entries = fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&name)).count()
}

fn passes_exactly(lab: &Lab) -> Outcome {
    let odd: [&[u8]; 7] =
        [b"a b", b"'q' \"q\"", b"new\nline", b"\xff\xfe", b"", b"$(exit 1) `x` \\", b"--user"];
    let script = OsStr::new("printf '%s|' \"$@\"; printf complaint >&2; pwd >&2; exit 42");
    let mut words = vec![OsStr::new("--"), OsStr::new("sh"), OsStr::new("-c"), script, OsStr::new("sh")];
    words.extend(odd.iter().map(|word| OsStr::from_bytes(word)));
    let output = run(lab, &mut vm(lab, &words))?;
    let said: Vec<u8> = odd.iter().flat_map(|word| [word, &b"|"[..]].concat()).collect();
    expect(&output, 42, &said)?;
    let complaint = format!("complaint{}\n", lab.dir().display());
    assert_eq!(String::from_utf8_lossy(&output.stderr), complaint);
    assert!(expect(&output, 0, &said).is_err() && expect(&output, 42, b"a b|").is_err());
    assert_eq!(directories(lab), 0);

    let script = "umask 027; exec \"$0\" vm -- sh -c umask";
    let mut shell = lab.command("sh");
    shell.args(["-c", script]).arg(lab.bin("dive")).stdin(Stdio::null());
    let output = run(lab, &mut shell)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said, "0027\n", "{output:?}");
    Ok(())
}

fn passes_input(lab: &Lab) -> Outcome {
    // More than all pipes and buffers on the way hold, and every byte.
    let sent: Vec<u8> = (0..=255).cycle().take(1 << 19).collect();
    let mut child = vm(lab, &["-i", "--", "cat"]);
    let mut child =
        child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
    let mut input = child.stdin.take().ok_or("no standard input")?;
    let writer = lab.dir().join("sent");
    fs::write(&writer, &sent).map_err(|error| error.to_string())?;
    let copier = std::thread::spawn(move || input.write_all(&sent).map(|()| sent));
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let sent = copier.join().map_err(|_| "the writer panicked")?.map_err(|error| error.to_string())?;
    expect(&output, 0, &sent)?;
    // Without -i the same command reads nothing.
    let file = fs::File::open(&writer).map_err(|error| error.to_string())?;
    let output = run(lab, vm(lab, &["--", "cat"]).stdin(file))?;
    expect(&output, 0, b"")
}

fn keeps_the_checkout(lab: &Lab) -> Outcome {
    let file = lab.dir().join("file");
    let kept = lab.dir().join("kept");
    fs::write(&file, "outside").and_then(|()| fs::create_dir(&kept)).map_err(|error| error.to_string())?;
    let script =
        "cat file; echo inside > file; echo inside > kept/file; mkdir new; rm -r /usr/share/doc; cat file";
    let output = run(lab, &mut vm(lab, &["--writable", "kept", "--", "sh", "-c", script]))?;
    expect(&output, 0, b"outsideinside\n")?;
    let is = |path: &Path, text: &str| fs::read_to_string(path).is_ok_and(|found| found == text);
    assert!(is(&file, "outside") && !lab.dir().join("new").exists());
    // What is to be kept is kept: so the check above would have seen a write that came through.
    assert!(is(&kept.join("file"), "inside\n"), "{:?}", fs::read_to_string(kept.join("file")));
    Ok(())
}

/// Whether a machine's mounts, groups and controllers are pure version 2.
fn pure(mountinfo: &str, own: &str, control: &str) -> bool {
    let trees: Vec<_> = mountinfo.lines().filter(|line| line.contains(" - cgroup")).collect();
    let one =
        matches!(trees[..], [tree] if tree.contains(" /sys/fs/cgroup ") && tree.contains(" - cgroup2 "));
    let handed_down: Vec<_> = control.split_whitespace().collect();
    one && own == "0::/" && ["cpu", "io", "memory", "pids"].iter().all(|name| handed_down.contains(name))
}

fn pure_version_two(lab: &Lab) -> Outcome {
    let script = "cat /proc/self/mountinfo; echo; cat /proc/self/cgroup; echo; cat /sys/fs/cgroup/cgroup.subtree_control; \
                  echo; id -u; ls /tmp /run; cat /sys/class/net/lo/flags; touch /tmp/x && chmod 755 /tmp/x; \
                  unshare --user true && echo may";
    let output = run(lab, &mut vm(lab, &["--", "sh", "-c", script]))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let parts: Vec<_> = text.splitn(4, "\n\n").collect();
    let [mountinfo, own, control, rest] = parts[..] else { return Err(format!("{output:?}")) };
    assert!(pure(mountinfo, own, control), "{text}");
    assert!(rest.starts_with("0\n") && rest.ends_with("may\n"), "{rest}");
    assert!(rest.contains("0x9\n"), "the loopback link is not up: {rest}");
    let hybrid = format!("{mountinfo}\n30 20 0:1 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu");
    assert!(
        !pure(&hybrid, own, control)
            && !pure(mountinfo, "0::/delegated", control)
            && !pure(mountinfo, own, "cpu")
    );
    Ok(())
}

/// Tries what a delegate may, and what not; prints a word for each that went as it should.
const DELEGATE: &str = "
    [ $(id -u) != 0 ] && grep -q '^CapEff:.0*$' /proc/self/status && echo unprivileged
    cd /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/.. && [ -z \"$(cat cgroup.procs)\" ] && echo at-home
    mkdir group && echo $$ > group/cgroup.procs && echo +memory +pids +cpu > cgroup.subtree_control && echo delegated
    echo 8388608 > group/memory.max && [ $(cat group/memory.max) = 8388608 ] && echo limited
    (echo 1 > ../cgroup.procs) 2>&1 | grep -q denied && (echo 1 > memory.max) 2>&1 | grep -q denied && echo confined
    touch $HOME/x && echo housed";

fn delegates(lab: &Lab) -> Outcome {
    let expected = b"unprivileged\nat-home\ndelegated\nlimited\nconfined\nhoused\n";
    expect(&run(lab, &mut vm(lab, &["--user", "--", "sh", "-c", DELEGATE]))?, 0, expected)?;
    // To root, the same words say something else.
    let as_root = run(lab, &mut vm(lab, &["--", "sh", "-c", DELEGATE]))?;
    if expect(&as_root, 0, expected).is_err() { Ok(()) } else { Err("root passes for a delegate".into()) }
}

/// Lesson 03 in a group that was delegated, at whose top it stands itself, as `systemd-run -p Delegate=yes` has it.
fn steps_aside(lab: &Lab) -> Outcome {
    let step = lab.bin("step-03").display().to_string();
    let script = "cd /sys/fs/cgroup/delegated && echo $$ > cgroup.procs && rmdir session
        \"$0\" run --pids 4 true; echo $?
        exec \"$0\" run --pids 8 --cpus 0.5 --memory 32M cat /proc/self/cgroup";
    let output = run(lab, &mut vm(lab, &["--user", "--", "sh", "-c", script, &step]))?;
    expect(&output, 0, b"125\n0::/\n")?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("\"/sys/fs/cgroup/delegated\": EBUSY"), "{stderr}");
    Ok(())
}

/// The kernel is nothing that a test downloads: where it is not there, that must be said.
fn emulates(lab: &Lab) -> Outcome {
    let script =
        "printf '%s' \"$0\"; cat >&2 /sys/fs/cgroup/cgroup.controllers; ls /proc/self/ns/time >&2; exit 42";
    let output = run(lab, &mut vm(lab, &["--with", "qemu", "--", "sh", "-c", script, "a b\n\u{e9}"]))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(125) {
        let lacks = ["--fetch downloads", "only root may", "apt-get install"];
        return if lacks.iter().any(|lack| stderr.contains(lack)) {
            Ok(())
        } else {
            Err(stderr.into_owned())
        };
    }
    expect(&output, 42, "a b\n\u{e9}".as_bytes())?;
    // What User-mode Linux lacks.
    assert!(stderr.contains("cpuset") && stderr.contains("/proc/self/ns/time\n"), "{stderr}");
    Ok(())
}

fn cannot_execute(lab: &Lab) -> Outcome {
    let output = run(lab, &mut vm(lab, &["--", "no-such-program"]))?;
    expect(&output, 127, b"")?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("execve(2) \"no-such-program\": ENOENT"), "{stderr}");
    expect(&run(lab, &mut vm(lab, &["--", "sh", "-c", "kill -9 $$"]))?, 137, b"")
}

fn times_out(lab: &Lab) -> Outcome {
    let begun = Instant::now();
    let script = "echo begun; trap '' TERM; (setsid sleep 600 &); while :; do sleep 1; done";
    let output = run(lab, &mut vm(lab, &["--timeout", "2", "--", "sh", "-c", script]))?;
    expect(&output, 124, b"begun\n")?;
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert_eq!(directories(lab), 0);
    // Time that is not up changes nothing.
    expect(&run(lab, &mut vm(lab, &["--timeout", "60", "--", "true"]))?, 0, b"")
}

/// A machine in which a command has begun: it has said so.
fn begun(
    lab: &Lab,
    script: &str,
) -> Result<(std::process::Child, BufReader<std::process::ChildStdout>), String> {
    // An order longer than the line's buffers: what comes after it must still be noticed.
    let long = format!("LONG={}", "x".repeat(8 << 10));
    let mut command = vm(lab, &["-e", &long, "--", "sh", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or("no standard output")?);
    let mut line = String::new();
    stdout.read_line(&mut line).map_err(|error| error.to_string())?;
    if line == "begun\n" && machines(lab) > 0 {
        Ok((child, stdout))
    } else {
        Err(format!("it says {line:?}"))
    }
}

fn send(child: &std::process::Child, signal: Signal) -> Outcome {
    let pid = i32::try_from(child.id()).map_err(|error| error.to_string())?;
    kill(Pid::from_raw(pid), signal).map_err(|errno| errno.to_string())
}

fn passes_signals(lab: &Lab) -> Outcome {
    let (mut child, mut stdout) =
        begun(lab, "trap 'echo caught; exit 9' TERM; echo begun; while :; do sleep 0.2; done")?;
    send(&child, Signal::SIGTERM)?;
    let mut line = String::new();
    stdout.read_line(&mut line).map_err(|error| error.to_string())?;
    assert_eq!(
        (line.as_str(), child.wait().map_err(|error| error.to_string())?.code()),
        ("caught\n", Some(9))
    );

    let (mut child, _stdout) = begun(lab, "trap '' TERM; echo begun; while :; do sleep 1; done")?;
    send(&child, Signal::SIGTERM)?;
    sleep(Duration::from_millis(500));
    assert!(child.try_wait().map_err(|error| error.to_string())?.is_none(), "one signal has ended it");
    send(&child, Signal::SIGTERM)?;
    assert_eq!(child.wait().map_err(|error| error.to_string())?.code(), Some(128 + 15));
    assert_eq!((machines(lab), directories(lab)), (0, 0));
    Ok(())
}

fn killed(lab: &Lab) -> Outcome {
    let (mut child, _stdout) = begun(lab, "echo begun; sleep 600")?;
    send(&child, Signal::SIGKILL)?;
    child.wait().map_err(|error| error.to_string())?;
    let dead = Instant::now();
    while machines(lab) > 0 {
        if dead.elapsed() > Duration::from_secs(10) {
            return Err(format!("{} processes of the machine live on", machines(lab)));
        }
        sleep(Duration::from_millis(20));
    }
    // The keeper ends last, and until then holds the lock of the directory.
    lab.lab().settle();
    let output = run(lab, &mut vm(lab, &["--", "true"]))?;
    expect(&output, 0, b"")?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("removed what a killed run left"), "{stderr}");
    assert_eq!(directories(lab), 0);
    Ok(())
}

/// A kernel that finds no root panics.
fn fails(lab: &Lab) -> Outcome {
    let bin = lab.dir().join("bin");
    let real = lab.run("sh", &["-c", "command -v linux.uml"])?.succeeded()?;
    let script =
        format!("#!/bin/sh\nexec {} root=/dev/nothing rootfstype=ext4 con0=null,fd:1\n", real.trim());
    fs::create_dir(&bin)
        .and_then(|()| fs::write(bin.join("linux.uml"), script))
        .map_err(|error| error.to_string())?;
    lab.run("chmod", &["755", "bin/linux.uml"])?.succeeded()?;
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let output = run(lab, vm(lab, &["--", "true"]).env("PATH", path))?;
    expect(&output, 125, b"")?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("console: ") && stderr.contains("it ended before the command did"), "{stderr}");
    assert!(stderr.contains("panic"), "{stderr}");
    Ok(())
}

fn not_outside(lab: &Lab) -> Outcome {
    lab.run("dive", &["vm-inside", "/dev/null"])?
        .ended_with(125)?
        .says(&["first process of a machine"])
        .map(drop)
}
