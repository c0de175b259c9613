//! `config-linux.md`: namespaces, ids, kernel parameters, paths, seccomp.

use std::fs;

use serde_json::{Value, json};

use super::bundle::{push, remove};
use super::trial::Trial;
use super::{Clause, Must, Should, clause};
use crate::kit::Outcome;

pub(super) const CLAUSES: &[Clause] = &[
    clause("config-linux.md, Namespaces", Must, "a namespace without a path is a new one", new_namespaces),
    clause("config-linux.md, Namespaces", Must, "what is not listed is the runtime's own", inherited),
    clause("config-linux.md, Namespaces", Must, "a namespace with a path is joined", joined),
    clause("config-linux.md, Namespaces", Must, "a path to another kind is an error", another_kind),
    clause("config-linux.md, Namespaces", Must, "two of one kind are an error", twice),
    clause("config-linux.md, User mappings", Must, "ids are mapped as listed", id_maps),
    clause("config-linux.md, Time offsets", Must, "clocks are shifted as listed", time),
    clause("config-linux.md, Sysctl", Must, "kernel parameters of its namespaces are set", sysctl),
    clause("config-linux.md, Sysctl", Should, "kernel parameters of the host are an error", sysctl_of_host),
    clause("config-linux.md, Seccomp", Must, "a call is answered with the errno of its rule", seccomp),
    clause("config-linux.md, Seccomp", Must, "arguments are compared", seccomp_arguments),
    clause("config-linux.md, Rootfs propagation", Must, "the root propagates as asked", propagation),
    clause("config-linux.md, Masked paths", Must, "masked paths cannot be read", masked),
    clause("config-linux.md, Readonly paths", Must, "read-only paths cannot be written", read_only),
    clause("config-linux.md, Personality", Must, "the personality is this one", personality),
];

const KINDS: [(&str, &str); 7] = [
    ("pid", "pid"),
    ("network", "net"),
    ("ipc", "ipc"),
    ("uts", "uts"),
    ("mount", "mnt"),
    ("cgroup", "cgroup"),
    ("user", "user"),
];

fn own(file: &str) -> Result<String, String> {
    let link = fs::read_link(format!("/proc/self/ns/{file}")).map_err(|error| error.to_string())?;
    Ok(link.to_string_lossy().into_owned())
}

fn as_user_namespace(config: &mut Value) {
    push(config, "/linux/namespaces", json!({"type": "user"}));
    config["linux"]["uidMappings"] = json!([{"containerID": 0, "hostID": 100_000, "size": 1000}]);
    config["linux"]["gidMappings"] = json!([{"containerID": 0, "hostID": 200_000, "size": 1000}]);
}

fn new_namespaces(trial: &Trial<'_>) -> Outcome {
    let seen =
        trial.see("for ns in pid net ipc uts mnt cgroup; do readlink /proc/self/ns/$ns; done", |config| {
            push(config, "/linux/namespaces", json!({"type": "cgroup"}));
        })?;
    for ((_, file), seen) in KINDS.iter().zip(seen.lines().chain([""; 6])).take(6) {
        assert!(seen.starts_with(file) && seen != own(file)?, "{file}: {seen:?} is not a new one");
    }
    Ok(())
}

fn inherited(trial: &Trial<'_>) -> Outcome {
    let seen = trial.see("for ns in ipc uts user; do readlink /proc/self/ns/$ns; done", |config| {
        remove(config, "/linux/namespaces", |ns| ns["type"] == "ipc" || ns["type"] == "uts");
        config.as_object_mut().map(|config| config.remove("hostname"));
    })?;
    assert_eq!(seen, format!("{}\n{}\n{}", own("ipc")?, own("uts")?, own("user")?));
    Ok(())
}

fn joined(trial: &Trial<'_>) -> Outcome {
    let first = trial.start(trial.script("echo ready; sleep 60", |_| ())?)?;
    first.says("ready")?;
    let pid = first.pid()?;
    let seen =
        trial.see("hostname; for ns in net ipc uts; do readlink /proc/self/ns/$ns; done", |config| {
            config.as_object_mut().map(|config| config.remove("hostname"));
            for (kind, file) in [("network", "net"), ("ipc", "ipc"), ("uts", "uts")] {
                remove(config, "/linux/namespaces", |ns| ns["type"] == kind);
                push(
                    config,
                    "/linux/namespaces",
                    json!({"type": kind, "path": format!("/proc/{pid}/ns/{file}")}),
                );
            }
        })?;
    let of_first =
        |file: &str| fs::read_link(format!("/proc/{pid}/ns/{file}")).map_err(|error| error.to_string());
    let expected = ["net", "ipc", "uts"].map(of_first).into_iter().collect::<Result<Vec<_>, _>>()?;
    let expected: Vec<_> = expected.iter().map(|link| link.to_string_lossy()).collect();
    assert_eq!(seen, format!("conformance\n{}", expected.join("\n")));
    Ok(())
}

fn another_kind(trial: &Trial<'_>) -> Outcome {
    trial.refuses(|config| {
        remove(config, "/linux/namespaces", |ns| ns["type"] == "ipc");
        push(config, "/linux/namespaces", json!({"type": "ipc", "path": "/proc/self/ns/net"}));
    })
}

fn twice(trial: &Trial<'_>) -> Outcome {
    trial.refuses(|config| push(config, "/linux/namespaces", json!({"type": "ipc"})))
}

fn id_maps(trial: &Trial<'_>) -> Outcome {
    let seen = trial.see("cat /proc/self/uid_map /proc/self/gid_map", |config| {
        as_user_namespace(config);
        remove(config, "/mounts", |mount| mount["type"] == "devpts");
    })?;
    let words: Vec<_> = seen.split_whitespace().collect();
    assert_eq!(words, ["0", "100000", "1000", "0", "200000", "1000"]);
    Ok(())
}

fn time(trial: &Trial<'_>) -> Outcome {
    let seen = trial.see("cat /proc/self/timens_offsets", |config| {
        push(config, "/linux/namespaces", json!({"type": "time"}));
        config["linux"]["timeOffsets"] =
            json!({"boottime": {"secs": 86400, "nanosecs": 7}, "monotonic": {"secs": 3600}});
    })?;
    let words: Vec<_> = seen.split_whitespace().collect();
    assert_eq!(words, ["monotonic", "3600", "0", "boottime", "86400", "7"]);
    Ok(())
}

fn sysctl(trial: &Trial<'_>) -> Outcome {
    let files = "/proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni";
    let seen = trial.see(&format!("cat {files}"), |config| {
        config["linux"]["sysctl"] = json!({"net.ipv4.ip_forward": "1", "kernel.shmmni": "1234"});
    })?;
    assert_eq!(seen, "1\n1234");
    Ok(())
}

/// Opened by nobody: the value is what the host has already.
fn sysctl_of_host(trial: &Trial<'_>) -> Outcome {
    let value = fs::read_to_string("/proc/sys/vm/swappiness").map_err(|error| error.to_string())?;
    trial.refuses(|config| config["linux"]["sysctl"] = json!({"vm.swappiness": value.trim()}))
}

fn seccomp(trial: &Trial<'_>) -> Outcome {
    let script = "mkdir /made 2>/dev/null; echo $?; mkdir /made 2>&1 | grep -c 'Level 3 halted'; rm -r /made 2>/dev/null; true";
    let seen = trial.see(script, |config| {
        config["linux"]["seccomp"] = json!({
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 46}],
        });
    })?;
    assert_eq!(seen, "1\n1");
    Ok(())
}

/// kill(2) with signal 0 is answered, with another it is not.
fn seccomp_arguments(trial: &Trial<'_>) -> Outcome {
    let script = "kill -0 $$ && echo zero; kill -URG $$ 2>/dev/null || echo refused; cat /proc/self/status";
    let seen = trial.see(script, |config| {
        let condition = json!([{"index": 1, "value": 23, "op": "SCMP_CMP_EQ"}]);
        config["linux"]["seccomp"] = json!({
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["kill"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "args": condition}],
        });
    })?;
    assert!(seen.starts_with("zero\nrefused\n") && seen.contains("Seccomp:\t2"), "{seen}");
    Ok(())
}

fn propagation(trial: &Trial<'_>) -> Outcome {
    for (asked, optional) in [("slave", "master:"), ("private", ""), ("shared", "shared:")] {
        let seen = trial.see(
            "grep ' / / ' /proc/self/mountinfo || grep -m 1 ' / ' /proc/self/mountinfo",
            |config| {
                config["linux"]["rootfsPropagation"] = json!(asked);
            },
        )?;
        let fields: Vec<_> = seen.split(" - ").next().unwrap_or_default().split(' ').skip(6).collect();
        let holds = match optional {
            "" => fields.iter().all(|field| field.is_empty()),
            // Who lives in a lab has nothing above that sends: then a slave is private, and the kernel says nothing.
            "master:" => !fields.iter().any(|field| field.starts_with("shared:")),
            optional => fields.iter().any(|field| field.starts_with(optional)),
        };
        assert!(holds, "{asked}: {seen}");
    }
    Ok(())
}

fn masked(trial: &Trial<'_>) -> Outcome {
    let script = "cat /proc/uptime; ls /proc/irq; echo done";
    let before = trial.see(script, |_| ())?;
    assert!(before.lines().count() > 2, "the planted fault: unmasked they say something: {before}");
    let seen = trial.see(script, |config| {
        config["linux"]["maskedPaths"] = json!(["/proc/uptime", "/proc/irq", "/proc/not-there"]);
    })?;
    assert_eq!(seen, "done");
    Ok(())
}

fn read_only(trial: &Trial<'_>) -> Outcome {
    let script = "echo conformance 2>/dev/null > /proc/sys/kernel/hostname && echo written; cat /proc/sys/kernel/hostname";
    assert_eq!(trial.see(script, |_| ())?, "written\nconformance", "the planted fault");
    let seen = trial.see(script, |config| {
        config["linux"]["readonlyPaths"] = json!(["/proc/sys", "/proc/not-there"]);
    })?;
    assert_eq!(seen.lines().last(), Some("conformance"));
    assert!(!seen.contains("written"), "{seen}");
    Ok(())
}

fn personality(trial: &Trial<'_>) -> Outcome {
    let seen =
        trial.see("uname -m", |config| config["linux"]["personality"] = json!({"domain": "LINUX32"}))?;
    assert_eq!(seen, "i686");
    Ok(())
}
