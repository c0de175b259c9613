//! What a container sees, beside what it sees when runc makes it of the same bundle: a difference has to have a reason.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

use serde_json::json;

use super::bundle::Bundle;
use super::said;
use crate::kit::{Case, Lab, Need, Outcome, Ran, case};

pub(crate) fn cases() -> Vec<Case> {
    let both = [Need::Root, Need::Cgroups, Need::Program("runc")];
    vec![
        case("runtime: a process is what runc makes of the same bundle", &both, process),
        case("runtime: the mounts are those that runc makes of the same bundle", &both, mounts),
        case("runtime: limits are in the cgroups that runc would write them to", &both, limits),
        case("runtime: users, groups, umask, limits and working directory", &[Need::Root], user),
        case("runtime: clocks of a time namespace", &[Need::Root, Need::Cgroups], clocks),
        case(
            "runtime: ids of a user namespace, of a root that others cannot reach",
            &[Need::Root, Need::Cgroups],
            ids,
        ),
        case("runtime: namespaces by path are entered", &[Need::Root, Need::Cgroups], by_path),
        case("runtime: masked and read-only paths", &[Need::Namespaces], covered),
        case("runtime: the runtime's own program cannot be written from inside", &[Need::Root], program),
        case("runtime: who is not root runs a container", &[Need::User, Need::Namespaces], run_by_user),
    ]
}

/// The same bundle under both. What runc does not know of the template is taken out of it.
fn under_both(bundle: &Bundle<'_>) -> Result<[String; 2], String> {
    bundle.edit(|config| config["ociVersion"] = json!("1.0.2"))?;
    let ours = bundle.run()?;
    let mut runc = Command::new("runc");
    runc.current_dir(&bundle.dir).arg("--root").arg(bundle.store()).arg("run").arg(bundle.id("r"));
    Ok([ours, Ran::of(&mut runc)?.succeeded()?])
}

fn process(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &[])?;
    bundle.script(
        "grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|SigBlk|CoreDumping|THP|Shd|Speculation)' /proc/self/status
        cat /proc/self/limits /proc/self/oom_score_adj /proc/self/uid_map
        for one in /proc/self/fd/*; do echo ${one##*/}; done; id; pwd; env; hostname; umask
        ip link show lo | head -n 1; readlink /proc/self/exe; stat -c '%a %u %g %t %T %n' /dev/* /dev | sort
        readlink /dev/fd /dev/stdin /dev/ptmx; cat /proc/self/cgroup | sed 's/[.][cr]$//'",
    )?;
    bundle.edit(|config| {
        // With ambient ones and an inheritable set beside, so that each of the five differs from the others.
        let capabilities = &mut config["process"]["capabilities"];
        capabilities["bounding"] = json!(["CAP_KILL", "CAP_CHOWN", "CAP_NET_RAW"]);
        capabilities["permitted"] = json!(["CAP_KILL", "CAP_CHOWN"]);
        capabilities["effective"] = json!(["CAP_KILL"]);
        capabilities["inheritable"] = json!(["CAP_KILL"]);
        capabilities["ambient"] = json!(["CAP_KILL"]);
        config["process"]["oomScoreAdj"] = json!(77);
        config["linux"]["seccomp"] = json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls":
            [{ "names": ["chmod"], "action": "SCMP_ACT_ERRNO" }] });
    })?;
    let [ours, theirs] = under_both(&bundle)?;
    assert_eq!(ours, theirs);
    // The planted fault: one thing more, and both differ.
    bundle.edit(|config| config["process"]["oomScoreAdj"] = json!(78))?;
    assert_ne!(bundle.run()?, theirs, "the comparison is blind");
    Ok(())
}

fn mounts(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &["cat", "/proc/self/mountinfo"])?;
    let volume = lab.dir().join("volume");
    fs::create_dir(&volume).map_err(said)?;
    bundle.edit(|config| {
        let mounts = config["mounts"].as_array_mut().expect("a list");
        let bind = |to: &str, options: &[&str]| json!({ "destination": to, "type": "bind", "source": volume, "options": options });
        mounts.push(bind("/volume", &["rbind", "ro", "nosuid"]));
        mounts.push(bind("/var/link", &["bind", "rprivate"]));
        mounts.push(json!({ "destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["size=1m", "noatime", "nodev"] }));
    })?;
    let [ours, theirs] = under_both(&bundle)?;
    let known = |text: &str| -> Vec<String> {
        let mut lines: Vec<_> = text.lines().filter_map(told).collect();
        lines.sort();
        lines
    };
    assert_eq!(known(&ours), known(&theirs));
    assert!(ours.lines().count() > 15, "{ours}");
    Ok(())
}

/// Of a line of mountinfo what both must agree on: where, what kind, which flags. Numbers differ, and so does which node of
/// /dev/null covers a file, and whether a tmpfs that covers a directory is told to be read-only twice.
fn told(line: &str) -> Option<String> {
    let (left, right) = line.split_once(" - ")?;
    let left: Vec<_> = left.split(' ').collect();
    let kind = right.split(' ').next()?;
    let (target, flags) = (left.get(4)?, left.get(5)?);
    if matches!(kind, "devtmpfs") || target.starts_with("/proc/") && kind == "tmpfs" {
        return Some(format!("{target} covered"));
    }
    // runc leaves the directory that holds the hierarchies writable in some versions.
    let flags = if *target == "/sys/fs/cgroup" { "" } else { flags };
    let shared = left.iter().any(|word| word.starts_with("shared:"));
    Some(format!("{target} {kind} {flags} shared: {shared}"))
}

fn limits(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &[])?;
    bundle.edit(|config| {
        config["linux"]["resources"] = json!({
            "memory": { "limit": 33_554_432, "reservation": 16_777_216 }, "pids": { "limit": 33 },
            "cpu": { "shares": 512, "quota": 25_000, "period": 50_000, "cpus": "0" },
            "devices": [{ "allow": false, "access": "rwm" }, { "allow": true, "type": "b", "major": 7, "access": "r" }],
        });
    })?;
    let files = "memory/memory.limit_in_bytes memory/memory.soft_limit_in_bytes pids/pids.max cpu/cpu.shares
        cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpuset/cpuset.cpus cpuset/cpuset.mems devices/devices.list
        memory.max memory.low pids.max cpu.weight cpu.max cpuset.cpus";
    bundle.script(&format!(
        "cd /sys/fs/cgroup; for file in {}; do [ -e $file ] && echo $file $(sort $file); done; :",
        files.replace('\n', " ")
    ))?;
    let [ours, theirs] = under_both(&bundle)?;
    // runc lets everybody use /dev/net/tun (10:200) in versions up to 1.1.
    assert_eq!(ours, theirs.replace("c 10:200 rwm ", ""));
    assert!(ours.contains("pids.max 33\n"), "{ours}");
    Ok(())
}

fn user(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &[])?;
    let locked = bundle.root().join("locked");
    fs::create_dir(&locked).map_err(said)?;
    // A working directory that only its user may enter: root without capabilities may not, and must not need to.
    std::os::unix::fs::chown(&locked, Some(1000), Some(1001)).map_err(said)?;
    fs::set_permissions(&locked, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(said)?;
    bundle.script(
        "id -u; id -g; id -G; umask; ulimit -n; pwd; echo $HOME; ls -ld . > /dev/null && echo entered",
    )?;
    bundle.edit(|config| {
        config["process"]["user"] =
            json!({ "uid": 1000, "gid": 1001, "additionalGids": [7, 8], "umask": 0o027 });
        config["process"]["rlimits"] = json!([{ "type": "RLIMIT_NOFILE", "soft": 99, "hard": 100 }]);
        config["process"]["cwd"] = json!("/locked");
    })?;
    assert_eq!(bundle.run()?, "1000\n1001\n1001 7 8\n0027\n99\n/locked\n/\nentered\n");
    // One that is missing is made.
    bundle.edit(|config| {
        config["process"]["cwd"] = json!("/a/b");
        config["root"]["readonly"] = json!(false);
    })?;
    assert!(bundle.run()?.contains("\n/a/b\n"));
    Ok(())
}

fn clocks(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &["cat", "/proc/self/timens_offsets", "/proc/uptime"])?;
    bundle.edit(|config| {
        config["linux"]["namespaces"].as_array_mut().expect("a list").push(json!({ "type": "time" }));
        config["linux"]["timeOffsets"] =
            json!({ "monotonic": { "secs": 5, "nanosecs": 7 }, "boottime": { "secs": 864_000_000 } });
    })?;
    let seen = bundle.run()?;
    let words: Vec<_> = seen.split_whitespace().collect();
    assert_eq!(words[..6], ["monotonic", "5", "7", "boottime", "864000000", "0"]);
    assert!(words[6].parse::<f64>().is_ok_and(|uptime| uptime > 864_000_000.0), "{seen}");
    Ok(())
}

fn ids(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &[])?;
    let hidden = lab.dir().join("hidden");
    fs::create_dir(&hidden).map_err(said)?;
    // Nobody inside may make it in a root that belongs to the host's root.
    fs::create_dir(bundle.root().join("volume")).map_err(said)?;
    fs::write(hidden.join("file"), "contents").map_err(said)?;
    fs::set_permissions(hidden.join("file"), std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .map_err(said)?;
    bundle.script("id -u; cat /proc/self/uid_map | tr -s ' '; cat /volume/file; echo; stat -c %u /bin/sh; echo > /dev/null; id -G")?;
    bundle.edit(|config| {
        config["linux"]["namespaces"].as_array_mut().expect("a list").push(json!({ "type": "user" }));
        let map = json!([{ "containerID": 0, "hostID": 200_000, "size": 1000 }]);
        config["linux"]["uidMappings"] = map.clone();
        config["linux"]["gidMappings"] = map;
        let bind =
            json!({ "destination": "/volume", "type": "bind", "source": hidden, "options": ["bind", "ro"] });
        config["mounts"].as_array_mut().expect("a list").push(bind);
    })?;
    // Root of the container is nobody on the host, and may not come past this.
    for dir in [&bundle.dir, &lab.dir()] {
        fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(said)?;
    }
    assert_eq!(bundle.run()?, "0\n 0 200000 1000\ncontents\n65534\n0\n");
    Ok(())
}

fn by_path(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &["sleep", "1000"])?;
    bundle.call(&["run", "--detach"], "c")?.succeeded()?;
    let first = bundle.wait_for("c", "running")?;
    let pid = first["pid"].to_string();
    bundle.edit(|config| {
        config["hostname"] = json!("");
        for namespace in config["linux"]["namespaces"].as_array_mut().expect("a list") {
            let name = match namespace["type"].as_str() {
                Some("network") => "net",
                Some("mount") | None => continue,
                Some(name) => name,
            };
            namespace["path"] = json!(format!("/proc/{pid}/ns/{name}"));
        }
    })?;
    bundle.script("for kind in ipc net pid uts; do [ $(readlink /proc/1/ns/$kind) = $(readlink /proc/self/ns/$kind) ] || echo another $kind; done
        [ $(readlink /proc/1/ns/mnt) = $(readlink /proc/self/ns/mnt) ] && echo the same mnt; hostname; cat /proc/1/comm")?;
    let seen = bundle.call(&["run"], "d")?.succeeded()?;
    assert_eq!(seen, "dive\nsleep\n");
    bundle.call(&["delete", "--force"], "c")?.succeeded()?;
    lab.lab().settle();
    Ok(())
}

fn covered(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &[])?;
    for dir in ["secret", "fixed"] {
        fs::create_dir(bundle.root().join(dir)).map_err(said)?;
        fs::write(bundle.root().join(dir).join("file"), "plain").map_err(said)?;
    }
    bundle.script("cat /proc/keys /secret/file; ls /secret; (echo > /fixed/file) 2>/dev/null && echo written; (echo 1 > /proc/sys/kernel/ns_last_pid) 2>/dev/null && echo written; cat /fixed/file")?;
    let paths = |masked: &[&str], readonly: &[&str]| {
        bundle.edit(|config| {
            config["root"]["readonly"] = json!(false);
            config["linux"]["maskedPaths"] = json!(masked);
            config["linux"]["readonlyPaths"] = json!(readonly);
        })
    };
    paths(&["/proc/keys", "/secret", "/no/such"], &["/fixed", "/proc/sys", "/no/such"])?;
    let ran = bundle.call(&["run"], "c")?.ended_with(0)?;
    assert_eq!(ran.stdout, "plain");
    // The planted fault: without them all of that is seen, and written.
    paths(&[], &[])?;
    let seen = bundle.run()?;
    assert!(seen.contains("plain") && seen.contains("written"), "the detector is blind: {seen}");
    Ok(())
}

/// CVE-2019-5736: a container whose program is /proc/self/exe executes the runtime in itself. Whoever opens that process's
/// /proc/PID/exe holds the host's file, and writes to it as soon as nobody executes it any more. Here init itself is caught,
/// while it waits to be started.
fn program(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &["true"])?;
    // A copy, which no other case executes meanwhile: that alone would keep everybody from writing to it.
    let own = lab.lab().bin().join("own-runtime");
    fs::copy(lab.bin("dive-runtime"), &own).map_err(said)?;
    let mut command = Command::new(&own);
    command.current_dir(&bundle.dir).arg("--root").arg(bundle.store()).arg("create").arg(bundle.id("c"));
    bundle.ended(&mut command)?.succeeded()?;
    let state = bundle.wait_for("c", "created")?;
    let exe = format!("/proc/{}/exe", state["pid"]);
    let caught = fs::OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(exe).map_err(said)?;
    bundle.call(&["delete", "--force"], "c")?.succeeded()?;
    lab.lab().settle();
    let again = format!("/proc/self/fd/{}", caught.as_raw_fd());
    let opened = fs::OpenOptions::new().write(true).open(again).map_err(|error| error.raw_os_error());
    assert_eq!(opened.map(drop), Err(Some(libc::EROFS)));
    // The planted fault: by its own path the same file can be written.
    assert!(fs::OpenOptions::new().write(true).open(own).is_ok(), "the detector is blind");
    Ok(())
}

fn run_by_user(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &[])?;
    bundle.script("id -u; echo > /dev/null; ps | wc -l; hostname; grep -E CapEff /proc/self/status; ls /sys/kernel > /dev/null && echo sysfs")?;
    assert_eq!(bundle.run()?, "0\n4\ndive\nCapEff:\t0000000020000420\nsysfs\n");
    assert_eq!(bundle.remains("c")?, [""; 0]);
    Ok(())
}
