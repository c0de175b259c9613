//! The terminal: made inside, sent out, held while nobody is there.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::openpty;
use serde_json::json;
use step_07::{console, terminal};

use super::lifecycle::Containers;
use super::{Behaviour, Step, since};
use crate::kit::{Lab, Outcome};

pub(crate) fn behaviours() -> Vec<Behaviour> {
    vec![
        since(7, "the terminal's master comes by the console socket", sent),
        since(
            7,
            "a terminal that nobody would hold is refused, and a socket that nothing comes to",
            |lab, step| {
                let of = Containers::of(lab, step);
                of.bundle(|config| config["process"]["terminal"] = json!(true))?;
                of.create("c", &[])?.ended_with(125)?.says(&["process.terminal", "--console-socket"])?;
                of.bundle(|_| ())?;
                let socket = lab.dir().join("socket").display().to_string();
                of.create("c", &["--console-socket", &socket])?
                    .ended_with(125)?
                    .says(&["--console-socket"])?;
                of.nothing_is_left()
            },
        ),
        since(7, "run and exec give a terminal, of the caller's size, which it follows", sized),
        since(7, "who leaves a console with ctrl-p ctrl-q may come back to it", comes_back),
    ]
}

fn sent(lab: &Lab, step: Step) -> Outcome {
    let of = Containers::of(lab, step);
    let script = "readlink /proc/self/fd/0; stat -c %t /dev/console; read line; echo \"read $line\"; exit 6";
    of.bundle(|config| {
        config["process"]["args"] = json!(["sh", "-c", script]);
        config["process"]["terminal"] = json!(true);
        config["process"]["consoleSize"] = json!({ "height": 31, "width": 97 });
    })?;
    let socket = lab.dir().join("socket");
    let listener = UnixListener::bind(&socket).map_err(|error| error.to_string())?;
    of.create("c", &["--console-socket", &socket.display().to_string()])?.succeeded()?;
    let (sender, _) = listener.accept().map_err(|error| error.to_string())?;
    let master = console::receive(&sender).map_err(|error| error.to_string())?;
    assert_eq!(terminal::size(&master).map_err(|error| error.to_string())?, (31, 97));
    of.run(&["start", "c"])?.succeeded()?;
    let mut line = Line(master);
    // The device number of a pseudo-terminal's slave, 136.
    line.shows("/dev/pts/0\r\n88\r\n")?;
    line.types("hello\r")?;
    // What is typed is echoed: it is a terminal, and not a pipe.
    line.shows("hello\r\nread hello\r\n")?;
    let init = of.init("c");
    if let Ok(init) = init {
        nix::sys::wait::waitpid(init, None).map_err(|errno| errno.to_string())?;
    }
    of.run(&["delete", "--force", "c"])?.succeeded()?;
    of.nothing_is_left()
}

fn sized(lab: &Lab, step: Step) -> Outcome {
    let of = Containers::of(lab, step);
    // Process 1 does not get a signal that it has no handler for.
    let script = "trap 'echo resized' WINCH; trap 'exit 130' INT; echo ready; while :; do sleep 0.05; done";
    of.bundle(|config| {
        config["process"]["args"] = json!(["sh", "-c", script]);
        config["process"]["terminal"] = json!(true);
    })?;
    let (mut run, mut line) = seated(&of, &["run", "--bundle", &of.path()], (20, 70))?;
    line.shows("ready")?;
    terminal::set_size(&line.0, (21, 71)).map_err(|error| error.to_string())?;
    line.shows("resized")?;
    // The key becomes a byte out here and a signal in there.
    line.types("\u{3}")?;
    let status = ended(&mut run)?;
    assert_eq!(status, 130);

    of.bundle(|_| ())?;
    of.started("c")?;
    let words = ["exec", "--tty", "c", "sh", "-c", "readlink /proc/self/fd/0; stty size; exit 4"];
    let (mut exec, mut line) = seated(&of, &words, (22, 72))?;
    line.shows("/dev/pts/0\r\n")?;
    assert_eq!(ended(&mut exec)?, 4);
    of.run(&["exec", "--tty", "c", "true"])?.ended_with(125)?.says(&["ENOTTY"])?;
    of.run(&["delete", "--force", "c"])?.succeeded()?;
    of.nothing_is_left()
}

fn comes_back(lab: &Lab, step: Step) -> Outcome {
    let of = Containers::of(lab, step);
    of.bundle(|config| {
        config["process"]["args"] = json!(["sh"]);
        config["process"]["terminal"] = json!(true);
    })?;
    let socket = lab.dir().join("socket");
    let path = socket.display().to_string();
    let (mut first, mut line) = seated(&of, &["console", &path], (20, 70))?;
    for _ in 0..500 {
        if socket.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    of.create("c", &["--console-socket", &path])?.succeeded()?;
    of.run(&["start", "c"])?.succeeded()?;
    line.types("TOKEN=kept; echo tok''en is set\r")?;
    line.shows("token is set\r\n")?;
    line.types("\u{10}\u{11}")?;
    assert_eq!(ended(&mut first)?, 0);
    assert_eq!(of.state("c")?["status"], "running");
    let (mut second, mut line) = seated(&of, &["console", &path], (20, 70))?;
    line.types("echo it is $TOKEN; exit\r")?;
    line.shows("it is kept\r\n")?;
    assert_eq!(ended(&mut second)?, 0);
    assert!(!socket.exists());
    of.run(&["delete", "--force", "c"])?.succeeded()?;
    of.nothing_is_left()
}

/// A command whose terminal is one of the test's.
fn seated(of: &Containers<'_>, words: &[&str], size: (u16, u16)) -> Result<(Child, Line), String> {
    let pair = openpty(None, None).map_err(|errno| errno.to_string())?;
    terminal::set_size(&pair.slave, size).map_err(|error| error.to_string())?;
    let slave = |fd: &OwnedFd| fd.try_clone().map(Stdio::from).map_err(|error| error.to_string());
    let mut command = of.command(words);
    command.stdin(slave(&pair.slave)?).stdout(slave(&pair.slave)?).stderr(slave(&pair.slave)?);
    // A session of its own with this terminal, as a login has: else no change of size would be told.
    command.env("DIVE_TEST", "1");
    let mut session = of.lab.command("setsid");
    session.arg("--ctty").arg("--wait").arg(command.get_program()).args(command.get_args());
    session.stdin(slave(&pair.slave)?).stdout(slave(&pair.slave)?).stderr(slave(&pair.slave)?);
    let child = session.spawn().map_err(|error| error.to_string())?;
    Ok((child, Line(pair.master)))
}

fn ended(child: &mut Child) -> Result<i32, String> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(workbook::lab::exit_status(status).into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    Err("it has not ended within 20 s".into())
}

/// The person's end.
struct Line(OwnedFd);

impl Line {
    fn types(&mut self, text: &str) -> Outcome {
        let mut line: File = self.0.try_clone().map_err(|error| error.to_string())?.into();
        line.write_all(text.as_bytes()).map_err(|error| error.to_string())
    }

    /// Reads until it is there.
    fn shows(&mut self, text: &str) -> Outcome {
        let mut line: File = self.0.try_clone().map_err(|error| error.to_string())?.into();
        let (mut seen, begun) = (String::new(), Instant::now());
        while begun.elapsed() < Duration::from_secs(20) {
            let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
            if poll(&mut fds, PollTimeout::from(100_u8)).map_err(|errno| errno.to_string())? == 0 {
                continue;
            }
            let mut bytes = [0; 4096];
            let Ok(count) = line.read(&mut bytes) else { break };
            seen += &String::from_utf8_lossy(&bytes[..count]);
            if seen.contains(text) {
                return Ok(());
            }
        }
        Err(format!("it does not show {text:?}: {seen:?}"))
    }
}
