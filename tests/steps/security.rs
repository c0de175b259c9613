//! Lesson 06: root with less than root's power.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use guest::capability;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use serde_json::{Value, json};

use super::oci_config::{in_bundle, run_bundle, text_in_bundle};
use super::step::{new_bundle, write_config};
use super::{Behaviour, Step, since};
use crate::kit::{Lab, Need, Outcome, Ran};

pub(crate) fn behaviours() -> Vec<Behaviour> {
    let mut all = of_capabilities();
    all.extend(of_calls());
    all.extend(of_paths());
    all.extend(of_descriptors());
    all
}

fn of_capabilities() -> Vec<Behaviour> {
    vec![
        since(6, "leaves root the capabilities that it is given, and no others", |lab, step| {
            let sets = in_bundle(lab, step, |config| {
                config["process"]["capabilities"] =
                    of_all(&["CAP_CHOWN", "CAP_KILL"], &["bounding", "effective", "permitted"]);
            })?
            .capabilities;
            let expected = mask(&["CAP_CHOWN", "CAP_KILL"]);
            assert_eq!((sets.bounding, sets.permitted, sets.effective), (expected, expected, expected));
            assert_eq!((sets.inheritable, sets.ambient), (0, 0));
            Ok(())
        }),
        since(6, "leaves none where none are named", |lab, step| {
            let sets = in_bundle(lab, step, |config| {
                config["process"].as_object_mut().map(|process| process.remove("capabilities"));
            })?
            .capabilities;
            assert_eq!((sets.bounding, sets.permitted, sets.effective), (0, 0, 0));
            Ok(())
        }),
        since(6, "keeps ambient capabilities through the change of user, and no others", |lab, step| {
            let report = in_bundle(lab, step, |config| {
                config["process"]["user"] = json!({ "uid": 1000, "gid": 1000 });
                let mut sets =
                    of_all(&["CAP_NET_BIND_SERVICE", "CAP_KILL"], &["bounding", "effective", "permitted"]);
                sets["inheritable"] = json!(["CAP_NET_BIND_SERVICE"]);
                sets["ambient"] = json!(["CAP_NET_BIND_SERVICE"]);
                config["process"]["capabilities"] = sets;
            })?;
            let (sets, expected) = (report.capabilities, mask(&["CAP_NET_BIND_SERVICE"]));
            assert_eq!(report.user.uid, 1000);
            assert_eq!((sets.permitted, sets.effective), (expected, expected));
            assert_eq!((sets.inheritable, sets.ambient), (expected, expected));
            Ok(())
        })
        .needs(Need::Root),
        since(6, "tells what it cannot grant, and goes on", |lab, step| {
            let words = ["--bounding-set", "-chown", "--inh-caps", "-chown"];
            let step = lab.bin(&step.name()).display().to_string();
            let ran = lab.run("setpriv", &[&words[..], &[&step, "run", "true"]].concat())?.ended_with(0)?;
            ran.says(&["not granted: CAP_CHOWN (this process has not got it)"]).map(drop)
        })
        .needs(Need::Root)
        .needs(Need::Program("setpriv")),
        since(6, "has the sets that runc gives for the same bundle", as_runc)
            .needs(Need::Root)
            .needs(Need::Program("runc")),
    ]
}

fn of_calls() -> Vec<Behaviour> {
    vec![
        since(6, "no program gains anything by being executed", |lab, step| {
            let report = in_bundle(lab, step, |config| config["process"]["noNewPrivileges"] = json!(true))?;
            assert!(report.no_new_privs);
            Ok(())
        }),
        since(6, "filters system calls, and answers as the configuration says", |lab, step| {
            let text = refused_by_filter(lab, step, true)?;
            assert!(text.contains("No space left"), "{text}");
            Ok(())
        }),
        since(6, "loads the filter while it may, where no_new_privs is off", |lab, step| {
            let text = refused_by_filter(lab, step, false)?;
            assert!(text.contains("No space left"), "{text}");
            let report = in_bundle(lab, step, |_| ())?;
            assert!(report.seccomp.mode == 2 && !report.no_new_privs, "{:?}", report.seccomp);
            Ok(())
        }),
        since(6, "makes no user namespace and mounts nothing inside", |lab, step| {
            for command in ["unshare -U true", "mount -t tmpfs inside /dev/shm"] {
                let ran = step.run(lab, &["sh", "-c", command])?;
                assert!(ran.status != 0, "{command}: {ran:?}");
                ran.says(&["ermi"])?;
            }
            Ok(())
        }),
        since(6, "writes nothing but where Landlock lets it, or says that there is none", |lab, step| {
            let script = ": > /dev/shm/new; : > /dev/new";
            let ran = lab.run(&step.name(), &["run", "--writable", "/dev/shm", "sh", "-c", script])?;
            if step_06::landlock::version().is_err() {
                return ran.ended_with(0)?.says(&["not applied: Landlock"]).map(drop);
            }
            assert!(ran.status != 0 && ran.stderr.contains("/dev/new: Permission denied"), "{ran:?}");
            assert!(!ran.stderr.contains("/dev/shm/new"), "{ran:?}");
            Ok(())
        }),
        since(6, "does not start without the profile or the label that is asked for", |lab, step| {
            for (key, file) in [("apparmorProfile", "attr/"), ("selinuxLabel", "attr/exec")] {
                let ran = ran_in_bundle(lab, step, |config| {
                    config["process"]["apparmorProfile"] = json!("");
                    config["process"]["selinuxLabel"] = json!("");
                    config["process"][key] = json!("no-such-thing");
                })?;
                ran.ended_with(125)?.says(&["no-such-thing", file])?;
            }
            Ok(())
        }),
    ]
}

fn of_paths() -> Vec<Behaviour> {
    vec![
        since(6, "covers what is masked, and makes read-only what shall not be written", |lab, step| {
            let script = "cat /etc/secret; ls /masked; : > /kept/file";
            let ran = ran_with(lab, step, &["sh", "-c", script], |root, config| {
                fs::create_dir_all(root.join("masked/below"))?;
                fs::create_dir_all(root.join("kept"))?;
                fs::write(root.join("etc/secret"), "secret")?;
                config["root"]["readonly"] = json!(false);
                config["linux"]["maskedPaths"] = json!(["/etc/secret", "/masked", "/not/there"]);
                config["linux"]["readonlyPaths"] = json!(["/kept", "/not/there"]);
                Ok(())
            })?;
            assert!(ran.status != 0 && ran.stdout.is_empty(), "{ran:?}");
            ran.says(&["/kept/file: Read-only file system"]).map(drop)
        }),
        since(6, "refuses to mask what is a link", |lab, step| {
            let ran = ran_with(lab, step, &["true"], |root, config| {
                symlink("etc", root.join("link"))?;
                config["linux"]["maskedPaths"] = json!(["/link"]);
                Ok(())
            })?;
            ran.ended_with(125)?.says(&["\"/link\": ELOOP"]).map(drop)
        }),
        since(6, "mounts where a link leads inside the root", |lab, step| {
            let ran = mounted_at_link(lab, step, "/inside")?;
            assert_eq!(ran.ended_with(0)?.stdout, "/inside\n");
            Ok(())
        }),
        since(6, "mounts nothing and makes nothing where a link leads out", |lab, step| {
            let outside = lab.dir().join("outside");
            fs::create_dir(&outside).map_err(|error| error.to_string())?;
            let ran = mounted_at_link(lab, step, &outside.display().to_string())?;
            let made = fs::read_dir(&outside).map_err(|error| error.to_string())?.count();
            assert_eq!(made, 0, "something was made there");
            ran.ended_with(125)?.says(&["a symbolic link"]).map(drop)
        }),
        since(6, "mounts inside while somebody swaps the place for a link that leads out", swapped),
        since(6, "refuses a /proc that is elsewhere", |lab, step| {
            let ran = ran_with(lab, step, &["true"], |root, _| {
                fs::remove_dir(root.join("proc"))?;
                fs::create_dir(root.join("other"))?;
                symlink("other", root.join("proc"))
            })?;
            ran.ended_with(125)?.says(&["\"/proc\": ELOOP"]).map(drop)
        }),
    ]
}

fn of_descriptors() -> Vec<Behaviour> {
    vec![
        since(6, "closes what was left open to it", |lab, step| {
            let script = "exec 7< / && exec \"$0\" run /bin/guest report --json";
            let binary = lab.bin(&step.name()).display().to_string();
            let text = lab.run("sh", &["-c", script, &binary])?.succeeded()?;
            let report: guest::Report = serde_json::from_str(&text).map_err(|error| error.to_string())?;
            assert!(!report.descriptors.contains_key(&7), "{:?}", report.descriptors);
            Ok(())
        }),
        since(6, "refuses a working directory outside of the root", |lab, step| {
            let dir = lab.dir().join("bundle");
            let mut config = new_bundle(lab, step, &dir)?;
            config["process"]["cwd"] = json!("/proc/self/fd/7");
            write_config(&dir, &config)?;
            let binary = lab.bin(&step.name()).display().to_string();
            let script = "exec 7< / && exec \"$0\" run --bundle \"$1\" true";
            let ran = lab.run("sh", &["-c", script, &binary, &dir.display().to_string()])?;
            ran.ended_with(125)?.says(&["it lies outside of the root"]).map(drop)
        }),
        since(6, "lists what is still not applied, and refuses it with --strict", |lab, step| {
            let change = |config: &mut Value| {
                config["linux"]["seccomp"] =
                    json!({ "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/x" });
                config["linux"]["mountLabel"] = json!("label");
            };
            let ran = ran_in_bundle(lab, step, change)?.ended_with(0)?;
            let ran = ran.says(&[
                "not applied: linux.seccomp.listenerPath (dive-runtime)",
                "not applied: linux.mountLabel (dive-runtime)",
                "not applied: linux.resources.devices (lesson 12)",
            ])?;
            assert!(!ran.stderr.contains("lesson 06"), "{}", ran.stderr);
            let dir = lab.dir().join("bundle").display().to_string();
            let strict =
                lab.run(&step.name(), &["run", "--strict", "--bundle", &dir, "true"])?.ended_with(125)?;
            strict.says(&["would not be applied"]).map(drop)
        }),
    ]
}

/// mkdir(2) in a container whose filter answers it with ENOSPC; what the shell says then.
fn refused_by_filter(lab: &Lab, step: Step, no_new_privs: bool) -> Result<String, String> {
    let words = ["sh", "-c", "mkdir /dev/shm/new 2>&1; ls /dev/shm"];
    text_in_bundle(lab, step, &words, |config| {
        config["process"]["noNewPrivileges"] = json!(no_new_privs);
        let names = if cfg!(target_arch = "x86_64") { &["mkdir", "mkdirat"][..] } else { &["mkdirat"][..] };
        config["linux"]["seccomp"] = json!({
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{ "names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": libc::ENOSPC }],
        });
    })
}

/// A tmpfs at a path whose middle is a link; where it is seen.
fn mounted_at_link(lab: &Lab, step: Step, to: &str) -> Result<Ran, String> {
    let script = "grep ' tmpfs linked ' /proc/self/mountinfo | cut -d' ' -f5 | sed 's|/made$||'";
    ran_with(lab, step, &["sh", "-c", script], |root, config| {
        fs::create_dir_all(root.join("inside"))?;
        symlink(to, root.join("link"))?;
        let mount = json!({ "destination": "/link/made", "type": "tmpfs", "source": "linked" });
        if let Some(mounts) = config["mounts"].as_array_mut() {
            mounts.push(mount);
        }
        Ok(())
    })
}

/// What was a directory when it was looked at may be a link when it is used. Two dozen starts meet both.
fn swapped(lab: &Lab, step: Step) -> Outcome {
    let (dir, outside) = (lab.dir().join("bundle"), lab.dir().join("outside"));
    let io = |error: std::io::Error| error.to_string();
    fs::create_dir(&outside).map_err(io)?;
    let mut config = new_bundle(lab, step, &dir)?;
    let (place, link) = (dir.join("rootfs/place"), dir.join("rootfs/link"));
    fs::create_dir(&place).and_then(|()| symlink(&outside, &link)).map_err(io)?;
    if let Some(mounts) = config["mounts"].as_array_mut() {
        mounts.push(json!({ "destination": "/place/made", "type": "tmpfs", "source": "made" }));
    }
    write_config(&dir, &config)?;

    let (ended, swaps) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                let exchange = RenameFlags::RENAME_EXCHANGE;
                let swapped = renameat2(AT_FDCWD, &place, AT_FDCWD, &link, exchange);
                swaps.fetch_add(u32::from(swapped.is_ok()), Ordering::Relaxed);
            }
        });
        let ran = (0..24).try_for_each(|_| {
            let ran = run_bundle(lab, step, &dir.display().to_string(), &["true"])?;
            if [0, 125].contains(&ran.status) { Ok(()) } else { Err(format!("{ran:?}")) }
        });
        ended.store(true, Ordering::Relaxed);
        ran
    })?;
    let made = fs::read_dir(&outside).map_err(io)?.count();
    assert!(swaps.into_inner() > 100, "hardly anything was swapped: nothing was tried");
    assert_eq!(made, 0, "something was made outside");
    Ok(())
}

fn as_runc(lab: &Lab, step: Step) -> Outcome {
    let dir = lab.dir().join("bundle");
    let path = dir.display().to_string();
    let io = |error: std::io::Error| error.to_string();
    fs::create_dir(&dir).map_err(io)?;
    lab.run(&Step(step.0.max(5)).name(), &["rootfs", &format!("{path}/rootfs")])?.succeeded()?;
    lab.run("runc", &["spec", "--bundle", &path])?.succeeded()?;
    let file = dir.join("config.json");
    let text = fs::read_to_string(&file).map_err(io)?;
    let mut config: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    config["process"]["terminal"] = json!(false);
    config["process"]["args"] =
        json!(["grep", "-E", "^(Cap|NoNewPrivs|Seccomp:|Uid|Gid|Groups)", "/proc/self/status"]);
    fs::write(&file, config.to_string()).map_err(io)?;
    let state = lab.dir().join("runc").display().to_string();
    let theirs =
        lab.run("runc", &["--root", &state, "run", "--bundle", &path, lab.lab().name()])?.succeeded()?;
    let ours = lab.run(&step.name(), &["run", "--bundle", &path])?.succeeded()?;
    assert!(theirs.contains("CapBnd:\t0000000020000420"), "{theirs}");
    assert_eq!(ours, theirs);
    Ok(())
}

/// A run of `true` in a bundle that was changed.
fn ran_in_bundle(lab: &Lab, step: Step, change: impl FnOnce(&mut Value)) -> Result<Ran, String> {
    ran_with(lab, step, &["true"], |_, config| {
        change(config);
        Ok(())
    })
}

/// The same with a root that was changed as well.
fn ran_with(
    lab: &Lab,
    step: Step,
    words: &[&str],
    change: impl FnOnce(&Path, &mut Value) -> std::io::Result<()>,
) -> Result<Ran, String> {
    let dir = lab.dir().join("bundle");
    let mut config = new_bundle(lab, step, &dir)?;
    change(&dir.join("rootfs"), &mut config).map_err(|error| error.to_string())?;
    write_config(&dir, &config)?;
    run_bundle(lab, step, &dir.display().to_string(), words)
}

fn of_all(names: &[&str], sets: &[&str]) -> Value {
    sets.iter().map(|set| ((*set).to_owned(), json!(names))).collect::<serde_json::Map<_, _>>().into()
}

fn mask(names: &[&str]) -> u64 {
    let bit = |name: &&str| capability::NAMES.iter().position(|known| known == name);
    names.iter().filter_map(bit).fold(0, |mask, bit| mask | 1 << bit)
}
