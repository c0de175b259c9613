//! Who talks to whom: the processes of a container that runs, the sockets between them, and who may use the first one.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::normal;
use crate::kit::docker::{Machine, Setup};
use crate::kit::{Lab, Outcome};
use crate::steps::snapshot;

/// What is shown of a line of a shell is a snapshot of the machine's.
pub(super) fn shown(lab: &Lab, machine: &Machine, name: &str, line: &str) -> Result<String, String> {
    let text = normal::text(lab, &machine.shows(lab, line)?);
    snapshot(&format!("{name}.root"), &line.replace(&lab.dir().display().to_string(), "/tmp"), &text);
    Ok(text)
}

/// A setting of dockerd's.
fn hosts(hosts: &[&str]) -> serde_json::Map<String, serde_json::Value> {
    serde_json::Map::from_iter([("hosts".to_owned(), json!(hosts))])
}

const LISTENING: &str = "ss -Hxlp | awk '$5 ~ \"^/\" { print $5, $9 }' | sort";

/// Five programs, and the sockets between the first four.
pub(super) fn processes(lab: &Lab) -> Outcome {
    let machine = Machine::start(lab)?;
    // With its parent gone the client is nobody's child, as it would be a shell's elsewhere.
    machine.shell(lab, "(docker run --rm --name one busybox sleep 600 >/dev/null 2>&1 &)")?.succeeded()?;
    machine.until(lab, "the container runs", "docker top one | grep -q sleep")?;
    machine.settles(lab)?;
    let tree = "ps -e --forest -o user,args | grep -E '[d]ockerd|[c]ontainerd|[s]leep 600'";
    let text = shown(lab, &machine, "docker-processes", tree)?;
    assert!(text.lines().any(|line| line.ends_with("\\_ sleep 600")), "a child of the shim: {text}");
    shown(lab, &machine, "docker-sockets", LISTENING)?;
    // Whoever is killed stops nothing in an orderly way; the container has another parent, and goes on.
    machine.shell(lab, "kill -KILL $(pidof dockerd containerd)")?.succeeded()?;
    machine.until(
        lab,
        "the daemons and the client are gone",
        "! pidof dockerd containerd docker >/dev/null",
    )?;
    machine.settles(lab)?;
    let left = shown(lab, &machine, "docker-left", tree)?;
    assert!(left.contains("containerd-shim") && left.contains("\\_ sleep 600"), "{left}");
    Ok(())
}

const API: &str = "curl -s --unix-socket /run/docker.sock http://docker";

/// The interface by hand: a container without the client.
pub(super) fn by_hand(lab: &Lab) -> Outcome {
    let machine = Machine::start(lab)?;
    let ping = machine.shows(lab, &format!("{}/_ping | tr -d '\r'", API.replace("-s ", "-si ")))?;
    let dateless: Vec<_> = ping.lines().map(|l| if l.starts_with("Date:") { "Date: …" } else { l }).collect();
    snapshot(
        "docker-ping.root",
        "curl -si --unix-socket /run/docker.sock http://docker/_ping",
        &dateless.join("\n"),
    );
    let create = format!(
        "{API}/containers/create?name=by-hand -H 'Content-Type: application/json' -d '{{\"Image\": \"busybox\", \
         \"Cmd\": [\"echo\", \"hello\"]}}'"
    );
    shown(lab, &machine, "docker-create", &create)?;
    machine.shell(lab, &format!("{API}/containers/by-hand/start -X POST"))?.succeeded()?;
    shown(lab, &machine, "docker-wait", &format!("{API}/containers/by-hand/wait -X POST"))?;
    shown(lab, &machine, "docker-logs", &format!("{API}/containers/by-hand/logs?stdout=1 | tail -c +9"))?;
    let text =
        shown(lab, &machine, "docker-list", &format!("{API}/containers/json?all=1 | python3 -m json.tool"))?;
    assert!(text.contains("\"/by-hand\"") && text.contains("\"exited\""), "{text}");
    Ok(())
}

/// A file that root alone may read.
fn secret(lab: &Lab) -> Result<String, String> {
    let file = lab.lab().sentinel().map_err(|error| error.to_string())?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).map_err(|error| error.to_string())?;
    Ok(file.display().to_string())
}

const NOBODY: &str = "setpriv --reuid=65534 --regid=65534";

/// Whoever can connect is root: the file is read by a user who may not read it, and no rule of a file stands in the way.
pub(super) fn tcp(lab: &Lab) -> Outcome {
    let daemon = hosts(&["unix:///run/docker.sock", "tcp://127.0.0.1:2375"]);
    let machine = Machine::boot(lab, &Setup { daemon, ..Setup::default() })?;
    machine.is_up(lab)?;
    let secret = secret(lab)?;
    shown(lab, &machine, "docker-warnings", "grep -o 'msg=\"Binding[^\"]*\"' dockerd.log")?;
    let run = format!("docker -H tcp://127.0.0.1:2375 run --rm -v {secret}:/secret busybox cat /secret");
    let line = format!("{NOBODY} --clear-groups sh -c 'cat {secret}; {run}'");
    let text = shown(lab, &machine, "docker-tcp", &line)?;
    assert!(text.contains("Permission denied") && text.contains(guest::attack::SENTINEL.trim()), "{text}");
    // By the other socket the same user gets nothing: it is the way in that differs, and not the request.
    let refused = machine.shows(lab, &format!("{NOBODY} --clear-groups docker version"))?;
    assert!(refused.contains("permission denied while trying to connect"), "{refused}");
    Ok(())
}

/// The group that may use the socket may do the same.
pub(super) fn group(lab: &Lab) -> Outcome {
    let machine = Machine::start(lab)?;
    let secret = secret(lab)?;
    let run = format!("docker run --rm -v {secret}:/secret busybox cat /secret");
    let text = shown(lab, &machine, "docker-group", &format!("{NOBODY} --groups=docker {run}"))?;
    assert!(text.contains(guest::attack::SENTINEL.trim()), "{text}");
    let refused = machine.shows(lab, &format!("{NOBODY} --clear-groups {run}"))?;
    assert!(!refused.contains(guest::attack::SENTINEL.trim()), "{refused}");
    Ok(())
}

/// A socket that is there before the daemon is.
pub(super) fn passed(lab: &Lab) -> Outcome {
    let launcher = "systemd-socket-activate -l /run/docker.sock";
    let machine = Machine::boot(lab, &Setup { daemon: hosts(&["fd://"]), launcher })?;
    let who = "ss -Hxlp | awk '$5 == \"/run/docker.sock\" { print $5, $9 }'";
    machine.until(lab, "somebody listens", "test -S /run/docker.sock")?;
    assert_eq!(machine.shell(lab, "pidof dockerd")?.status, 1, "no daemon runs before it is needed");
    let line = format!("{who}; docker version --format 'dockerd {{{{.Server.Version}}}} answers'; {who}");
    let text = shown(lab, &machine, "docker-fd", &line)?;
    let pids: Vec<_> = text.lines().filter(|line| line.contains("pid=N")).collect();
    assert_eq!(pids.len(), 2, "{text}");
    Ok(())
}

/// With certificates: who has none is turned away before any request is read.
pub(super) fn tls(lab: &Lab) -> Outcome {
    let script = lab.dir().join("tls.sh");
    fs::write(&script, include_str!("tls.sh")).map_err(|error| error.to_string())?;
    lab.run("sh", &["-e", &script.display().to_string()])?.succeeded()?;
    // One that another authority has signed: itself.
    let other = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=client"];
    lab.run("openssl", &[&other[..], &["-keyout", "other-key.pem", "-out", "other.pem"]].concat())?
        .succeeded()?;
    let mut daemon = hosts(&["unix:///run/docker.sock", "tcp://127.0.0.1:2376"]);
    let here = lab.dir().display().to_string();
    daemon.insert("tlsverify".into(), json!(true));
    for (setting, file) in [("tlscacert", "ca"), ("tlscert", "server"), ("tlskey", "server-key")] {
        daemon.insert(setting.into(), json!(format!("{here}/{file}.pem")));
    }
    let machine = Machine::boot(lab, &Setup { daemon, ..Setup::default() })?;
    machine.is_up(lab)?;
    let docker = "docker -H tcp://localhost:2376 --tlsverify --tlscacert ca.pem";
    let asks = "images --format '{{.Repository}}'";
    let refused = shown(lab, &machine, "docker-tls-without", &format!("{docker} {asks}"))?;
    assert!(refused.contains("bad certificate") || refused.contains("certificate required"), "{refused}");
    let with = format!("{docker} --tlscert client.pem --tlskey client-key.pem {asks}");
    let text = shown(lab, &machine, "docker-tls", &with)?;
    assert_eq!(text, "busybox\n");
    for (what, line) in [
        ("without TLS", format!("docker -H tcp://localhost:2376 {asks}")),
        ("by another authority", with.replace("client", "other")),
        ("for a server", with.replace("client", "server")),
    ] {
        let ran = machine.shell(lab, &line)?;
        assert!(ran.status != 0 && !ran.stdout.contains("busybox"), "{what}: {ran:?}");
    }
    Ok(())
}
