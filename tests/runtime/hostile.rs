//! Bundles that nobody should have written: each gets a clear error within a second, and nothing is left of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::bundle::Bundle;
use super::said;
use crate::kit::{Case, Lab, Need, Outcome, case};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("runtime hostile: what stands in place of config.json", &[Need::Namespaces], files),
        case("runtime hostile: what stands in config.json", &[Need::Namespaces], fields),
        case("runtime hostile: links in the root lead nowhere else", &[Need::Root], links),
        case("runtime hostile: mounts over /proc, and into it", &[Need::Root], over_proc),
        case("runtime hostile: a rootfs with a false /dev", &[Need::Root], false_dev),
        case("runtime hostile: names that are no names", &[Need::Namespaces], names),
    ]
}

/// It has to be refused, in time, and in words.
fn refused(bundle: &Bundle<'_>, what: &str, words: &[&str]) -> Outcome {
    let begin = Instant::now();
    let ran = bundle.call(&["run"], "c")?.ended_with(1)?;
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(1), "{what}: {took:?}");
    assert!(!ran.stderr.contains("panicked"), "{what}: {}", ran.stderr);
    for word in words {
        assert!(ran.stderr.contains(word), "{what}: {word:?} is not said: {}", ran.stderr);
    }
    assert_eq!(bundle.remains("c")?, [""; 0], "{what}");
    Ok(())
}

fn files(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &["true"])?;
    let config = bundle.dir.join("config.json");
    let good = fs::read_to_string(&config).map_err(said)?;
    fs::remove_file(&config).map_err(said)?;
    refused(&bundle, "none", &["open(2)", "config.json", "ENOENT"])?;
    nix::unistd::mkfifo(&config, nix::sys::stat::Mode::S_IRWXU).map_err(said)?;
    refused(&bundle, "a FIFO", &["expected a regular file, found a FIFO"])?;
    fs::remove_file(&config).map_err(said)?;
    fs::create_dir(&config).map_err(said)?;
    refused(&bundle, "a directory", &["expected a regular file, found a directory"])?;
    fs::remove_dir(&config).map_err(said)?;
    for device in ["/dev/null", "/dev/zero", "/dev/tty"] {
        symlink(device, &config).map_err(said)?;
        refused(&bundle, device, &[])?;
        fs::remove_file(&config).map_err(said)?;
    }
    symlink("config.json", &config).map_err(said)?;
    refused(&bundle, "a loop", &["ELOOP"])?;
    fs::remove_file(&config).map_err(said)?;
    let texts = [
        ("empty", String::new()),
        ("half", good[..good.len() / 2].to_owned()),
        ("two", format!("{good}{good}")),
        ("64 MiB of blanks", " ".repeat(64 << 20)),
        ("deep", "[".repeat(100_000)),
        ("deep, in a field", format!("{{\"x\":{}", "{\"x\":".repeat(100_000))),
        ("a list", "[]".into()),
        ("a number", "1e999999".into()),
    ];
    for (what, text) in texts {
        fs::write(&config, text).map_err(said)?;
        refused(&bundle, what, &["config.json"])?;
    }
    fs::write(&config, b"{\"ociVersion\": \"1.0.0\xff\"}").map_err(said)?;
    refused(&bundle, "no UTF-8", &["config.json"])
}

fn fields(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &["true"])?;
    let good = fs::read_to_string(bundle.dir.join("config.json")).map_err(said)?;
    let set = |path: &str, value: Value| -> Result<(), String> {
        fs::write(bundle.dir.join("config.json"), &good).map_err(said)?;
        bundle.edit(|config| {
            // What else a list of namespaces would make senseless.
            if path == "/linux/namespaces" {
                config["hostname"] = Value::Null;
                config["linux"]["uidMappings"] = Value::Null;
                config["linux"]["gidMappings"] = Value::Null;
            }
        })?;
        bundle.edit(|config| *config.pointer_mut(path).unwrap_or(&mut Value::Null) = value)
    };
    let table = [
        ("/ociVersion", json!("2.0.0"), "ociVersion"),
        ("/ociVersion", json!(1), "ociVersion"),
        ("/root/path", json!(""), "root.path"),
        ("/root/path", json!("/no/such"), "root.path"),
        ("/root/path", json!("config.json"), "root.path"),
        ("/process/args", json!([]), "process.args"),
        ("/process/args", json!(["sh\u{0}"]), "NUL"),
        ("/process/args", json!("sh"), "process.args"),
        ("/process/cwd", json!("tmp"), "process.cwd"),
        ("/process/cwd", json!("/proc/self/fd/3/../.."), ""),
        ("/process/user", json!({ "uid": 4_294_967_295_u32, "gid": 0 }), "process.user.uid"),
        ("/process/user", json!({ "uid": -1, "gid": 0 }), "process.user.uid"),
        ("/process/user", json!({ "uid": 4_294_967_296_u64, "gid": 0 }), "process.user.uid"),
        (
            "/process/rlimits",
            json!([{ "type": "RLIMIT_NOFILE", "soft": 2, "hard": 1 }]),
            "process.rlimits[0].soft",
        ),
        ("/process/env", json!(["A"]), "process.env[0]"),
        ("/process/capabilities", json!(["CAP_KILL"]), "process.capabilities"),
        ("/mounts", json!([{ "destination": "" }]), "mounts[0].destination"),
        ("/mounts", json!([{ "destination": "/x", "type": "no-such-fs", "source": "x" }]), "mounts[0]"),
        ("/mounts", json!([{ "destination": "/x", "type": "tmpfs", "options": ["size=lots"] }]), "mounts[0]"),
        ("/mounts", json!([{ "destination": "/x", "options": ["bind"], "source": "/no/such" }]), "mounts[0]"),
        ("/mounts", json!([{ "destination": "/x" }]), "mounts[0].type"),
        ("/linux/namespaces", json!([{ "type": "planet" }]), "linux.namespaces[0].type"),
        ("/linux/namespaces", json!([{ "type": "mount" }, { "type": "mount" }]), "linux.namespaces[1].type"),
        ("/linux/namespaces", json!([{ "type": "mount" }, { "type": "pid", "path": "/dev/null" }]), "nsfs"),
        (
            "/linux/namespaces",
            json!([{ "type": "mount" }, { "type": "pid", "path": "/proc/self/ns/net" }]),
            "kind net",
        ),
        ("/linux/namespaces", json!([]), "linux.namespaces"),
        ("/linux/maskedPaths", json!(["relative"]), "linux.maskedPaths[0]"),
    ];
    for (path, value, words) in table {
        let what = format!("{path} = {value}");
        set(path, value)?;
        refused(&bundle, &what, &[words])?;
    }
    // What can be had is not refused for its size: a hundred thousand variables are for execve(2) to judge.
    let many: Vec<_> = (0..100_000).map(|number| format!("VARIABLE_{number}=x")).collect();
    set("/process/env", json!(many))?;
    let begin = Instant::now();
    let ran = bundle.call(&["run"], "c")?;
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert!(ran.status == 0 || ran.stderr.contains("E2BIG"), "{ran:?}");
    Ok(())
}

/// Everything is made in the root, whatever it looks like from there.
fn links(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &["sh", "-c", "cat /in/a/canary"])?;
    let outside = lab.dir().join("outside");
    fs::create_dir(&outside).map_err(said)?;
    let volume = lab.dir().join("volume");
    fs::create_dir(&volume).map_err(said)?;
    fs::write(volume.join("canary"), "of the volume").map_err(said)?;
    symlink(&outside, bundle.root().join("in")).map_err(said)?;
    symlink("../../../../../../../../../../etc", bundle.root().join("up")).map_err(said)?;
    bundle.edit(|config| {
        config["root"]["readonly"] = json!(false);
        let mounts = config["mounts"].as_array_mut().expect("a list");
        for destination in ["/in/a", "/up/b", "../../c"] {
            let options = ["bind"];
            mounts.push(
                json!({ "destination": destination, "type": "bind", "source": volume, "options": options }),
            );
        }
        config["linux"]["devices"] = json!([{ "type": "c", "path": "/in/null", "major": 1, "minor": 3 }]);
        config["process"]["cwd"] = json!("/in/cwd");
    })?;
    assert_eq!(bundle.run()?, "of the volume");
    let intruders: Vec<_> =
        fs::read_dir(&outside).map_err(said)?.flatten().map(|entry| entry.path()).collect();
    assert!(intruders.is_empty(), "made outside of the root: {intruders:?}");
    assert!(bundle.root().join(outside.strip_prefix("/").map_err(said)?).join("cwd").is_dir());
    // Around in circles.
    symlink("round", bundle.root().join("round")).map_err(said)?;
    bundle.edit(|config| config["mounts"][0]["destination"] = json!("/round/x"))?;
    refused(&bundle, "a loop", &["mounts[0]", "ELOOP"])
}

fn over_proc(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &["true"])?;
    let mount = |value: Value, words: &[&str]| -> Outcome {
        let what = value.to_string();
        bundle.edit(|config| {
            let mounts = config["mounts"].as_array_mut().expect("a list");
            mounts.truncate(7);
            mounts.push(value);
        })?;
        refused(&bundle, &what, words)
    };
    let source = lab.dir();
    mount(
        json!({ "destination": "/proc", "type": "bind", "source": source, "options": ["bind"] }),
        &["the root of a procfs"],
    )?;
    mount(json!({ "destination": "/proc/sys", "type": "tmpfs", "source": "x" }), &["inside of /proc"])?;
    mount(json!({ "destination": "/x/../proc/self", "type": "tmpfs", "source": "x" }), &["mounts[7]"])?;
    symlink("/proc", bundle.root().join("alias")).map_err(said)?;
    mount(json!({ "destination": "/alias/sys", "type": "tmpfs", "source": "x" }), &["inside of /proc"])?;
    // A link where procfs belongs: what is masked and written later would be something else.
    fs::remove_dir(bundle.root().join("proc")).map_err(said)?;
    symlink("/tmp", bundle.root().join("proc")).map_err(said)?;
    bundle.edit(|config| {
        config["mounts"].as_array_mut().expect("a list").truncate(7);
    })?;
    refused(&bundle, "/proc is a link", &["mounts[0]", "a link leads to"])
}

/// CVE-2025-31133 and its kin: the nodes of /dev are the kernel's, wherever the image says that they are.
fn false_dev(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &["true"])?;
    bundle.edit(|config| {
        config["root"]["readonly"] = json!(false);
        config["mounts"]
            .as_array_mut()
            .expect("a list")
            .retain(|mount| !mount["destination"].as_str().is_some_and(|path| path.starts_with("/dev")));
    })?;
    let null = bundle.root().join("dev/null");
    fs::write(&null, "a file").map_err(said)?;
    refused(
        &bundle,
        "a false /dev/null",
        &["/dev/null", "expected character device 1:3, found a regular file"],
    )?;
    fs::remove_file(&null).map_err(said)?;
    symlink("/etc/passwd", &null).map_err(said)?;
    refused(&bundle, "a link", &["/dev/null"])?;
    // The whole directory led elsewhere: it leads to a place inside.
    let outside = lab.dir().join("outside");
    fs::create_dir(&outside).map_err(said)?;
    fs::remove_dir_all(bundle.root().join("dev")).map_err(said)?;
    symlink(&outside, bundle.root().join("dev")).map_err(said)?;
    bundle.call(&["run"], "c")?.succeeded()?;
    assert_eq!(fs::read_dir(&outside).map_err(said)?.count(), 0, "made outside of the root");
    Ok(())
}

fn names(lab: &Lab) -> Outcome {
    let bundle = Bundle::new(lab, &["true"])?;
    let long = "a".repeat(300);
    for name in ["", ".", "..", "../c", "a/b", "/tmp/c", "a b", "ä", long.as_str()] {
        for verb in ["run", "create", "state", "delete", "kill", "start"] {
            let mut command = lab.command("dive-runtime");
            command.current_dir(&bundle.dir).arg("--root").arg(bundle.store()).args([verb, name]);
            let ran = crate::kit::Ran::of(&mut command)?.ended_with(1)?;
            assert!(ran.stderr.contains("invalid container ID format"), "{verb} {name:?}: {}", ran.stderr);
        }
    }
    assert!(!bundle.store().exists(), "something was made");
    Ok(())
}
