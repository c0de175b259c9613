//! Lesson 05: a bundle's config.json.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use guest::Report;
use kit::Tier;
use serde_json::{Value, json};

use super::step::{new_bundle, write_config};
use super::{Behaviour, Step, since};
use crate::kit::{Lab, Need, Outcome, Ran};

pub(crate) fn behaviours() -> Vec<Behaviour> {
    vec![
        since(5, "takes everything from config.json", |lab, step| {
            let report = in_bundle(lab, step, |config| {
                config["hostname"] = json!("from-config");
                config["process"]["env"] = json!(["PATH=/bin", "TOKEN=1"]);
                config["process"]["cwd"] = json!("/tmp");
                config["process"]["user"]["umask"] = json!(0o027);
                config["root"]["readonly"] = json!(false);
            })?;
            assert_eq!(report.hostname, "from-config");
            assert_eq!((report.cwd.as_str(), report.umask.as_deref()), ("/tmp", Some("0027")));
            assert_eq!(report.environment, ["PATH", "TOKEN"]);
            let root = report.mounts.iter().find(|mount| mount.target == "/").ok_or("no root mount")?;
            assert!(root.options.starts_with("rw"), "{root:?}");
            Ok(())
        }),
        since(5, "makes the root read-only", |lab, step| {
            let report = in_bundle(lab, step, |config| config["root"]["readonly"] = json!(true))?;
            let root = report.mounts.iter().find(|mount| mount.target == "/").ok_or("no root mount")?;
            assert!(root.options.starts_with("ro"), "{root:?}");
            Ok(())
        }),
        since(5, "runs the bundle of runc spec, unmodified", |lab, step| runs_bundle_of_runc(lab, step, &[]))
            .needs(Need::Root)
            .needs(Need::Program("runc")),
        since(5, "runs the rootless bundle of runc spec, unmodified", |lab, step| {
            runs_bundle_of_runc(lab, step, &["--rootless"])
        })
        .needs(Need::User)
        .needs(Need::Program("runc")),
        since(5, "lists what is not applied, and refuses it with --strict", |lab, step| {
            let ran = lab.run(&step.name(), &["run", "true"])?.ended_with(0)?;
            ran.says(&[
                "not applied: process.capabilities (lesson 06)",
                "not applied: linux.maskedPaths (lesson 06)",
            ])?;
            let ran = lab.run(&step.name(), &["run", "--strict", "true"])?.ended_with(125)?;
            ran.says(&["config.json \"linux.maskedPaths\": would not be applied (lesson 06)"]).map(drop)
        })
        .until(5),
        since(5, "becomes the user that is asked for", |lab, step| {
            let report = in_bundle(lab, step, |config| {
                config["process"]["user"] = json!({ "uid": 1000, "gid": 1001, "additionalGids": [7, 8] });
            })?;
            assert_eq!((report.user.uid, report.user.gid), (1000, 1001));
            assert_eq!(report.user.groups, [7, 8]);
            Ok(())
        })
        .needs(Need::Root),
        since(5, "sets the limits of the process", |lab, step| {
            let text = text_in_bundle(lab, step, &["cat", "/proc/self/limits"], |config| {
                config["process"]["rlimits"] = json!([{ "type": "RLIMIT_NOFILE", "soft": 77, "hard": 88 }]);
            })?;
            let line = text.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default();
            assert_eq!(line.split_whitespace().skip(3).take(2).collect::<Vec<_>>(), ["77", "88"]);
            Ok(())
        }),
        since(5, "binds what the bundle brings", |lab, step| {
            let script = "cat /mnt/file && ! touch /mnt/new 2>/dev/null";
            let text = text_in_bundle(lab, step, &["sh", "-c", script], |config| {
                let bound = json!({ "destination": "/mnt", "type": "bind", "source": "brought", "options": ["rbind", "ro"] });
                if let Some(mounts) = config["mounts"].as_array_mut() {
                    mounts.push(bound);
                }
                config["root"]["readonly"] = json!(false);
            })?;
            assert_eq!(text, "brought by the bundle\n");
            Ok(())
        }),
        since(5, "joins a namespace by its path", joins_by_path).needs(Need::Root),
        since(5, "refuses a configuration for root when nobody is", |lab, step| {
            let dir = lab.dir().join("bundle");
            let mut config = new_bundle(lab, step, &dir)?;
            let linux = config["linux"].as_object_mut().ok_or("no linux")?;
            linux.retain(|key, _| !key.ends_with("Mappings"));
            if let Some(namespaces) = linux["namespaces"].as_array_mut() {
                namespaces.retain(|namespace| namespace["type"] != "user");
            }
            write_config(&dir, &config)?;
            let ran = run_bundle(lab, step, &dir.display().to_string(), &["true"])?.ended_with(125)?;
            ran.says(&["has no user namespace, and you are not root", "--rootless"]).map(drop)
        })
        .needs(Need::User),
    ]
}

/// Makes a bundle, changes its configuration, and runs a command in it.
pub(crate) fn text_in_bundle(
    lab: &Lab,
    step: Step,
    words: &[&str],
    change: impl FnOnce(&mut Value),
) -> Result<String, String> {
    let dir = lab.dir().join("bundle");
    let mut config = new_bundle(lab, step, &dir)?;
    fs::create_dir_all(dir.join("brought")).map_err(|error| error.to_string())?;
    fs::write(dir.join("brought/file"), "brought by the bundle\n").map_err(|error| error.to_string())?;
    change(&mut config);
    write_config(&dir, &config)?;
    run_bundle(lab, step, &dir.display().to_string(), words)?.succeeded()
}

pub(crate) fn in_bundle(lab: &Lab, step: Step, change: impl FnOnce(&mut Value)) -> Result<Report, String> {
    let text = text_in_bundle(lab, step, &["/bin/guest", "report", "--json"], change)?;
    serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
}

pub(crate) fn run_bundle(lab: &Lab, step: Step, dir: &str, words: &[&str]) -> Result<Ran, String> {
    lab.run(&step.name(), &[&["run", "--bundle", dir], words].concat())
}

/// `runc spec` asks for `sh` on a terminal; without one the shell reads the script from standard input.
fn runs_bundle_of_runc(lab: &Lab, step: Step, rootless: &[&str]) -> Outcome {
    let dir = lab.dir().join("bundle");
    let path = dir.display().to_string();
    fs::create_dir(&dir).map_err(|error| error.to_string())?;
    lab.run("step-05", &["rootfs", &format!("{path}/rootfs")])?.succeeded()?;
    lab.run("runc", &[&["spec", "--bundle", &path], rootless].concat())?.succeeded()?;
    let mut command = lab.command(&step.name());
    command
        .args(["run", "--bundle", &path])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let script = b"hostname; echo $$; id -u; test -w /dev/shm || echo no /dev/shm; exit 5\n";
    std::io::Write::write_all(&mut child.stdin.take().ok_or("no input")?, script)
        .map_err(|error| error.to_string())?;
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "runc\n1\n0\n", "{stderr}");
    assert_eq!(output.status.code(), Some(5), "{stderr}");
    let why = if step.0 < 7 { "lesson 07" } else { "standard input is no terminal" };
    assert!(stderr.contains(&format!("not applied: process.terminal ({why})")), "{stderr}");
    Ok(())
}

fn joins_by_path(lab: &Lab, step: Step) -> Outcome {
    assert_eq!(Tier::of_self(), Tier::Root);
    let (mut holder, init) = super::namespaces::holding(lab, Step(2), &super::Options::default())?;
    let path: PathBuf = format!("/proc/{init}/ns/net").into();
    let inode = fs::read_link(&path).map_err(|error| error.to_string())?.display().to_string();
    let report = in_bundle(lab, step, |config| {
        for namespace in config["linux"]["namespaces"].as_array_mut().into_iter().flatten() {
            if namespace["type"] == "network" {
                namespace["path"] = json!(path);
            }
        }
    });
    drop(holder.stdin.take());
    holder.wait().map_err(|error| error.to_string())?;
    assert_eq!(inode, format!("net:[{}]", report?.namespaces["net"]));
    Ok(())
}
