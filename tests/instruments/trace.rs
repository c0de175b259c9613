//! `cargo dive trace`: against strace where that is installed, and against what a tracer can get wrong.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::kit::docker::NEEDS as MACHINE;
use crate::kit::{Case, Lab, Need, Outcome, Ran, case};

mod docker;
mod fault;
mod only;
mod strace;

use strace::Calls;

pub(crate) fn cases() -> Vec<Case> {
    let strace = Need::Program("strace");
    let mut cases = vec![
        case("trace: step-04, every call that strace sees", &[Need::Namespaces, strace], |lab| {
            sees_all(lab, &[path(&lab.bin("step-04"))])
        }),
        case("trace: step-05, every call that strace sees", &[Need::Namespaces, strace], |lab| {
            sees_all(lab, &[path(&lab.bin("step-05"))])
        }),
        case(
            "trace: runc, every call that strace sees",
            &[Need::Root, Need::Cgroups, strace, Need::Program("runc")],
            runc,
        ),
        case(
            "trace: crun, every call that strace sees",
            &[Need::Root, Need::Cgroups, strace, Need::Program("crun")],
            crun,
        ),
        case("trace: a call that the trace lacks is missed", &[], misses),
        case("trace: the exit status is the command's", &[], statuses),
        case("trace: a fork of a fork that executes from a thread", &[Need::Program("python3")], double_fork),
        case("trace: threads are counted, and no processes", &[Need::Program("python3")], threads),
        case("trace: a running process is followed and let go", &[], seized),
        case("trace: a tracer that is killed takes its command along", &[], killed),
        case("trace: a daemon outlives a tracer that is killed", &[], daemon_outlives),
        case("trace: a signal is passed on to the command", &[], passed_on),
        case("trace: a stopped command stays stopped until it is continued", &[], stopped),
        case("trace: colour is for terminals", &[], colourless),
        case("trace: two runs side by side", &[], compared),
        case(
            "trace: the helper that loses its privilege is named",
            &[Need::User, Need::Program("su")],
            setuid,
        ),
        case("trace: a lesson by its number, and what is none", &[], lesson),
    ];
    let needs = [&MACHINE[..], &[strace]].concat();
    cases.push(case(
        "trace: docker run behind the socket, every call that strace sees",
        &needs,
        docker::sees_all,
    ));
    cases.push(case("trace: a call is answered in the kernel's place", &[], fault::answered));
    cases.push(case("trace: only the calls that are asked for", &[], only::named));
    cases.push(case("trace: the time limit lets everybody go on", &[], limited));
    cases
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

/// The document of a trace, and how the command ended.
fn traced(lab: &Lab, options: &[&str], command: &[&str]) -> Result<(Value, Ran), String> {
    traced_behind(lab, &[], options, command)
}

/// The same, with the tracer started by another program.
fn traced_behind(
    lab: &Lab,
    prefix: &[&str],
    options: &[&str],
    command: &[&str],
) -> Result<(Value, Ran), String> {
    let file = lab.dir().join("trace.json");
    let (dive, file_name) = (path(&lab.bin("dive")), path(&file));
    let mut words = [prefix, &[&dive, "trace", "--json", "-o", &file_name], options].concat();
    if !command.is_empty() {
        words.push("--");
    }
    words.extend(command);
    let ran = lab.run(words[0], &words[1..])?;
    let text = fs::read_to_string(&file).map_err(|error| format!("{error}: {}", ran.stderr))?;
    Ok((serde_json::from_str(&text).map_err(|error| format!("{error}: {text} {}", ran.stderr))?, ran))
}

/// Runs a command twice, under each tracer, and compares what they saw.
fn sees_all(lab: &Lab, command: &[String]) -> Outcome {
    sees_all_behind(lab, &[], command)
}

fn sees_all_behind(lab: &Lab, prefix: &[&str], command: &[String]) -> Outcome {
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    // The first run of anything may find caches and directories that later runs do not make.
    let untraced = [prefix, &command].concat();
    lab.run(untraced[0], &untraced[1..])?.succeeded()?;
    let (document, ran) = traced_behind(lab, prefix, &[], &command)?;
    ran.succeeded()?;
    let theirs = strace::run(lab, prefix, &command)?;
    let ours = Calls::of_trace(&document);
    if theirs.total() < 10 {
        return Err(format!("strace saw too little to compare with: {theirs:?}"));
    }
    ours.same_as(&theirs)
}

fn runc(lab: &Lab) -> Outcome {
    let bundle = bundle(lab, "runc")?;
    sees_all(lab, &["runc", "run", "--bundle", &path(&bundle), &name(lab)].map(str::to_owned))
}

/// Version 1.8 refuses a hybrid layout as long as a controller is in version 2. In a mount namespace of its own, with a
/// copy of the mounts below a directory that may be written, hugetlb is mounted as version 1 as long as it runs.
const ALL_IN_VERSION_1: &str = "
set -e
if grep -q ' - cgroup ' /proc/self/mountinfo; then
    mount -t tmpfs none /mnt
    for tree in /sys/fs/cgroup/*/; do
        mkdir /mnt/$(basename $tree)
        mount --rbind $tree /mnt/$(basename $tree)
    done
    mkdir -p /mnt/hugetlb
    mount -t cgroup -o hugetlb none /mnt/hugetlb
    mount --rbind /mnt /sys/fs/cgroup
fi
exec \"$@\"";

fn crun(lab: &Lab) -> Outcome {
    let bundle = bundle(lab, "crun")?;
    let prefix = ["unshare", "-m", "--propagation", "private", "sh", "-c", ALL_IN_VERSION_1, "sh"];
    sees_all_behind(lab, &prefix, &["crun", "run", "--bundle", &path(&bundle), &name(lab)].map(str::to_owned))
}

fn name(lab: &Lab) -> String {
    let dir = lab.dir();
    let words: Vec<_> =
        dir.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    format!("trace-{}", words.join("-").chars().filter(char::is_ascii_alphanumeric).collect::<String>())
}

/// A bundle as the runtime itself writes it, with a root that holds a guest and nothing else.
fn bundle(lab: &Lab, runtime: &str) -> Result<PathBuf, String> {
    let bundle = lab.dir().join("bundle");
    fs::create_dir(&bundle).map_err(|error| error.to_string())?;
    let root = path(&bundle.join("rootfs"));
    lab.run("step-04", &["rootfs", &root])?.succeeded()?;
    Ran::of(lab.command(runtime).arg("spec").current_dir(&bundle))?.succeeded()?;
    let file = bundle.join("config.json");
    let text = fs::read_to_string(&file).map_err(|error| error.to_string())?;
    let mut config: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    config["process"]["terminal"] = Value::Bool(false);
    config["process"]["args"] = serde_json::json!(["/bin/guest", "report", "--json"]);
    // A limit cannot be raised where the bounding set lacks the capability.
    config["process"]["rlimits"] = serde_json::json!([]);
    fs::write(&file, config.to_string()).map_err(|error| error.to_string())?;
    Ok(bundle)
}

/// The comparison itself bites: whatever single call is taken out of a trace, it says so.
fn misses(lab: &Lab) -> Outcome {
    let step = path(&lab.bin("step-00"));
    let (document, _) = traced(lab, &[], &[&step])?;
    let whole = Calls::of_trace(&document);
    assert!(whole.total() > 1, "{whole:?}");
    for kind in whole.kinds() {
        let lacking = whole.without(&kind);
        let answer = lacking.same_as(&whole);
        assert!(answer.is_err_and(|text| text.contains(&kind)), "{kind} was not missed");
    }
    whole.same_as(&whole)
}

fn statuses(lab: &Lab) -> Outcome {
    let of = |command: &[&str]| lab.run("dive", &[&["trace", "--"], command].concat()).map(|ran| ran.status);
    assert_eq!(of(&["true"])?, 0);
    assert_eq!(of(&["sh", "-c", "exit 7"])?, 7);
    assert_eq!(of(&["sh", "-c", "kill -KILL $$"])?, 137);
    assert_eq!(of(&["sh", "-c", "kill -TERM $$"])?, 143);
    assert_eq!(of(&["no-such-command"])?, 127);
    assert_eq!(of(&[&path(&lab.dir())])?, 126, "a directory");
    assert_eq!(of(&["/etc/passwd"])?, 126);
    let script = lab.dir().join("no-format");
    fs::write(&script, "no program\n").map_err(|error| error.to_string())?;
    lab.run("chmod", &["755", &path(&script)])?.succeeded()?;
    assert_eq!(of(&[&path(&script)])?, 126, "ENOEXEC");
    Ok(())
}

/// execve(2) from a thread that does not lead takes over the leader's id; before that, two forks, whose first child
/// ends at once.
fn double_fork(lab: &Lab) -> Outcome {
    let script = "
import os, threading, time
if os.fork() == 0:
    if os.fork() == 0:
        thread = threading.Thread(target=lambda: os.execv('/bin/sh', ['sh', '-c', 'exec /bin/true']))
        thread.start()
        thread.join()
        time.sleep(60)
    os._exit(0)
os.wait()
";
    let (document, ran) = traced(lab, &[], &[&python(lab)?, "-c", script])?;
    ran.succeeded()?;
    let processes = document["processes"].as_array().ok_or("no processes")?;
    assert_eq!(processes.len(), 3, "{document:#}");
    assert_eq!((&processes[1]["parent"], &processes[2]["parent"]), (&1.into(), &2.into()));
    assert_eq!(processes[2]["name"], "true", "it executed twice, once from a thread");
    assert_eq!(processes[2]["threads"], 1);
    let executed = calls(&document).filter(|call| call["name"] == "execve" && call["process"] == 3);
    let results: Vec<_> = executed.map(|call| call["result"].clone()).collect();
    assert_eq!(results, [0, 0], "{document:#}");
    Ok(())
}

/// The interpreter itself: what PATH finds may be a script that looks for one.
fn python(lab: &Lab) -> Result<String, String> {
    let asked = lab.run("python3", &["-c", "import sys; print(sys.executable)"])?.succeeded()?;
    Ok(asked.trim().to_owned())
}

fn calls(document: &Value) -> impl Iterator<Item = &Value> {
    document["calls"].as_array().into_iter().flatten()
}

fn threads(lab: &Lab) -> Outcome {
    let script = "
import threading, time
all = [threading.Thread(target=time.sleep, args=(0.05,)) for _ in range(7)]
for one in all: one.start()
for one in all: one.join()
";
    let (document, _) = traced(lab, &[], &[&python(lab)?, "-c", script])?;
    let processes = document["processes"].as_array().ok_or("no processes")?;
    assert_eq!((processes.len(), &processes[0]["threads"]), (1, &7.into()), "{document:#}");
    assert!(calls(&document).all(|call| call["name"] == "execve"), "no clone is told: {document:#}");
    Ok(())
}

/// A process of ours that runs already: a shell that makes a child for each line that it reads.
struct Daemon(Child);

impl Daemon {
    fn start(lab: &Lab) -> Result<Self, String> {
        let mut command = lab.command("sh");
        // The assignment keeps the shell from replacing itself by the last command.
        command.args(["-c", "while read line; do /bin/true; echo done $line; done; status=$?"]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        Ok(Self(child.map_err(|error| error.to_string())?))
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }

    /// It does its work, so it is neither stopped nor dead.
    fn answers(&mut self) -> Outcome {
        let (input, output) =
            (self.0.stdin.as_mut().ok_or("no input")?, self.0.stdout.as_mut().ok_or("no output")?);
        input.write_all(b"once\n").map_err(|error| error.to_string())?;
        let mut answer = [0; 10];
        output.read_exact(&mut answer).map_err(|error| error.to_string())?;
        if &answer == b"done once\n" { Ok(()) } else { Err(format!("it answers {answer:?}")) }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn status_of(pid: &str, field: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// Waits until something holds, for ten seconds at most.
fn until(what: &str, holds: impl Fn() -> bool) -> Outcome {
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        if holds() {
            return Ok(());
        }
        sleep(Duration::from_millis(10));
    }
    Err(format!("it never came that {what}"))
}

/// A trace that runs beside the case.
fn beside(lab: &Lab, words: &[&str]) -> Result<Child, String> {
    let mut command = lab.command("dive");
    command.arg("trace").args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().map_err(|error| error.to_string())
}

fn signal(pid: u32, name: &str) -> Outcome {
    let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status();
    sent.map_err(|error| error.to_string()).map(drop)
}

fn seized(lab: &Lab) -> Outcome {
    let mut daemon = Daemon::start(lab)?;
    let pid = daemon.pid();
    let file = path(&lab.dir().join("seized.json"));
    for name in ["INT", "TERM"] {
        let mut tracer = beside(lab, &["--json", "-o", &file, "--pid", &pid])?;
        until("it is traced", || status_of(&pid, "TracerPid").is_some_and(|tracer| tracer != "0"))?;
        daemon.answers()?;
        signal(tracer.id(), name)?;
        let ended = tracer.wait().map_err(|error| error.to_string())?;
        assert_eq!(ended.code(), Some(0), "{name} is how one ends it");
        assert_eq!(status_of(&pid, "TracerPid").as_deref(), Some("0"));
        daemon.answers()?;
        let text = fs::read_to_string(&file).map_err(|error| error.to_string())?;
        let document: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let executed =
            calls(&document).find(|call| call["name"] == "execve").ok_or("its child was not seen")?;
        assert_eq!((&executed["subject"], &executed["process"]), (&"/bin/true".into(), &2.into()));
    }
    // With a command, the trace ends when that does.
    let (document, ran) = traced(lab, &["--pid", &pid], &["sh", "-c", "exit 3"])?;
    assert_eq!(ran.status, 3);
    assert_eq!(document["processes"].as_array().map(Vec::len), Some(2), "{document:#}");
    daemon.answers()
}

fn limited(lab: &Lab) -> Outcome {
    let mut daemon = Daemon::start(lab)?;
    let pid = daemon.pid();
    let begun = Instant::now();
    let (document, ran) = traced(lab, &["--for", "0.3", "--pid", &pid], &[])?;
    assert_eq!((ran.status, &document["left"]), (0, &1.into()), "{document:#}");
    assert!(begun.elapsed() >= Duration::from_millis(300), "it ended at once");
    daemon.answers()
}

fn killed(lab: &Lab) -> Outcome {
    let mark = path(&lab.dir().join("pid"));
    let mut tracer = beside(lab, &["--", "sh", "-c", &format!("echo $$ > {mark}; sleep 60; true")])?;
    let pid = || fs::read_to_string(&mark).map(|text| text.trim().to_owned()).unwrap_or_default();
    until("the command runs", || !pid().is_empty())?;
    tracer.kill().and_then(|()| tracer.wait()).map_err(|error| error.to_string())?;
    until(
        "the command is gone",
        || !matches!(status_of(&pid(), "State"), Some(state) if !state.starts_with('Z')),
    )
}

fn daemon_outlives(lab: &Lab) -> Outcome {
    let mut daemon = Daemon::start(lab)?;
    let pid = daemon.pid();
    let mut tracer = beside(lab, &["--pid", &pid])?;
    until("it is traced", || status_of(&pid, "TracerPid").is_some_and(|tracer| tracer != "0"))?;
    daemon.answers()?;
    tracer.kill().and_then(|()| tracer.wait()).map_err(|error| error.to_string())?;
    daemon.answers()
}

fn passed_on(lab: &Lab) -> Outcome {
    let mark = lab.dir().join("ready");
    let script = format!("trap 'exit 9' TERM; : > {}; while :; do sleep 0.05; done", path(&mark));
    let mut tracer = beside(lab, &["--", "sh", "-c", &script])?;
    until("the command is ready", || mark.exists())?;
    signal(tracer.id(), "TERM")?;
    let ended = tracer.wait().map_err(|error| error.to_string())?;
    assert_eq!(ended.code(), Some(9), "the command's own answer to SIGTERM");
    Ok(())
}

/// Job control works as if nobody watched: the process stands still, and its end comes after SIGCONT.
fn stopped(lab: &Lab) -> Outcome {
    let mark = path(&lab.dir().join("stopped"));
    let script = format!("echo $$ > {mark}; kill -STOP $$; exit 5");
    let mut tracer = beside(lab, &["--", "sh", "-c", &script])?;
    let pid = || fs::read_to_string(&mark).map(|text| text.trim().to_owned()).unwrap_or_default();
    until("it stands still", || {
        status_of(&pid(), "State").is_some_and(|state| state.starts_with(['T', 't']))
    })?;
    sleep(Duration::from_millis(200));
    assert!(tracer.try_wait().map_err(|error| error.to_string())?.is_none(), "it went on by itself");
    assert_eq!(status_of(&pid(), "State").map(|state| state.starts_with(['T', 't'])), Some(true));
    Command::new("kill").args(["-s", "CONT", &pid()]).status().map_err(|error| error.to_string())?;
    let ended = tracer.wait().map_err(|error| error.to_string())?;
    assert_eq!(ended.code(), Some(5));
    Ok(())
}

fn colourless(lab: &Lab) -> Outcome {
    let file = path(&lab.dir().join("trace.txt"));
    let plain = lab.run("dive", &["trace", "--", "true"])?.stderr;
    lab.run("dive", &["trace", "-o", &file, "--", "true"])?.succeeded()?;
    let written = fs::read_to_string(&file).map_err(|error| error.to_string())?;
    for text in [&plain, &written] {
        assert!(text.contains("execve(") && text.contains("becomes this program"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
    // The planted fault: where colour is asked for there are escapes, so that their lack above says something.
    let coloured =
        Ran::of(lab.command("dive").env("CLICOLOR_FORCE", "1").args(["trace", "--", "true"]))?.stderr;
    assert!(coloured.contains('\u{1b}'), "{coloured:?}");
    let mut refused = lab.command("dive");
    refused.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").args(["trace", "--", "true"]);
    let refused = Ran::of(&mut refused)?.stderr;
    assert!(!refused.contains('\u{1b}'), "{refused:?}");
    Ok(())
}

fn compared(lab: &Lab) -> Outcome {
    let file = path(&lab.dir().join("rows.json"));
    let words =
        ["trace", "--json", "-o", &file, "--compare", "sh -c true", "--", "sh", "-c", "/bin/true; exit 4"];
    let ran = lab.run("dive", &words)?;
    assert_eq!(ran.status, 4, "that of the second: {}", ran.stderr);
    let text = fs::read_to_string(&file).map_err(|error| error.to_string())?;
    let rows: Vec<Value> = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let count = |side: &str| -> BTreeMap<String, u64> {
        let rows = rows
            .iter()
            .map(|row| (row["name"].as_str().unwrap_or("").to_owned(), row[side].as_u64().unwrap_or(0)));
        rows.filter(|(_, count)| *count > 0).collect()
    };
    assert_eq!(count("first").get("execve"), Some(&1));
    assert_eq!(count("second").get("execve"), Some(&2), "a program more: {rows:#?}");
    assert!(count("second").len() > count("first").len(), "and a fork: {rows:#?}");
    Ok(())
}

fn setuid(lab: &Lab) -> Outcome {
    let (document, _) = traced(lab, &[], &["su", "--version"])?;
    let warnings = document["warnings"].to_string();
    if nix::unistd::geteuid().is_root() {
        // Root of a plain container has no capabilities to trace with, and none to gain from a program of root's.
        assert_eq!(warnings, "[]");
        return Ok(());
    }
    assert!(warnings.contains("setuid bit") && warnings.contains("CAP_SYS_PTRACE"), "{warnings}");
    let (document, _) = traced(lab, &[], &["true"])?;
    assert_eq!(document["warnings"], serde_json::json!([]), "true gives nobody a privilege");
    Ok(())
}

fn lesson(lab: &Lab) -> Outcome {
    let ran = lab.run("dive", &["trace", "00"])?;
    assert!(ran.stderr.contains("step-00"), "{}", ran.stderr);
    lab.run("dive", &["trace", "98"])?.ended_with(125)?.says(&["step-98", "cargo build -p step-98"])?;
    lab.run("dive", &["trace", "true"])?.ended_with(125)?.says(&["a command goes after `--`"])?;
    lab.run("dive", &["trace"])?.ended_with(125)?.says(&["nothing to trace"])?;
    lab.run("dive", &["trace", "--pid", "999999999"])?.ended_with(125)?.says(&["ESRCH"])?;
    Ok(())
}
