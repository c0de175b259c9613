//! `config-linux.md`, "Devices" and "Default Devices".

use serde_json::json;

use super::bundle::push;
use super::trial::Trial;
use super::{Clause, Must, Should, clause};
use crate::kit::Outcome;

pub(super) const CLAUSES: &[Clause] = &[
    clause(
        "config-linux.md, Default Devices",
        Must,
        "null, zero, full, random, urandom, tty are there",
        defaults,
    ),
    clause("config-linux.md, Default Devices", Must, "/dev/ptmx leads to the container's own pts", ptmx),
    clause("runtime-linux.md, Dev symbolic links", Must, "fd, stdin, stdout, stderr are links", links),
    clause("config-linux.md, Devices", Must, "a listed device has its numbers, mode and owner", listed),
    clause("config-linux.md, Devices", Should, "a FIFO can be listed", fifo),
    clause("config-linux.md, Allowed Device list", Must, "what is not allowed cannot be opened", forbidden),
    clause("config-linux.md, Allowed Device list", Must, "the entries are applied in their order", order),
];

fn defaults(trial: &Trial<'_>) -> Outcome {
    let script = "for d in null zero full random urandom tty; do stat -c '%n %F %t:%T %a' /dev/$d; done; \
                  echo x > /dev/null && head -c 3 /dev/zero | cat -v; echo x 2>/dev/null > /dev/full || echo full";
    let seen = trial.see(script, |_| ())?;
    let expected = [
        ("null", "1:3"),
        ("zero", "1:5"),
        ("full", "1:7"),
        ("random", "1:8"),
        ("urandom", "1:9"),
        ("tty", "5:0"),
    ];
    for ((name, numbers), line) in expected.iter().zip(seen.lines().chain([""; 6])) {
        assert_eq!(line, format!("/dev/{name} character special file {numbers} 666"));
    }
    assert!(seen.ends_with("^@^@^@full"), "{seen}");
    Ok(())
}

fn ptmx(trial: &Trial<'_>) -> Outcome {
    let seen = trial.see("readlink /dev/ptmx || grep -c ' /dev/ptmx ' /proc/self/mountinfo", |_| ())?;
    assert!(["pts/ptmx", "/dev/pts/ptmx", "1"].contains(&seen.as_str()), "{seen}");
    Ok(())
}

fn links(trial: &Trial<'_>) -> Outcome {
    let seen = trial.see("for l in fd stdin stdout stderr; do readlink /dev/$l; done", |_| ())?;
    assert_eq!(seen, "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2");
    Ok(())
}

fn listed(trial: &Trial<'_>) -> Outcome {
    let seen = trial.see("stat -c '%F %t:%T %a %u:%g' /dev/deep/mine", |config| {
        let device = json!({"path": "/dev/deep/mine", "type": "c", "major": 1, "minor": 3,
                            "fileMode": 0o640, "uid": 12, "gid": 34});
        config["linux"]["devices"] = json!([device]);
    })?;
    assert_eq!(seen, "character special file 1:3 640 12:34");
    Ok(())
}

fn fifo(trial: &Trial<'_>) -> Outcome {
    let seen = trial.see("stat -c '%F %a' /dev/pipe", |config| {
        config["linux"]["devices"] = json!([{"path": "/dev/pipe", "type": "p", "fileMode": 0o600}]);
    })?;
    assert_eq!(seen, "fifo 600");
    Ok(())
}

/// What opening a node says whose number no driver has: ENXIO, unless the group forbids even to ask.
const OPEN: &str = "(exec 3< /dev/nobody) 2>&1 | grep -o 'Operation not permitted\\|No such device'";

/// The node, and the entries of the list about it.
fn open(trial: &Trial<'_>, entries: &[bool]) -> Result<String, String> {
    trial.see(OPEN, |config| {
        let device = json!({"path": "/dev/nobody", "type": "c", "major": 1, "minor": 200, "fileMode": 0o666});
        config["linux"]["devices"] = json!([device]);
        for allow in entries {
            let entry = json!({"allow": allow, "type": "c", "major": 1, "minor": 200, "access": "rwm"});
            push(config, "/linux/resources/devices", entry);
        }
    })
}

/// Each runtime allows what it made a node of (so do runc and crun, though the specification does not say it); a
/// later entry takes it back.
fn forbidden(trial: &Trial<'_>) -> Outcome {
    assert_eq!(open(trial, &[false])?, "Operation not permitted");
    assert_eq!(open(trial, &[true])?, "No such device", "the planted fault: an entry that allows it");
    Ok(())
}

fn order(trial: &Trial<'_>) -> Outcome {
    assert_eq!(open(trial, &[true, false])?, "Operation not permitted");
    assert_eq!(open(trial, &[false, true])?, "No such device");
    Ok(())
}
