//! `cargo dive view`: beside /proc itself, and beside the programs that read the same from it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use workbook::view::capabilities::Set;
use workbook::view::descriptors::{Kind, Place};
use workbook::view::{Answer, Compared, Fact, View};

use crate::kit::{Case, Lab, Need, Outcome, Ran, case};

pub(crate) fn cases() -> Vec<Case> {
    let container = [Need::Namespaces];
    let with = |program| [Need::Namespaces, Need::Program(program)];
    vec![
        case("view: a step's container, as /proc has it", &container, agrees_with_proc),
        case("view: what is contained about a step's container", &container, containment_of_a_step),
        case("view: the namespaces that lsns finds", &with("lsns"), agrees_with_lsns),
        case("view: the names that capsh has for a mask", &with("capsh"), agrees_with_capsh),
        case("view: the group in which systemd-cgls finds it", &with("systemd-cgls"), agrees_with_cgls),
        case(
            "view: a container of runc's, and its limits",
            &[Need::Root, Need::Cgroups, Need::Program("runc")],
            runc,
        ),
        case("view: a directory that leaked into a container is named", &container, leaked_directory),
        case("view: a directory beside a chroot is outside of it", &with("unshare"), beside_a_chroot),
        case("view: a process without a container", &[], ordinary_process),
        case(
            "view: what an ordinary user may not read is said fact by fact",
            &[Need::StrangersInit],
            out_of_sight,
        ),
        case("view: a process that does not exist", &[], no_such_process),
        case("view: a zombie is called one", &[], zombie),
        case("view: a process that ends midway is an error, or whole", &with("unshare"), ends_midway),
        case("view: the drawing is XML, and its text is text", &with("python3"), drawing),
    ]
}

/// A container in which `sleep` runs, and which ends with this value.
struct Sleeper {
    parent: Child,
    pid: i32,
}

impl Sleeper {
    /// The program starts it, here or in a process of its own.
    fn start(lab: &Lab, program: &str, words: &[&str]) -> Result<Self, String> {
        let mut command = lab.command(program);
        command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut parent = command.spawn().map_err(|error| error.to_string())?;
        for _ in 0..500 {
            if let Some(pid) = sleeping_below(i32::try_from(parent.id()).map_err(|error| error.to_string())?)
            {
                return Ok(Self { parent, pid });
            }
            if let Ok(Some(status)) = parent.try_wait() {
                return Err(format!("{command:?} ended with {status}"));
            }
            sleep(Duration::from_millis(20));
        }
        let _ = parent.kill();
        Err(format!("{command:?} started no sleep"))
    }

    fn of_step(lab: &Lab) -> Result<Self, String> {
        Self::start(lab, "step-04", &["run", "sleep", "60"])
    }

    /// The answer about it, with the lab for a reference.
    fn look(&self, lab: &Lab) -> Result<Compared, String> {
        look(lab, self.pid)
    }
}

/// The container's first process is killed, so that whoever started it cleans up as after any other end.
impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.pid), Signal::SIGKILL);
        let _ = self.parent.wait();
    }
}

/// A process called `sleep` that is the given one or descends from it.
fn sleeping_below(pid: i32) -> Option<i32> {
    let read = |file: String| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    if read("comm".into()).trim() == "sleep" {
        return Some(pid);
    }
    // Each thread has children of its own, and a program in Go has many threads.
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children = threads.map(|thread| read(format!("task/{}/children", thread.file_name().display())));
    children
        .collect::<String>()
        .split_whitespace()
        .filter_map(|child| child.parse().ok())
        .find_map(sleeping_below)
}

fn look(lab: &Lab, pid: i32) -> Result<Compared, String> {
    let (pid, lab_itself) = (pid.to_string(), std::process::id().to_string());
    let json = lab.run("dive", &["view", &pid, "--against", &lab_itself, "--json"])?.succeeded()?;
    let answer: Answer = serde_json::from_str(&json).map_err(|error| format!("{error}: {json}"))?;
    answer.processes.into_iter().next().ok_or_else(|| "it answered about no process".into())
}

fn known<'a, T>(name: &str, fact: &'a Fact<T>) -> Result<&'a T, String> {
    fact.as_known().map_err(|why| format!("{name}: {why}"))
}

#[expect(clippy::needless_pass_by_value, reason = "what is compared is mostly made for it")]
fn equal<T: PartialEq + std::fmt::Debug>(name: &str, seen: T, expected: T) -> Outcome {
    if seen == expected { Ok(()) } else { Err(format!("{name}: {seen:?} and not {expected:?}")) }
}

/// Whether a view says what /proc says, read in another way: by lines, links and listings.
fn same_as_proc(view: &View) -> Outcome {
    let proc = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", view.pid)).unwrap_or_default();
    let status = proc("status");
    let stated = |name: &str| {
        let mut words =
            status.lines().find(|line| line.starts_with(name)).unwrap_or_default().split_whitespace();
        words.next();
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    let shown = |numbers: &[u32]| numbers.iter().map(ToString::to_string).collect::<Vec<_>>();

    equal("NSpid", view.pids.iter().map(ToString::to_string).collect(), stated("NSpid:"))?;
    equal("Uid", shown(&view.ids.uid), stated("Uid:"))?;
    equal("Gid", shown(&view.ids.gid), stated("Gid:"))?;
    equal("Seccomp", vec![view.seccomp.mode.to_string()], stated("Seccomp:"))?;
    equal("Seccomp_filters", vec![view.seccomp.filters.to_string()], stated("Seccomp_filters:"))?;
    equal("NoNewPrivs", vec![u8::from(view.no_new_privs).to_string()], stated("NoNewPrivs:"))?;
    for (name, set) in view.capabilities.each() {
        let fields = [("effective", "CapEff:"), ("permitted", "CapPrm:"), ("inheritable", "CapInh:")];
        let fields = fields.into_iter().chain([("bounding", "CapBnd:"), ("ambient", "CapAmb:")]);
        let field = fields.into_iter().find(|(known, _)| *known == name).map_or("", |(_, field)| field);
        equal(field, vec![format!("{:016x}", set.mask)], stated(field))?;
    }
    for (kind, inode) in &view.namespaces {
        let link =
            fs::read_link(format!("/proc/{}/ns/{kind}", view.pid)).map_err(|error| error.to_string())?;
        equal("namespace", format!("{kind}:[{}]", known(kind, inode)?), link.display().to_string())?;
    }
    let words = |file: &str| proc(file).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let map =
        known("uid map", &view.ids.uid_map)?.iter().flat_map(|map| [map.inside, map.outside, map.count]);
    equal("uid_map", shown(&map.collect::<Vec<_>>()), words("uid_map"))?;
    let mounts = known("mounts", &view.mounts)?;
    let ids = mounts.iter().map(|mount| format!("{} {}", mount.id, mount.target));
    let lines = proc("mountinfo");
    let fields = lines.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    equal(
        "mountinfo",
        ids.collect::<Vec<_>>(),
        fields.map(|line| format!("{} {}", line[0], line[4])).collect(),
    )?;
    let open: BTreeSet<_> =
        known("descriptors", &view.descriptors)?.iter().map(|open| open.number.to_string()).collect();
    let listed = fs::read_dir(format!("/proc/{}/fd", view.pid)).map_err(|error| error.to_string())?;
    equal(
        "fd",
        open,
        listed.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect(),
    )?;
    let groups = known("cgroup", &view.cgroup)?.paths.iter().map(|(names, path)| format!("{names}:{path}"));
    let text = proc("cgroup");
    let lines = text.lines().filter_map(|line| line.split_once(':')).map(|(_, rest)| rest.to_owned());
    equal("cgroup", groups.collect::<BTreeSet<_>>(), lines.collect())
}

/// Makes a view say something else.
type Falsify = fn(&mut View);

fn agrees_with_proc(lab: &Lab) -> Outcome {
    let sleeper = Sleeper::of_step(lab)?;
    let view = sleeper.look(lab)?.view;
    same_as_proc(&view)?;
    equal("pid inside", view.pids.last(), Some(&1))?;

    // Each falsehood must be found out.
    let falsehoods: [(&str, Falsify); 8] = [
        ("CapEff", |view| view.capabilities.effective = Set::of(view.capabilities.effective.mask ^ 1 << 7)),
        ("CapBnd", |view| view.capabilities.bounding = Set::of(view.capabilities.bounding.mask ^ 1)),
        ("namespace", |view| _ = view.namespaces.insert("net".into(), Fact::Known(1))),
        ("NSpid", |view| view.pids.push(2)),
        ("Seccomp", |view| view.seccomp.mode ^= 2),
        ("NoNewPrivs", |view| view.no_new_privs = !view.no_new_privs),
        ("mountinfo", |view| view.mounts = Fact::Known(Vec::new())),
        ("fd", |view| view.descriptors = Fact::Known(Vec::new())),
    ];
    for (name, falsify) in falsehoods {
        let mut false_view = view.clone();
        falsify(&mut false_view);
        let found =
            same_as_proc(&false_view).err().ok_or_else(|| format!("a false {name} went unnoticed"))?;
        assert!(found.starts_with(name), "{name}: {found}");
    }
    Ok(())
}

fn containment_of_a_step(lab: &Lab) -> Outcome {
    let sleeper = Sleeper::of_step(lab)?;
    let Compared { view, difference } = sleeper.look(lab)?;
    for kind in ["mnt", "uts", "ipc", "pid", "net"] {
        assert!(difference.owns(kind), "{kind}: {:?}", difference.own_namespaces);
    }
    equal("own root", difference.own_root.known(), Some(&true))?;
    let mounts = known("mounts", &difference.mounts)?;
    let all = known("mounts", &view.mounts)?.len();
    assert!(
        mounts.same + mounts.added.len() + mounts.changed.len() == all && mounts.added.len() > 1,
        "{mounts:?}"
    );

    let (pid, other) = (sleeper.pid.to_string(), std::process::id().to_string());
    let text = lab.run("dive", &["view", &pid, &other])?.succeeded()?;
    let line = text.lines().find(|line| line.trim_start().starts_with("pid ")).unwrap_or_default().to_owned();
    assert!(
        line.contains(&format!("{pid}, which is 1 in its own")) && line.trim_end().ends_with(&other),
        "{text}"
    );
    Ok(())
}

/// Whether lsns(8) lists the namespaces of the view for its process, and no other of those kinds.
fn same_as_lsns(lab: &Lab, view: &View) -> Outcome {
    let pid = view.pid.to_string();
    let json = lab.run("lsns", &["--json", "--output", "NS,TYPE", "--task", &pid])?.succeeded()?;
    let listed: Value = serde_json::from_str(&json).map_err(|error| error.to_string())?;
    let rows = listed["namespaces"].as_array().ok_or("lsns lists nothing")?;
    for row in rows {
        let kind = row["type"].as_str().ok_or("a namespace without a type")?;
        // util-linux writes numbers as numbers or as text, by its version.
        let inode = row["ns"].as_u64().or_else(|| row["ns"].as_str()?.parse().ok());
        let seen = view.namespaces.get(kind).and_then(Fact::known).copied();
        equal(kind, seen, inode)?;
    }
    if rows.len() >= 6 { Ok(()) } else { Err(format!("lsns lists {} only", rows.len())) }
}

fn agrees_with_lsns(lab: &Lab) -> Outcome {
    let sleeper = Sleeper::of_step(lab)?;
    let mut view = sleeper.look(lab)?.view;
    same_as_lsns(lab, &view)?;
    let inode = *known("uts", &view.namespaces["uts"])?;
    view.namespaces.insert("uts".into(), Fact::Known(inode ^ 1));
    same_as_lsns(lab, &view).err().map(drop).ok_or_else(|| "a false inode went unnoticed".into())
}

/// Whether capsh(1) names the bits of a mask as the view does.
fn same_as_capsh(lab: &Lab, set: &Set) -> Outcome {
    let decoded = lab.run("capsh", &[&format!("--decode={:016x}", set.mask)])?.succeeded()?;
    let names = decoded.trim().split_once('=').map(|(_, names)| names.to_uppercase()).unwrap_or_default();
    let names: Vec<_> = names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    equal("names", set.names.clone(), names)
}

fn agrees_with_capsh(lab: &Lab) -> Outcome {
    let sleeper = Sleeper::of_step(lab)?;
    let view = sleeper.look(lab)?.view;
    for (_, set) in view.capabilities.each() {
        same_as_capsh(lab, set)?;
    }
    for bit in 0..=40 {
        same_as_capsh(lab, &Set::of(1 << bit))?;
    }
    let wrong = Set { mask: 1 << 21, names: Set::of(1 << 20).names };
    same_as_capsh(lab, &wrong).err().map(drop).ok_or_else(|| "a wrong bit went unnoticed".into())
}

/// Whether systemd-cgls(1) finds the process in a group.
fn listed_by_cgls(lab: &Lab, group: &str, pid: i32) -> Outcome {
    let listed = lab.run("systemd-cgls", &["--no-pager", "--full", "--all", group])?.succeeded()?;
    let is_it =
        |line: &str| line.split(|letter: char| !letter.is_ascii_digit()).any(|word| word == pid.to_string());
    // The name of a group may hold any number; a process has its line behind the branch of the tree.
    let found = listed.lines().filter(|line| line.contains("sleep")).any(is_it);
    if found { Ok(()) } else { Err(format!("{pid} is not in {group}:\n{listed}")) }
}

fn agrees_with_cgls(lab: &Lab) -> Outcome {
    let sleeper = Sleeper::of_step(lab)?;
    let view = sleeper.look(lab)?.view;
    let paths = &known("cgroup", &view.cgroup)?.paths;
    let group =
        paths.get("").or_else(|| paths.get("name=systemd")).ok_or("no tree that systemd-cgls reads")?;
    listed_by_cgls(lab, group, sleeper.pid)?;
    let other = listed_by_cgls(lab, group, std::process::id().cast_signed());
    other.err().map(drop).ok_or_else(|| "a process of another group went unnoticed".into())
}

/// Whether a view shows these limits, with a use that they allow.
fn limited(view: &View, memory: u64, pids: u64, milli_cpus: u64) -> Outcome {
    for (resource, limit) in [("memory", memory), ("pids", pids), ("cpu", milli_cpus)] {
        let limits = &known("cgroup", &view.cgroup)?.limits;
        let found = limits.iter().find(|known| known.resource == resource).ok_or("no such resource")?;
        let reading = known(resource, &found.reading)?;
        equal(resource, reading.limit, Some(limit))?;
        let used = reading.used.unwrap_or(1);
        assert!(resource == "cpu" || (1..=limit).contains(&used), "{resource}: {used} in use");
    }
    Ok(())
}

fn runc(lab: &Lab) -> Outcome {
    let bundle = lab.dir().join("bundle");
    fs::create_dir(&bundle).map_err(|error| error.to_string())?;
    let path = bundle.display().to_string();
    lab.run("step-04", &["rootfs", &format!("{path}/rootfs")])?.succeeded()?;
    lab.run("runc", &["spec", "--bundle", &path])?.succeeded()?;
    let file = bundle.join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&file).map_err(|error| error.to_string())?)
        .map_err(|error| error.to_string())?;
    config["process"]["args"] = json!(["sleep", "60"]);
    config["process"]["terminal"] = json!(false);
    config["linux"]["cgroupsPath"] = json!(format!("/docker-dive.{}.runc", lab.lab().name()));
    config["linux"]["resources"]["memory"] = json!({ "limit": 64 << 20 });
    config["linux"]["resources"]["pids"] = json!({ "limit": 20 });
    config["linux"]["resources"]["cpu"] = json!({ "quota": 50_000, "period": 100_000 });
    fs::write(&file, config.to_string()).map_err(|error| error.to_string())?;

    let state = lab.dir().join("state").display().to_string();
    let sleeper =
        Sleeper::start(lab, "runc", &["--root", &state, "run", "--bundle", &path, lab.lab().name()])?;
    let Compared { view, difference } = sleeper.look(lab)?;
    same_as_proc(&view)?;
    same_as_capsh(lab, &view.capabilities.effective)?;
    limited(&view, 64 << 20, 20, 500)?;
    assert!(limited(&view, 64 << 20, 21, 500).is_err() && limited(&view, 1, 20, 500).is_err());

    equal("no_new_privs", view.no_new_privs, true)?;
    let caps = ["CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_AUDIT_WRITE"];
    equal("bounding", view.capabilities.bounding.names.clone(), caps.map(str::to_owned).to_vec())?;
    let asked = config["linux"]["namespaces"].as_array().ok_or("no namespaces in the configuration")?;
    for kind in asked.iter().filter_map(|namespace| namespace["type"].as_str()) {
        let kind = match kind {
            "mount" => "mnt",
            "network" => "net",
            other => other,
        };
        assert!(difference.owns(kind), "{kind}");
    }
    assert!(!difference.owns("user") && difference.fewer_capabilities);
    Ok(())
}

/// The directories among the descriptors that lead out.
fn ways_out(of: &Compared) -> Result<Vec<(i32, Place)>, String> {
    let leaks = known("leading out", &of.difference.leaks)?;
    let directories = leaks.iter().filter(|leak| leak.way_out && leak.descriptor.kind == Kind::Directory);
    Ok(directories.map(|leak| (leak.descriptor.number, leak.place)).collect())
}

fn leaked_directory(lab: &Lab) -> Outcome {
    let tight = Sleeper::of_step(lab)?;
    equal("without a leak", ways_out(&tight.look(lab)?)?, vec![])?;

    let step = lab.bin("step-04").display().to_string();
    let script = "exec 7</; exec \"$0\" run sleep 60";
    let leaky = Sleeper::start(lab, "sh", &["-c", script, &step])?;
    equal("with one", ways_out(&leaky.look(lab)?)?, vec![(7, Place::Reference)])?;
    let pid = leaky.pid.to_string();
    let text = lab.run("dive", &["view", &pid, "--against", &std::process::id().to_string()])?.succeeded()?;
    assert!(text.contains("7: directory /, open to read, on a mount of the reference's"), "{text}");
    Ok(())
}

/// What unshare(1) needs beside the namespace that is asked for.
fn borrowed_root() -> &'static [&'static str] {
    if kit::Tier::of_self() == kit::Tier::Root { &[] } else { &["--user", "--map-root-user"] }
}

fn beside_a_chroot(lab: &Lab) -> Outcome {
    let jail = lab.dir().join("jail").display().to_string();
    lab.run("step-04", &["rootfs", &jail])?.succeeded()?;
    let script = "exec 6</; exec 7<\"$0/bin\"; exec chroot \"$0\" /bin/sleep 60";
    let sleeper =
        Sleeper::start(lab, "unshare", &[borrowed_root(), &["--mount", "sh", "-c", script, &jail]].concat())?;
    let seen = sleeper.look(lab)?;
    // Only if the lab's directory lies on the root file system's mount are they beside each other there.
    let root = known("root", &seen.view.root)?;
    let beside = known("descriptors", &seen.view.descriptors)?
        .iter()
        .any(|open| open.number == 6 && root.mount.known() == Some(&open.mount));
    let place = if beside { Place::BesideRoot } else { Place::Elsewhere };
    equal("the directory beside, and not the one below", ways_out(&seen)?, vec![(6, place)])
}

fn ordinary_process(lab: &Lab) -> Outcome {
    let sleeper = Sleeper::start(lab, "sleep", &["60"])?;
    let Compared { view, difference } = sleeper.look(lab)?;
    same_as_proc(&view)?;
    assert!(difference.own_namespaces.values().all(|own| own.known() == Some(&false)), "{difference:?}");
    equal("own root", difference.own_root.known(), Some(&false))?;
    let mounts = known("mounts", &difference.mounts)?;
    equal("mounts", mounts.added.len() + mounts.missing.len() + mounts.changed.len(), 0)?;
    equal("leaks", known("leading out", &difference.leaks)?.len(), 0)
}

fn out_of_sight(lab: &Lab) -> Outcome {
    let text = lab.run("dive", &["view", "1"])?.succeeded()?;
    let line = |fact: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(fact)).unwrap_or_default();
        line.trim().to_owned()
    };
    for fact in ["mnt ", "root ", "descriptors ", "leading out "] {
        assert!(line(fact).ends_with("unreadable: EACCES (root may)"), "{text}");
    }
    assert!(line("uid ").ends_with(" 0") && !line("effective ").contains("unreadable"), "{text}");
    assert!(text.contains("this program itself, because process 1 cannot be read"), "{text}");
    Ok(())
}

fn no_such_process(lab: &Lab) -> Outcome {
    let last = fs::read_to_string("/proc/sys/kernel/pid_max").map_err(|error| error.to_string())?;
    let ran = lab.run("dive", &["view", last.trim()])?;
    assert_eq!((ran.status, ran.stdout.as_str()), (125, ""), "{}", ran.stderr);
    ran.says(&["view process", "ESRCH"])?;
    for nonsense in ["0", "-1", "first", "99999999999"] {
        assert_eq!(lab.run("dive", &["view", "--", nonsense])?.status, 2, "{nonsense}");
    }
    Ok(())
}

fn zombie(lab: &Lab) -> Outcome {
    let mut child = lab.command("true").spawn().map_err(|error| error.to_string())?;
    let pid = child.id().to_string();
    let dead = || fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "));
    for _ in 0..200 {
        if dead() {
            break;
        }
        sleep(Duration::from_millis(10));
    }
    let ran = lab.run("dive", &["view", &pid]);
    child.wait().map_err(|error| error.to_string())?;
    let text = ran?.succeeded()?;
    assert!(text.contains("Z (zombie): it has ended") && text.contains("[true]"), "{text}");
    Ok(())
}

/// A view of a living process is whole: none of what its owner may read is missing from it.
fn whole(view: &View) -> bool {
    view.is_zombie()
        || view.namespaces.values().all(|inode| inode.known().is_some())
            && view.root.known().is_some()
            && view.mounts.known().is_some()
}

fn ends_midway(lab: &Lab) -> Outcome {
    let (mut ended, mut seen) = (0, 0);
    for _ in 0..80 {
        // A mount namespace of its own is taken apart slowly, between the last of its life and the zombie.
        let mut command = lab.command("unshare");
        let words = [borrowed_root(), &["--mount", "sleep", "0.03"]].concat();
        let mut child = command.args(words).spawn().map_err(|error| error.to_string())?;
        let pid = child.id().cast_signed();
        let outcome = loop {
            match View::of(pid) {
                Ok(view) if !whole(&view) => break Err(format!("half a view: {view:?}")),
                Ok(view) if view.is_zombie() => break Ok(()),
                Ok(_) => seen += 1,
                Err(error) if error.errno() == Some(Errno::ESRCH) => {
                    ended += 1;
                    break Ok(());
                }
                // It executes sleep just now, and will have done so at the next look.
                Err(error) if error.errno() == Some(Errno::EAGAIN) => {}
                Err(error) => break Err(error.to_string()),
            }
        };
        child.wait().map_err(|error| error.to_string())?;
        outcome?;
    }
    assert!(seen > 0 && ended > 0, "{seen} whole, {ended} ended: neither way was tried");
    Ok(())
}

fn drawing(lab: &Lab) -> Outcome {
    let sleeper = Sleeper::of_step(lab)?;
    let file = lab.dir().join("view.svg").display().to_string();
    let pid = sleeper.pid.to_string();
    let silent = lab.run("dive", &["view", &pid, "--svg", &file])?.succeeded()?;
    equal("standard output", silent.as_str(), "")?;
    let printed = lab.run("dive", &["view", &pid, "--svg"])?.succeeded()?;
    assert!(printed.starts_with("<svg ") && printed.ends_with("</svg>\n"));

    let words = read_by_python(lab, &file)?;
    let has = |word: &str| words.lines().any(|line| line == word);
    assert!(has("mnt") && has("no_new_privs") && words.contains(&format!("process {pid}")), "{words}");

    let text = fs::read_to_string(&file).map_err(|error| error.to_string())?;
    let broken = format!("{file}.broken");
    fs::write(Path::new(&broken), text.replacen("</text>", "", 1)).map_err(|error| error.to_string())?;
    read_by_python(lab, &broken).err().map(drop).ok_or_else(|| "a broken drawing went unnoticed".into())
}

/// The texts of a drawing, a line each.
fn read_by_python(lab: &Lab, file: &str) -> Result<String, String> {
    let script = "import sys, xml.etree.ElementTree as tree
for text in tree.parse(sys.argv[1]).iter('{http://www.w3.org/2000/svg}text'):
    print(text.text)";
    Ran::of(lab.command("python3").args(["-c", script, file]))?.succeeded()
}
