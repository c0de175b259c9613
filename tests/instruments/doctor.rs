//! `cargo dive doctor` against what it foretells: in each surroundings the six steps are run, and each must do what
//! the doctor says it will.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;

use serde_json::{Value, json};
use workbook::doctor::Report;
use workbook::doctor::diagnosis::{Line, Verdict};
use workbook::lab::state::cgroup_tops;

use crate::kit::{Case, Lab, Need, Outcome, Ran, case};
use crate::steps::snapshots::{normalised, snapshot};

/// Somebody who owns nothing.
const NOBODY: u32 = 65534;
/// Somebody who runs nothing.
const ALONE: u32 = 54321;
const RUNC: &[Need] = &[Need::Root, Need::Cgroups, Need::Program("runc")];
const NESTED: &[Need] = &[Need::Namespaces, Need::Program("unshare"), Need::Program("setpriv")];
const CROWDED: &[Need] = &[Need::Root, Need::Program("setpriv"), Need::Program("prlimit")];
const TABLE: &[Need] = &[Need::Namespaces, Need::User, Need::NoCgroups];
const DELEGATED: &[Need] = &[Need::Root, Need::Cgroups, Need::Program("setpriv")];

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("doctor: as whoever you are, the steps do as it says", &[], |lab| {
            let seen = Seen::of(lab.run("sh", &["-c", SCRIPT, "sh", &bins(lab)])?)?;
            seen.agrees()
        }),
        case("doctor: a falsified verdict is noticed", &[], falsified_is_noticed),
        case("doctor: where user namespaces are switched off", NESTED, switched_off),
        case("doctor: in a plain container, as uid 0", RUNC, |lab| {
            let seen = in_runc(lab, |_| {})?;
            // Uid 0 without CAP_SYS_ADMIN is tier "user", and lacks CAP_SETFCAP to map itself.
            assert!(seen.line("01")?.brief.contains("uid_map"), "{:?}", seen.line("01"));
            assert!(seen.why("01")?.contains("CAP_SETFCAP"));
            seen.agrees()
        }),
        case("doctor: in a plain container, as an ordinary user", RUNC, |lab| {
            let seen =
                in_runc(lab, |config| config["process"]["user"] = json!({ "uid": 1000, "gid": 1000 }))?;
            assert_eq!(seen.line("02")?.verdict, Verdict::Partly, "the outer /proc is covered");
            assert!(seen.line("03")?.brief.ends_with("EROFS"), "{:?}", seen.line("03"));
            assert_eq!(seen.line("04")?.verdict, Verdict::Partly);
            seen.agrees()
        }),
        case("doctor: in a container with a filter as Docker's", RUNC, |lab| {
            let seen = in_runc(lab, |config| config["linux"]["seccomp"] = filter())?;
            assert!(seen.line("02")?.brief.ends_with("ENOSYS"), "{:?}", seen.line("02"));
            assert!(seen.why("02")?.contains("filter"));
            seen.agrees()
        }),
        case("doctor: what it and a step say in a container as Docker makes it", RUNC, in_docker),
        case("doctor: its table, to root", &[Need::Root, Need::Cgroups, Need::Landlock], |lab| {
            table(lab, "root")
        }),
        case("doctor: its table, to a user without control groups", TABLE, |lab| {
            table(lab, "user.without-cgroups")
        }),
        case("doctor: in a container in which no directory serves for a root", RUNC, |lab| {
            let seen = in_runc(lab, |config| {
                config["mounts"] = config["mounts"].as_array().map_or(json!([]), |mounts| {
                    let noexec = |mount: &Value| {
                        let mut mount = mount.clone();
                        if mount["destination"] == "/tmp" {
                            mount["options"] = json!(["nosuid", "nodev", "noexec", "mode=1777"]);
                        }
                        mount
                    };
                    mounts.iter().map(noexec).collect()
                });
            })?;
            assert_eq!(seen.line("00")?.verdict, Verdict::Runs);
            assert!(seen.line("01")?.brief.contains("find a directory"), "{:?}", seen.line("01"));
            seen.agrees()
        }),
        case("doctor: with few processes allowed", CROWDED, crowded),
        case("doctor: with a control group that root delegated", DELEGATED, delegated),
        case("doctor: text without colour in a pipe, and a help that tells the exit status", &[], |lab| {
            let told = lab.run("dive", &["doctor"])?;
            assert!(!told.stdout.contains('\x1b') && told.stdout.contains("00 spawn"), "{}", told.stdout);
            assert!([0, 1].contains(&told.status), "{}", told.stderr);
            let help = lab.run("dive", &["doctor", "--help"])?.succeeded()?;
            assert!(help.contains("1 when one is forbidden"), "{help}");
            Ok(())
        }),
    ]
}

/// Prints a line for each step (its number, its status, what it said), then the doctor's status and report.
const SCRIPT: &str = "for step in 00 01 02 03 04 05 06 07; do
    said=$(\"$1/step-$step\" 2>&1 >/dev/null); echo \"$step $? \"$said
done
report=$(\"$1/dive\" doctor --json); echo \"doctor $?\"; echo \"$report\"";

/// What the doctor said, and what the steps did.
struct Seen {
    report: Report,
    status: i32,
    steps: Vec<(String, i32, String)>,
}

impl Seen {
    fn of(ran: Ran) -> Result<Self, String> {
        let stderr = ran.stderr.clone();
        let text = ran.succeeded()?;
        let parsed = || {
            let (steps, rest) = text.split_once("doctor ")?;
            let (status, json) = rest.split_once('\n')?;
            let report = serde_json::from_str(json).ok()?;
            let step = |line: &str| {
                let mut words = line.splitn(3, ' ');
                let (number, status) = (words.next()?.to_owned(), words.next()?.parse().ok()?);
                Some((number, status, words.next().unwrap_or_default().to_owned()))
            };
            let steps = steps.lines().map(step).collect::<Option<_>>()?;
            Some(Self { report, status: status.parse().ok()?, steps })
        };
        parsed().ok_or_else(|| format!("not what the script prints:\n{text}{stderr}"))
    }

    fn line(&self, id: &str) -> Result<&Line, String> {
        self.report.lessons.iter().find(|line| line.id == id).ok_or_else(|| format!("no line for {id}"))
    }

    fn why(&self, id: &str) -> Result<String, String> {
        Ok(self.line(id)?.findings.first().map(|finding| finding.why.clone()).unwrap_or_default())
    }

    /// A step exits 125 exactly when its lesson is forbidden, and 0 otherwise; it misses limits exactly when the
    /// doctor says so; and the doctor's own status tells whether any lesson is forbidden.
    fn agrees(&self) -> Outcome {
        assert_eq!(self.steps.len(), self.report.lessons.len());
        for (number, status, said) in &self.steps {
            let line = self.line(number)?;
            let expected = if line.verdict == Verdict::Forbidden { 125 } else { 0 };
            if *status != expected {
                return Err(format!("step {number} ended with {status}: {said}\nthe doctor said: {line:#?}"));
            }
            let missed = said.contains("no cgroup, and so no limits");
            let told = line.findings.iter().any(|finding| finding.missing == "limits");
            if expected == 0 && missed != told {
                return Err(format!("step {number} said: {said}\nthe doctor said: {line:#?}"));
            }
        }
        let forbidden = self.report.lessons.iter().any(|line| line.verdict == Verdict::Forbidden);
        if self.status == i32::from(forbidden) {
            return Ok(());
        }
        Err(format!("the doctor ended with {}, and a lesson is forbidden: {forbidden}", self.status))
    }
}

fn bins(lab: &Lab) -> String {
    lab.bin("").display().to_string()
}

/// Each verdict is turned round, and each must then be contradicted by what the step did.
fn falsified_is_noticed(lab: &Lab) -> Outcome {
    let mut seen = Seen::of(lab.run("sh", &["-c", SCRIPT, "sh", &bins(lab)])?)?;
    seen.agrees()?;
    for index in 0..seen.report.lessons.len() {
        let honest = seen.report.lessons[index].verdict;
        let turned = if honest == Verdict::Forbidden { Verdict::Runs } else { Verdict::Forbidden };
        seen.report.lessons[index].verdict = turned;
        let noticed = seen.agrees();
        seen.report.lessons[index].verdict = honest;
        assert!(noticed.is_err_and(|error| error.contains("the doctor said")), "lesson {index}");
    }
    seen.status = 1 - seen.status;
    assert!(seen.agrees().is_err(), "a wrong exit status");
    Ok(())
}

/// `user.max_user_namespaces` is a setting of each user namespace: inside a new one it is set to 0 for that one
/// alone. Without a bounding set, execve then leaves its uid 0 no capability.
fn switched_off(lab: &Lab) -> Outcome {
    let setting = || fs::read_to_string("/proc/sys/user/max_user_namespaces").unwrap_or_default();
    let before = setting();
    let inside = "echo 0 > /proc/sys/user/max_user_namespaces &&
        exec setpriv --bounding-set=-all --inh-caps=-all sh -c \"$0\" sh \"$1\"";
    let words = ["--user", "--map-root-user", "sh", "-c", inside, SCRIPT, &bins(lab)];
    let seen = Seen::of(lab.run("unshare", &words)?)?;
    assert_eq!(setting(), before, "the setting of this machine");
    assert_eq!(seen.line("00")?.verdict, Verdict::Runs);
    for lesson in ["01", "02", "04", "05", "06", "07"] {
        assert_eq!(seen.line(lesson)?.verdict, Verdict::Forbidden, "{lesson}");
        assert!(
            seen.why(lesson)?.contains("user.max_user_namespaces is 0"),
            "{lesson}: {:?}",
            seen.why(lesson)
        );
    }
    seen.agrees()
}

/// What the book shows of a plain Docker container: two refusals with their remedies.
///
/// After what is missing the doctor tells of this machine: no two print the same there.
fn in_docker(lab: &Lab) -> Outcome {
    for (name, script) in [("doctor", "exec /dive/dive doctor"), ("step-04", "exec /dive/step-04")] {
        let ran = runc(lab, name, script, as_docker)?.ended_with(if name == "doctor" { 1 } else { 125 })?;
        let text = (ran.stderr + &ran.stdout)
            .replace("dive/dive", "target/debug/dive")
            .replace("dive/step-", "target/debug/step-");
        let (told, _) = text.split_once("\n  tried once").unwrap_or((&text, ""));
        let command = if name == "doctor" { "target/debug/dive doctor" } else { "target/debug/step-04" };
        snapshot(&format!("{name}.docker"), command, &normalised(lab, told));
    }
    Ok(())
}

/// The part of a lesson each, which depends on who asks and not on the machine.
fn table(lab: &Lab, whom: &str) -> Outcome {
    let told = lab.run("dive", &["doctor"])?;
    let (table, _) = told.stdout.split_once("\n\n  privilege").ok_or(told.stdout.clone())?;
    let uid = format!("you are uid {}:", nix::unistd::geteuid());
    // A kernel may be built without time namespaces, and then says so.
    let table = table.replace(&uid, "you are uid UID:").replace("partly     without --boottime", "runs");
    snapshot(&format!("doctor.{whom}"), "cargo dive doctor", &table);
    Ok(())
}

/// The filter, the capabilities and the mark of Docker's.
fn as_docker(config: &mut Value) {
    config["linux"]["seccomp"] = filter();
    let held = "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE \
                SYS_CHROOT KILL AUDIT_WRITE";
    let held: Vec<_> = held.split(' ').map(|name| format!("CAP_{name}")).collect();
    for set in ["bounding", "effective", "permitted"] {
        config["process"]["capabilities"][set] = json!(held);
    }
    config["process"]["noNewPrivileges"] = json!(false);
    config["root"]["readonly"] = json!(false);
    if let Some(mounts) = config["mounts"].as_array_mut() {
        mounts.retain(|mount| mount["destination"] != "/tmp");
    }
    let mark = "touch /.dockerenv; ".to_owned() + config["process"]["args"][2].as_str().unwrap_or_default();
    config["process"]["args"][2] = json!(mark);
}

/// Runs the script in a container of runc's, with the configuration that `runc spec` writes and these changes.
fn in_runc(lab: &Lab, change: impl FnOnce(&mut Value)) -> Result<Seen, String> {
    Seen::of(runc(lab, "bundle", SCRIPT, change)?)
}

fn runc(lab: &Lab, bundle: &str, script: &str, change: impl FnOnce(&mut Value)) -> Result<Ran, String> {
    let bundle = lab.dir().join(bundle);
    let io = |error: std::io::Error| error.to_string();
    fs::create_dir(&bundle).map_err(io)?;
    let path = bundle.display().to_string();
    lab.run("step-05", &["rootfs", &format!("{path}/rootfs")])?.succeeded()?;
    fs::create_dir(bundle.join("rootfs/dive")).map_err(io)?;
    lab.run("runc", &["spec", "--bundle", &path])?.succeeded()?;
    let file = bundle.join("config.json");
    let text = fs::read_to_string(&file).map_err(io)?;
    let mut config: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    config["process"]["terminal"] = json!(false);
    config["process"]["args"] = json!(["sh", "-c", script, "sh", "/dive"]);
    let binaries = copied(lab)?.display().to_string();
    if let Some(mounts) = config["mounts"].as_array_mut() {
        mounts.push(
            json!({ "destination": "/dive", "type": "bind", "source": binaries, "options": ["bind", "ro"] }),
        );
        mounts.push(json!({ "destination": "/tmp", "type": "tmpfs", "source": "tmpfs",
            "options": ["nosuid", "nodev", "mode=1777"] }));
    }
    change(&mut config);
    fs::write(&file, config.to_string()).map_err(io)?;
    let state = lab.dir().join("runc").display().to_string();
    lab.run("runc", &["--root", &state, "run", "--bundle", &path, lab.lab().name()])
}

/// What Docker's default filter does to these lessons: clone3 as if it were unknown, the rest refused.
fn filter() -> Value {
    json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [
            { "names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38 },
            { "names": ["unshare", "setns", "mount", "umount2", "pivot_root"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1 },
        ],
    })
}

/// Our binaries where everybody may read them, whoever owns the directory in which they were built.
fn copied(lab: &Lab) -> Result<PathBuf, String> {
    let dir = lab.dir().join("bin");
    if dir.exists() {
        return Ok(dir);
    }
    let copy = |name: &str| fs::copy(lab.bin(name), dir.join(name)).map(drop);
    let names =
        ["step-00", "step-01", "step-02", "step-03", "step-04", "step-05", "step-06", "step-07", "dive"];
    fs::create_dir(&dir)
        .and_then(|()| fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)))
        .and_then(|()| names.iter().try_for_each(|name| copy(name)))
        .map_err(|error| format!("{}: {error}", dir.display()))?;
    Ok(dir)
}

/// Somebody without privilege, in a group of their own in every tree: then limits may be set without root.
///
/// Each program is executed alone in the group: a shell beside it would be a process that sits in the way.
fn delegated(lab: &Lab) -> Outcome {
    let groups = make_groups(lab)?;
    let enter: Vec<_> =
        groups.iter().map(|group| format!("echo 0 > {}/cgroup.procs", group.display())).collect();
    let become_nobody = format!("exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups");
    let seen = each_alone(lab, &format!("{}; {become_nobody}", enter.join("; ")));
    groups
        .iter()
        .try_for_each(fs::remove_dir)
        .map_err(|error| format!("rmdir a delegated group: {error}"))?;
    let seen = seen?;
    assert_eq!(seen.report.surroundings.machine.uid, NOBODY);
    let owner =
        |group: &workbook::doctor::surroundings::OwnGroup| group.owner == Some(NOBODY) && group.writable;
    assert!(
        seen.report.surroundings.own_groups.iter().all(owner),
        "{:?}",
        seen.report.surroundings.own_groups
    );
    // In version 2 the controllers must have been handed down to the group as well, which is the machine's affair.
    if seen.report.surroundings.own_groups.iter().any(|group| group.version == "v1") {
        assert_eq!(seen.line("03")?.verdict, Verdict::Runs, "{:#?}", seen.line("03"));
    }
    seen.agrees()
}

/// Somebody who may have so many processes at once. Nobody else has this uid, so only these programs are counted.
fn crowded(lab: &Lab) -> Outcome {
    for limit in 1..=5 {
        let become_somebody = format!(
            "exec setpriv --reuid {ALONE} --regid {ALONE} --clear-groups prlimit --nproc={limit}:{limit}"
        );
        let seen = each_alone(lab, &become_somebody)?;
        if limit == 1 {
            assert_eq!(seen.line("00")?.verdict, Verdict::Forbidden);
            assert!(seen.why("00")?.contains("RLIMIT_NPROC"), "{:?}", seen.why("00"));
        }
        seen.agrees().map_err(|error| format!("with {limit} processes: {error}"))?;
    }
    Ok(())
}

/// Each program by itself behind some words of the shell's, which become the program.
fn each_alone(lab: &Lab, exec: &str) -> Result<Seen, String> {
    let dir = copied(lab)?;
    let script = format!("{exec} \"$0\" \"$@\"");
    let run = |name: &str, words: &[&str]| {
        let program = dir.join(name).display().to_string();
        lab.run("sh", &[&["-c", &script, &program], words].concat())
    };
    let step = |step: &str| {
        let ran = run(&format!("step-{step}"), &[])?;
        Ok(format!("{step} {} {}\n", ran.status, ran.stderr.replace('\n', " ")))
    };
    let steps = ["00", "01", "02", "03", "04", "05", "06", "07"]
        .into_iter()
        .map(step)
        .collect::<Result<String, String>>()?;
    let doctor = run("dive", &["doctor", "--json"])?;
    let stdout = format!("{steps}doctor {}\n{}", doctor.status, doctor.stdout);
    Seen::of(Ran { status: 0, stdout, stderr: doctor.stderr })
}

/// A group below the top of every tree that is mounted, given to nobody with the files that delegation names.
fn make_groups(lab: &Lab) -> Result<Vec<PathBuf>, String> {
    let name = format!("docker-dive.{}.delegated", lab.lab().name());
    let mut groups = Vec::new();
    for top in cgroup_tops() {
        let group = top.join(&name);
        // A cpuset that has no cpus takes no process, and no lesson uses that tree.
        if top.ends_with("cpuset") || fs::create_dir(&group).is_err() {
            continue;
        }
        chown(&group, Some(NOBODY), Some(NOBODY)).map_err(|error| error.to_string())?;
        for file in ["cgroup.procs", "tasks", "cgroup.subtree_control", "cgroup.threads"] {
            let file = group.join(file);
            if file.exists() {
                chown(&file, Some(NOBODY), Some(NOBODY)).map_err(|error| error.to_string())?;
            }
        }
        groups.push(group);
    }
    Ok(groups)
}
