//! Docker itself, as it is installed here: what the book tells of it, seen.
//!
//! Each case starts a [`Machine`] with containerd and dockerd in it. What a release decides, a snapshot tells of one
//! release, and its case needs that one; what holds of all is asserted beside it.

use crate::kit::{Case, Lab, Need, Outcome, case};
use crate::steps::snapshot;

mod engines;
mod normal;
mod sockets;

use crate::kit::docker::{self, Machine};

/// The releases that the snapshots tell of: those of Debian 12.
const RELEASES: [Need; 3] = [
    Need::Version("dockerd", " 20.10."),
    Need::Version("containerd", " 1.6."),
    Need::Version("runc", " 1.1."),
];

pub(super) fn cases() -> Vec<Case> {
    let needs = [&docker::NEEDS[..], &RELEASES].concat();
    let all = [&needs[..], &engines::NEEDS].concat();
    let case_of = |name: &str, body: fn(&Lab) -> Outcome| case(format!("docker: {name}"), &needs, body);
    let case_with = |programs: &[&'static str], name: &str, body: fn(&Lab) -> Outcome| {
        let programs: Vec<_> = programs.iter().map(|program| Need::Program(program)).collect();
        case(format!("docker: {name}"), &[&needs[..], &programs].concat(), body)
    };
    vec![
        case("docker: ls is traced, and what a shell adds", &[], plain),
        case("docker: of a trace only what is the run's own is taken out", &[], |lab| {
            normal::planted(lab);
            Ok(())
        }),
        case_of("the client makes threads, and talks to a socket", client),
        case_of("behind the socket runc makes the container", behind),
        case_of("lesson 04 beside runc", lesson),
        case_with(&["ps", "ss"], "five programs, and the sockets between them", sockets::processes),
        case_with(&["curl", "python3"], "a container is made by hand over the socket", sockets::by_hand),
        case_with(&["setpriv"], "who can connect by plain tcp is root", sockets::tcp),
        case_with(&["setpriv"], "the group that may use the socket is root", sockets::group),
        case_with(
            &["systemd-socket-activate", "ss"],
            "a passed socket is there before the daemon",
            sockets::passed,
        ),
        case("docker: three engines, and whom each starts", &all, engines::made),
        case("docker: three engines, and who stays", &all, engines::stay),
        case_with(&["openssl"], "without a certificate nobody gets in", sockets::tls),
    ]
}

/// A program, and a program that another one starts: all that there is to a command.
fn plain(lab: &Lab) -> Outcome {
    let of = |words: &[&str]| -> Result<String, String> {
        let ran = lab.run("dive", &[&["trace", "--"], words].concat())?.ended_with(0)?;
        Ok(normal::trace(lab, &ran.stderr))
    };
    let text = of(&["ls"])?.replace("\"/bin/ls\"", "\"/usr/bin/ls\"");
    snapshot("trace-ls", "cargo dive trace -- ls", &text);
    let shell = of(&["sh", "-c", "ls; :"])?;
    assert!(shell.contains("by 2 processes") && shell.contains("→ 2"), "{shell}");
    let born = shell.lines().find(|line| line.contains("→ 2")).unwrap_or_default();
    assert!(!born.contains("CLONE_NEW"), "{born}");
    Ok(())
}

/// The seed's demonstration: what strace on `docker run` shows are the client's own threads.
fn client(lab: &Lab) -> Outcome {
    let machine = Machine::start(lab)?;
    let line = "dive trace -- docker run --rm busybox true";
    // The first run makes directories that the others find.
    machine.shell(lab, "docker run --rm busybox true")?.succeeded()?;
    let ran = machine.shell(lab, line)?.ended_with(0)?;
    let text = normal::trace(lab, &ran.stderr);
    for word in ["unshare", "pivot_root", "mount", "CLONE_NEW", " by 1\n"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    snapshot("docker-client.root", &format!("cargo {line}"), &text);
    Ok(())
}

/// The calls that make processes, namespaces and roots.
const ONLY: &str = "clone,clone3,unshare,setns,sethostname,pivot_root,execve";

/// The same command, with the daemons seized.
fn behind(lab: &Lab) -> Outcome {
    let machine = Machine::start(lab)?;
    let line = format!(
        "dive trace --only {ONLY} --pid $(pidof containerd) --pid $(pidof dockerd) -- docker run --rm busybox true"
    );
    machine.shell(lab, "docker run --rm busybox true")?.succeeded()?;
    let ran = machine.shell(lab, &line)?.ended_with(0)?;
    let text = normal::trace(lab, &ran.stderr);
    snapshot("docker-run.root", &format!("cargo {line}"), &text);
    Ok(())
}

/// Our own container, by the same calls.
fn lesson(lab: &Lab) -> Outcome {
    let root = lab.dir().join("rootfs").display().to_string();
    lab.run("step-04", &["rootfs", &root])?.succeeded()?;
    let words = ["trace", "--only", ONLY, "--", "step-04", "run", "--rootfs", &root, "true"];
    let ran = lab.run("dive", &words)?.ended_with(0)?;
    let line = words[..8].join(" ") + " /tmp/rootfs true";
    let line = line.replace(&format!(" {root}"), "");
    snapshot("docker-lesson-04.root", &format!("cargo dive {line}"), &normal::trace(lab, &ran.stderr));
    Ok(())
}
