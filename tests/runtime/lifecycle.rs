//! A container's life, by the commands that engines use.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use super::bundle::Bundle;
use super::said;
use crate::kit::{Case, Lab, Need, Outcome, case};

pub(crate) fn cases() -> Vec<Case> {
    let root = [Need::Namespaces, Need::Cgroups];
    let life = |name: &str, body: fn(&Lab) -> Outcome| case(format!("runtime: {name}"), &root, body);
    vec![
        case(
            "runtime: run ends with the status of the process, and leaves nothing",
            &[Need::Namespaces],
            run,
        ),
        case(
            "runtime: what cannot be executed is told in the words that engines look for",
            &[Need::Namespaces],
            words,
        ),
        case("runtime: start tells why a program was not executed", &[Need::Namespaces], late_failure),
        life("create, start, kill, delete", whole_life),
        life("of many creators of one name one wins", one_winner),
        life("delete refuses what runs, and --force does not", delete),
        life("hooks run in their order, with the state, where they belong", hooks),
        life("a hook that fails or hangs undoes the container", failing_hooks),
        life("exec runs another process in the same namespaces", exec),
        life("a parent that is killed leaves nothing that delete --force does not remove", killed),
        case(
            "runtime: a terminal is shown on that of whoever waits",
            &[Need::Namespaces, Need::Program("script")],
            terminal,
        ),
        life("signals are passed on to the process", signals),
        life("descriptors reach the process only if they are preserved", descriptors),
    ]
}

fn run(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &["sh", "-c", "echo out; echo err >&2; exit 7"])?;
    let ran = bundle.call(&["run"], "c")?.ended_with(7)?;
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("out\n", "err\n"));
    assert_eq!(bundle.remains("c")?, [""; 0]);
    bundle.call(&["run", "--keep"], "c")?.ended_with(7)?;
    assert_eq!(bundle.state("c")?.map(|state| state["status"].clone()), Some(json!("stopped")));
    bundle.call(&["delete"], "c")?.succeeded()?;
    bundle.script("sleep 1000")?;
    let mut running = bundle.command(&["run"], "c").stdin(Stdio::null()).spawn().map_err(said)?;
    bundle.wait_for("c", "running")?;
    bundle.call(&["kill", "--all"], "c")?.succeeded()?;
    let mut command = lab.command("dive-runtime");
    command.arg("--root").arg(bundle.store()).args(["kill", &bundle.id("c"), "9"]);
    bundle.ended(&mut command)?;
    assert_eq!(running.wait().map_err(said).map(workbook::lab::exit_status)?, 137);
    assert_eq!(bundle.remains("c")?, [""; 0]);
    Ok(())
}

fn words(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &["no-such-program"])?;
    let table = [
        ("no-such-program", "exec: \"no-such-program\": executable file not found in $PATH"),
        ("/no/such", "exec: \"/no/such\": stat /no/such: no such file or directory"),
        ("/etc/passwd", "exec: \"/etc/passwd\": permission denied"),
    ];
    for (program, words) in table {
        bundle.edit(|config| config["process"]["args"] = json!([program]))?;
        for verb in ["run", "create"] {
            bundle.call(&[verb], "c")?.ended_with(1)?.says(&[words])?;
            assert_eq!(bundle.remains("c")?, [""; 0], "{verb} {program}");
        }
    }
    // Engines read the same out of the log.
    let log = lab.dir().join("log.json");
    let mut command = lab.command("dive-runtime");
    command.arg("--log").arg(&log).args(["--log-format", "json", "--root"]).arg(bundle.store());
    command.arg("create").arg("--bundle").arg(&bundle.dir).arg(bundle.id("c"));
    assert!(!command.output().map_err(said)?.status.success());
    let text = fs::read_to_string(&log).map_err(said)?;
    let line: serde_json::Value =
        serde_json::from_str(text.lines().last().unwrap_or_default()).map_err(said)?;
    assert_eq!(
        (&line["level"], &line["msg"]),
        (&json!("error"), &json!("exec: \"/etc/passwd\": permission denied"))
    );
    assert!(line["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
    Ok(())
}

/// That there is a file to execute is seen when the container is made; that it is no program, only when it is executed.
fn late_failure(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &["/bin/no-format"])?;
    let file = bundle.root().join("bin/no-format");
    fs::write(&file, "neither a script nor a program\n").map_err(said)?;
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).map_err(said)?;
    bundle.call(&["create"], "c")?.succeeded()?;
    bundle
        .call(&["start"], "c")?
        .ended_with(1)?
        .says(&["exec: \"/bin/no-format\": /bin/no-format: exec format error"])?;
    bundle.wait_for("c", "stopped")?;
    bundle.call(&["delete"], "c")?.succeeded().map(drop)
}

fn whole_life(lab: &Lab) -> Outcome {
    let bundle =
        Bundle::new(lab, &["sh", "-c", "trap 'exit 3' TERM; echo up; while :; do sleep 0.01; done"])?;
    let pid_file = lab.dir().join("pid");
    let pid_file = pid_file.to_str().ok_or("a path")?;
    bundle.call(&["create", "--pid-file", pid_file], "c")?.succeeded()?;
    let state = bundle.wait_for("c", "created")?;
    assert_eq!(state["bundle"], json!(bundle.dir));
    assert_eq!(fs::read_to_string(pid_file).map_err(said)?, state["pid"].to_string());
    bundle.call(&["start"], "c")?.succeeded()?;
    bundle.call(&["start"], "c")?.ended_with(1)?.says(&["cannot start an already running container"])?;
    bundle.wait_for("c", "running")?;
    let listed =
        lab.run("dive-runtime", &["--root", bundle.store().to_str().ok_or("a path")?, "list", "-q"])?;
    assert_eq!(listed.succeeded()?, bundle.id("c") + "\n");
    // The shell may not have set its trap yet.
    std::thread::sleep(Duration::from_millis(100));
    bundle.call(&["kill"], "c")?.succeeded()?;
    bundle.wait_for("c", "stopped")?;
    bundle.call(&["kill"], "c")?.ended_with(1)?.says(&["container not running"])?;
    bundle.call(&["delete"], "c")?.succeeded()?;
    bundle.call(&["delete"], "c")?.ended_with(1)?.says(&["container does not exist"])?;
    bundle.call(&["delete", "--force"], "c")?.succeeded()?;
    assert_eq!(bundle.remains("c")?, [""; 0]);
    lab.lab().settle();
    Ok(())
}

fn one_winner(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &["true"])?;
    let mut creators = Vec::new();
    for number in 0..16 {
        let mut command = bundle.command(&["create"], "c");
        let file = lab.dir().join(format!("stderr{number}"));
        let stderr = fs::File::create(&file).map_err(said)?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        creators.push((command.spawn().map_err(said)?, file));
    }
    let mut winners = 0;
    for (mut creator, file) in creators {
        let status = creator.wait().map_err(said)?;
        let stderr = fs::read_to_string(file).map_err(said)?;
        winners += usize::from(status.success());
        assert!(status.success() || stderr.contains("already exists"), "{stderr}");
    }
    assert_eq!(winners, 1);
    bundle.call(&["delete", "--force"], "c")?.succeeded()?;
    lab.lab().settle();
    Ok(())
}

fn delete(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &["sleep", "1000"])?;
    bundle.call(&["run", "--detach"], "c")?.succeeded()?;
    bundle.call(&["delete"], "c")?.ended_with(1)?.says(&["that is not stopped: running"])?;
    bundle.wait_for("c", "running")?;
    bundle.call(&["delete", "--force"], "c")?.succeeded()?;
    assert_eq!(bundle.remains("c")?, [""; 0]);
    lab.lab().settle();
    Ok(())
}

fn hooks(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &["sh", "-c", "echo main >> /out/log"])?;
    let out = lab.dir().join("out");
    fs::create_dir(&out).map_err(said)?;
    let log = out.join("log");
    let outside = |name: &str| {
        let script = format!("read -r state; echo {name} $state >> {}", log.display());
        json!([{ "path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/bin:/usr/bin"] }])
    };
    bundle.edit(|config| {
        let bind = json!({ "destination": "/out", "type": "bind", "source": out, "options": ["bind"] });
        config["mounts"].as_array_mut().expect("a list").push(bind);
        let inside = json!([{ "path": "/bin/sh", "args": ["sh", "-c", "echo startContainer >> /out/log"] }]);
        config["hooks"] = json!({
            "prestart": outside("prestart"), "createRuntime": outside("createRuntime"),
            "createContainer": outside("createContainer"), "startContainer": inside,
            "poststart": outside("poststart"), "poststop": outside("poststop"),
        });
    })?;
    bundle.call(&["create"], "c")?.succeeded()?;
    let names = || -> Result<Vec<String>, String> {
        let text = fs::read_to_string(&log).map_err(said)?;
        Ok(text.lines().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect())
    };
    assert_eq!(names()?, ["prestart", "createRuntime", "createContainer"]);
    let first = fs::read_to_string(&log).map_err(said)?;
    let state = first.lines().next().and_then(|line| line.split_once(' ')).ok_or("no state")?.1;
    let state: serde_json::Value = serde_json::from_str(state).map_err(said)?;
    assert_eq!((&state["id"], &state["status"]), (&json!(bundle.id("c")), &json!("creating")));
    assert!(state["pid"].as_i64().is_some_and(|pid| pid > 1), "{state}");
    bundle.call(&["start"], "c")?.succeeded()?;
    bundle.wait_for("c", "stopped")?;
    bundle.call(&["delete"], "c")?.succeeded()?;
    let mut names = names()?;
    // Whether the process is quicker than the hooks that follow its start is nobody's promise.
    names[4..6].sort();
    let begin = ["prestart", "createRuntime", "createContainer", "startContainer"];
    assert_eq!(names, [&begin[..], &["main", "poststart", "poststop"]].concat());
    lab.lab().settle();
    Ok(())
}

fn failing_hooks(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &["true"])?;
    for kind in ["prestart", "createRuntime", "createContainer", "startContainer"] {
        let script = "echo the reason >&2; exit 9";
        bundle.edit(|config| {
            config["hooks"] = json!({ kind: [{ "path": "/bin/sh", "args": ["sh", "-c", script] }] });
        })?;
        let place = format!("hooks.{kind}[0]: run the hook \"/bin/sh\": exit status: 9: the reason");
        bundle.call(&["run"], "c")?.ended_with(1)?.says(&[&place])?;
        assert_eq!(bundle.remains("c")?, [""; 0], "{kind}");
    }
    let hang = json!([{ "path": "/bin/sh", "args": ["sh", "-c", "sleep 100"], "timeout": 1 }]);
    bundle.edit(|config| config["hooks"] = json!({ "createRuntime": hang }))?;
    bundle.call(&["run"], "c")?.ended_with(1)?.says(&["it has not ended after 1 s"])?;
    assert_eq!(bundle.remains("c")?, [""; 0]);
    lab.lab().settle();
    Ok(())
}

fn exec(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &["sleep", "1000"])?;
    bundle.call(&["run", "--detach"], "c")?.succeeded()?;
    let exec = |words: &[&str]| {
        let mut command = bundle.command(&["exec"], "c");
        bundle.ended(command.args(words))
    };
    let same = "for kind in cgroup ipc mnt net pid user uts; do
        [ $(readlink /proc/1/ns/$kind) = $(readlink /proc/self/ns/$kind) ] || echo another $kind; done; exit 5";
    let ran = exec(&["sh", "-c", same])?.ended_with(5)?;
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    let rights = |pid: &str| {
        exec(&["grep", "-E", "^(Cap...|NoNewPrivs|Seccomp):", &format!("/proc/{pid}/status")])?.succeeded()
    };
    assert_eq!(rights("self")?, rights("1")?, "other rights than the first process");
    exec(&["no-such-program"])?
        .ended_with(1)?
        .says(&["exec: \"no-such-program\": executable file not found in $PATH"])?;
    let file = lab.dir().join("process.json");
    let process = json!({ "cwd": "/tmp", "args": ["sh", "-c", "pwd; echo $A"], "env": ["PATH=/bin", "A=b"] });
    fs::write(&file, process.to_string()).map_err(said)?;
    let ran = bundle.call(&["exec", "--process", file.to_str().ok_or("a path")?], "c")?;
    assert_eq!(ran.succeeded()?, "/tmp\nb\n");
    bundle.call(&["delete", "--force"], "c")?.succeeded()?;
    exec(&["true"])?.ended_with(1)?.says(&["container does not exist"])?;
    lab.lab().settle();
    Ok(())
}

/// At moments that chance chooses; every call in turn is a fault injector's business.
fn killed(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &["sleep", "1000"])?;
    for moment in 0..24_u64 {
        let name = format!("c{moment}");
        let mut command = bundle.command(&["run"], &name);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(said)?;
        std::thread::sleep(Duration::from_millis(moment * moment / 5));
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL).map_err(said)?;
        child.wait().map_err(said)?;
        bundle.call(&["delete", "--force"], &name)?.succeeded()?;
        assert_eq!(bundle.remains(&name)?, [""; 0]);
        lab.lab().settle();
    }
    Ok(())
}

/// script(1) lends its terminal, and shows what is written to it.
fn terminal(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &[])?;
    bundle
        .script("tty; [ /dev/console -ef /dev/pts/0 ] && echo console; read line; echo got $line; exit 5")?;
    bundle.edit(|config| config["process"]["terminal"] = json!(true))?;
    bundle.call(&["create"], "c")?.ended_with(1)?.says(&["cannot allocate tty"])?;
    let run = bundle.command(&["run"], "c");
    let words: Vec<_> =
        std::iter::once(run.get_program()).chain(run.get_args()).map(|word| word.to_string_lossy()).collect();
    let mut script = lab.lab().command("script");
    script.current_dir(&bundle.dir).args(["--quiet", "--return", "--command", &words.join(" "), "/dev/null"]);
    let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(said)?;
    let mut typed = script.stdin.take().ok_or("no input")?;
    std::io::Write::write_all(&mut typed, b"hello\n").map_err(said)?;
    let output = script.wait_with_output().map_err(said)?;
    let shown = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    for words in ["/dev/pts/0\n", "console\n", "got hello\n"] {
        assert!(shown.contains(words), "{words:?} is not shown: {shown:?}");
    }
    assert_eq!(output.status.code(), Some(5));
    assert_eq!(bundle.remains("c")?, [""; 0]);
    Ok(())
}

fn signals(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &["sh", "-c", "trap 'exit 6' USR1; while :; do sleep 0.01; done"])?;
    let mut running = bundle.command(&["run"], "c").stdin(Stdio::null()).spawn().map_err(said)?;
    bundle.wait_for("c", "running")?;
    // The shell may not have set its trap yet.
    std::thread::sleep(Duration::from_millis(200));
    kill(Pid::from_raw(running.id().cast_signed()), Signal::SIGUSR1).map_err(said)?;
    assert_eq!(running.wait().map_err(said).map(workbook::lab::exit_status)?, 6);
    assert_eq!(bundle.remains("c")?, [""; 0]);
    Ok(())
}

fn descriptors(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &["sh", "-c", "for fd in /proc/$$/fd/*; do echo ${fd##*/}; done"])?;
    let host = fs::File::open(lab.dir()).map_err(said)?;
    // A descriptor of the host's, which somebody has forgotten to close.
    let leaked = nix::unistd::dup(&host).map_err(said)?;
    nix::fcntl::fcntl(&leaked, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).map_err(said)?;
    let number = std::os::fd::AsRawFd::as_raw_fd(&leaked);
    let seen = bundle.run()?;
    assert!(!seen.lines().any(|fd| fd == number.to_string()), "{seen}");
    let preserve = format!("--preserve-fds={}", number - 2);
    let seen = bundle.call(&["run", &preserve], "c")?.succeeded()?;
    assert!(seen.lines().any(|fd| fd == number.to_string()), "the detector is blind: {seen}");
    Ok(())
}
