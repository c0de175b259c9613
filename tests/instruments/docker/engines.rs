//! Who starts whom: Docker, containerd without it, and Podman, each asked for the same container.

use std::fs;

use super::{normal, sockets};
use crate::kit::docker::Machine;
use crate::kit::{Lab, Need, Outcome};
use crate::steps::snapshot;

/// Beside what Docker needs.
pub(super) const NEEDS: [Need; 5] = [
    Need::Program("ctr"),
    Need::Version("podman", " 4.3."),
    Need::Version("conmon", " 2.1."),
    Need::Version("crun", " 1.8"),
    Need::Program("ps"),
];

/// Podman without systemd, without a network, and with limits that may be set where the bounding set lacks the capability
/// to raise them.
const PODMAN: &str = "[engine]\ncgroup_manager = 'cgroupfs'\nevents_logger = 'file'\n\
    [network]\nnetwork_backend = 'cni'\nnetwork_config_dir = 'DIR/networks'\n\
    [containers]\ndefault_ulimits = ['nofile=4096:4096', 'nproc=4096:4096']\ncgroups = 'disabled'\nnetns = 'none'\n";

const IMAGE: &str = "docker.io/library/busybox:latest";

/// A machine in which all three have the image.
fn machine(lab: &Lab) -> Result<Machine, String> {
    let machine = Machine::start(lab)?;
    let settings = PODMAN.replace("DIR", &lab.dir().display().to_string());
    fs::write(lab.dir().join("containers.conf"), settings).map_err(|error| error.to_string())?;
    machine.shell(lab, "docker save busybox | ctr image import -")?.succeeded()?;
    machine.shell(lab, &podman("podman import image.tar busybox"))?.succeeded()?;
    Ok(machine)
}

/// A line, with where Podman finds its settings.
fn podman(line: &str) -> String {
    format!("export CONTAINERS_CONF=$PWD/containers.conf; {line}")
}

/// ctr would use a group of its own name, in which the lab would not look for leaks.
fn ctr(machine: &Machine, words: &str) -> String {
    format!("ctr run {words}").replace(IMAGE, &format!("--cgroup /{}/ctr {IMAGE}", machine.group()))
}

/// Each process that is made, below the one that made it.
pub(super) fn made(lab: &Lab) -> Outcome {
    let machine = machine(lab)?;
    let seized = "--pid $(pidof containerd)";
    let titles = "2>&1 | grep '(pid'";
    for (name, line, really) in [
        ("docker", format!("{seized} --pid $(pidof dockerd) -- docker run --rm busybox true"), None),
        (
            "ctr",
            format!("{seized} -- ctr run --rm {IMAGE} one true"),
            Some(format!("{seized} -- {}", ctr(&machine, &format!("--rm {IMAGE} one true")))),
        ),
        ("podman", "-- podman run -d busybox true".to_owned(), None),
    ] {
        let run = format!("dive trace {} {titles}", really.as_ref().unwrap_or(&line));
        let text = machine.shell(lab, &podman(&run))?.succeeded()?;
        let text = normal::trace(lab, &text);
        assert!(text.contains("true (pid N, 1 inside)"), "{name} made no container: {text}");
        snapshot(&format!("engines-{name}.root"), &format!("cargo dive trace {line} {titles}"), &text);
    }
    Ok(())
}

/// Who is still there while the three containers run.
pub(super) fn stay(lab: &Lab) -> Outcome {
    let machine = machine(lab)?;
    for line in [
        "docker run -d busybox sleep 600".to_owned(),
        ctr(&machine, &format!("-d {IMAGE} two sleep 600")),
        podman("podman run -d busybox sleep 600"),
    ] {
        machine.shell(lab, &line)?.succeeded()?;
    }
    machine.settles(lab)?;
    let tree = "ps -e --forest -o comm | grep -E 'dockerd|containerd|conmon|sleep'";
    let text = sockets::shown(lab, &machine, "engines-stay", tree)?;
    assert_eq!(text.matches("\\_ sleep").count(), 3, "{text}");
    assert!(!text.contains("runc") && !text.contains("crun"), "no runtime stays: {text}");
    // Docker's container is containerd's as well, under another name than the other one's.
    let spaces = "ctr namespace ls -q; ctr -n moby task ls -q; ctr -n default task ls -q";
    sockets::shown(lab, &machine, "engines-namespaces", spaces)?;
    let mine = machine.shell(lab, "docker ps -q | wc -l")?.succeeded()?;
    let podmans = machine.shell(lab, &podman("podman ps -q | wc -l"))?.succeeded()?;
    assert_eq!((mine.trim(), podmans.trim()), ("1", "1"), "each engine sees its own");
    machine.shell(lab, "kill -KILL $(pidof dockerd containerd)")?.succeeded()?;
    machine.until(lab, "the daemons are gone", "! pidof dockerd containerd >/dev/null")?;
    assert_eq!(machine.shell(lab, "pidof sleep")?.stdout.split_whitespace().count(), 3, "all go on");
    Ok(())
}
