//! The exercises as a learner meets them; and in [`planted`], the course's own check.
//!
//! What is built for a case lies in a directory of its own below target/, at the same place each time: cargo finds
//! there what it compiled before.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::kit::{Case, Lab, Need, Outcome, Ran, case};
use crate::steps::snapshots::snapshot;

mod planted;

use planted::{change, course, each_way, planted};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

pub(crate) fn cases() -> Vec<Case> {
    let cargo = Need::Program("cargo");
    vec![
        case("exercises: begun, failed, hinted, passed", &[Need::Namespaces, cargo], a_learner),
        case("exercises: what the book shows of one", &[Need::Namespaces, cargo], shown),
        case(
            "exercises: what is left of the lessons becomes the learner's",
            &[Need::Namespaces, cargo],
            owned,
        ),
        case("exercises: git does not see what a learner writes", &[Need::Program("git")], unseen_by_git),
        case("exercises: an editor builds beside cargo, and checks no other package", &[], editor),
        case("exercises: prove notices what is planted", &[Need::Namespaces, cargo], planted),
        case("exercises: each way to run is a way to see", &[Need::Namespaces, cargo], each_way),
        case("exercises: it is said that steps/ was changed", &[cargo, Need::Program("git")], changed_steps),
        case("exercises: what does not compile in work/ stops nobody else", &[cargo], not_default),
        case("exercises: what there is not is refused by name", &[cargo], refused),
    ]
}

/// The learner of a case, with an empty directory for their work.
struct Learner<'a> {
    lab: &'a Lab,
    work: PathBuf,
    course: PathBuf,
}

impl<'a> Learner<'a> {
    fn new(lab: &'a Lab, name: &str, course: &Path) -> Result<Self, String> {
        let work = place(lab, name)?;
        Ok(Self { lab, work, course: course.to_owned() })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.lab.command("dive");
        command.args(words).env("DIVE_WORK", &self.work).env("DIVE_COURSE", &self.course);
        command.env("CARGO_TARGET_DIR", target(self.lab)).env_remove("INSTA_UPDATE");
        command
    }

    fn dive(&self, words: &[&str]) -> Result<Ran, String> {
        Ran::of(&mut self.command(words))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.work.join("src/bin/container").join(name)
    }

    fn writes(&self, name: &str, text: &str) -> Outcome {
        fs::write(self.file(name), text).map_err(|error| error.to_string())
    }

    fn reads(&self, name: &str) -> Result<String, String> {
        fs::read_to_string(self.file(name)).map_err(|error| error.to_string())
    }
}

fn target(lab: &Lab) -> PathBuf {
    lab.bin("dive").parent().and_then(Path::parent).map(Path::to_owned).unwrap_or_default()
}

/// An empty directory, at the same place in each run of the tests.
fn place(lab: &Lab, name: &str) -> Result<PathBuf, String> {
    let dir = target(lab).join("dive/tests").join(name);
    if dir.exists() {
        fs::remove_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    }
    fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    Ok(dir)
}

fn exercise(id: &str) -> PathBuf {
    let (lesson, number) = id.split_once('.').unwrap_or((id, ""));
    let below = |dir: PathBuf, number: &str| {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
        let named = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&format!("{number}-")))
        };
        entries.filter(|path| path.is_dir()).find(named).unwrap_or_default()
    };
    below(below(Path::new(ROOT).join("steps"), lesson).join("exercises"), number)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn holds(ran: &Ran, words: &[&str]) -> Outcome {
    match words.iter().find(|word| !ran.stdout.contains(**word)) {
        None => Ok(()),
        Some(word) => Err(format!("it does not say {word:?}:\n{}\n{}", ran.stdout, ran.stderr)),
    }
}

/// From the first `start` to the container of a later lesson.
fn a_learner(lab: &Lab) -> Outcome {
    let learner = Learner::new(lab, "learner", Path::new(ROOT))?;
    let answer = |name: &str| read(&exercise("01.01").join(name));

    holds(
        &learner.dive(&["start", "01.01"])?.ended_with(0)?,
        &["The order of chroot and chdir", "new_root.rs"],
    )?;
    assert!(learner.reads("main.rs")?.contains("use new_root::chroot_into;"));
    holds(&learner.dive(&["check"])?.ended_with(1)?, &["expected  its own", "nothing is written yet"])?;

    learner.writes("new_root.rs", &answer("wrong/no-chdir.rs")?)?;
    holds(
        &learner.dive(&["check"])?.ended_with(1)?,
        &["seen      docker-dive sentinel", "began outside of its root"],
    )?;
    blesses_nothing(&learner)?;
    let hint = learner.dive(&["hint"])?.ended_with(0)?;
    holds(&hint, &["began outside of its root", "1. A process has", "2 more"])?;
    holds(&learner.dive(&["hint"])?.ended_with(0)?, &["2. chroot(2)", "1 more"])?;

    learner
        .writes("new_root.rs", "pub fn chroot_into(root: &std::path::Path) -> kit::Result<()> { rot }\n")?;
    let broken = learner
        .dive(&["check"])?
        .ended_with(1)?
        .says(&["cannot find value `rot`", "container/new_root.rs:1:"])?;
    holds(&broken, &["does not compile"])?;
    assert!(
        !broken.stdout.contains('\u{1b}') && !broken.stderr.contains('\u{1b}'),
        "colour is for terminals"
    );

    learner.writes("new_root.rs", &answer("solution.rs")?)?;
    holds(&learner.dive(&["check"])?.ended_with(0)?, &["passed at T1", "out of reach"])?;
    holds(&learner.dive(&["check"])?.ended_with(0)?, &["unchanged since"])?;
    let begun = Instant::now();
    holds(&learner.dive(&["check", "--again"])?.ended_with(0)?, &["passed at T1"])?;
    println!("a warm check: {:?}", begun.elapsed());

    runs_as_root(&learner)?;
    goes_on(&learner)?;
    is_watched(&learner, &[])?;
    is_watched(&learner, &["--poll"])
}

/// Whatever insta is told, a check only reads what is expected.
fn blesses_nothing(learner: &Learner<'_>) -> Outcome {
    let expected = || -> Result<Vec<_>, String> {
        let entries = fs::read_dir(exercise("01.01").join("expected")).map_err(|error| error.to_string())?;
        let mut texts = Vec::new();
        for entry in entries.flatten() {
            texts.push((entry.file_name(), read(&entry.path())?));
        }
        texts.sort();
        Ok(texts)
    };
    let before = expected()?;
    assert!(before.len() > 1, "{before:?}");
    for value in ["always", "new", "force"] {
        Ran::of(learner.command(&["check"]).env("INSTA_UPDATE", value))?.ended_with(1)?;
        assert_eq!(expected()?, before, "INSTA_UPDATE={value}");
    }
    Ok(())
}

/// A container with solutions in it, and the runtime that `own` makes of it: it does what lesson 05 does, without a lesson.
fn owned(lab: &Lab) -> Outcome {
    let learner = Learner::new(lab, "owned", Path::new(ROOT))?;
    learner.dive(&["own"])?.ended_with(125)?.says(&["container/main.rs", "cargo dive start"])?;
    learner.dive(&["catchup", "05"])?.ended_with(0)?;
    let listed = learner.dive(&["list"])?.ended_with(0)?;
    holds(
        &listed,
        &["what your container still takes", "step_00  Program", "step_05  Bundle, mount", "cargo dive own"],
    )?;
    assert!(!listed.stdout.contains("step_04"), "its functions are the learner's: {}", listed.stdout);
    let takes = |program: &str| -> Result<Value, String> {
        let report = learner.dive(&["report", "--json"])?.succeeded()?;
        let report: Value = serde_json::from_str(&report).map_err(|error| error.to_string())?;
        Ok(report[program].clone())
    };
    assert_eq!(takes("runtime takes")?, Value::Null);
    assert_eq!(takes("container takes")?["step_00"], "Program");

    holds(
        &learner.dive(&["own"])?.ended_with(0)?,
        &["src/bin/runtime", "lesson_00, lesson_01", "lesson_05"],
    )?;
    learner.dive(&["own"])?.ended_with(125)?.says(&["EEXIST", "yours already"])?;
    let runtime = learner.work.join("src/bin/runtime");
    let main = read(&runtime.join("main.rs"))?;
    assert!(main.contains("use crate::lesson_00::Program;") && main.contains("mod pivot;"), "{main}");
    assert!(runtime.join("pivot.rs").is_file() && runtime.join("lesson_02/reap.rs").is_file());
    assert_eq!(takes("runtime takes")?, serde_json::json!({}));
    holds(
        &learner.dive(&["list"])?.ended_with(0)?,
        &["your runtime takes nothing from the lessons: it is yours"],
    )?;
    // What is taken again is told again.
    change(&runtime.join("main.rs"), "use crate::lesson_00::Program;", "use step_00::Program;")?;
    holds(&learner.dive(&["list"])?.ended_with(0)?, &["what your runtime still takes", "step_00  Program"])?;
    change(&runtime.join("main.rs"), "use step_00::Program;", "use crate::lesson_00::Program;")?;

    let mut cargo = lab.command("cargo");
    cargo.args(["build", "--quiet", "--offline", "--bin", "runtime", "--manifest-path"]);
    cargo.arg(learner.work.join("Cargo.toml")).env("CARGO_TARGET_DIR", target(lab)).current_dir(ROOT);
    let built = Ran::of(&mut cargo)?.ended_with(0)?;
    assert!(!built.stderr.contains("warning"), "{}", built.stderr);
    let own = target(lab).join("debug/runtime");
    let seen = Ran::of(&mut lab.command(&own.display().to_string()))?.ended_with(0)?;
    assert_eq!(seen.stdout, lab.run("step-05", &[])?.ended_with(0)?.stdout);
    holds(&seen, &["mnt:NEW", "BLOCKED(ENOENT)"])
}

/// In a repository of the case's own, with the course's .gitignore.
fn unseen_by_git(lab: &Lab) -> Outcome {
    let git = |words: &[&str]| Ran::of(lab.command("git").args(words).env("HOME", lab.dir()));
    git(&["init", "--quiet"])?.ended_with(0)?;
    fs::copy(Path::new(ROOT).join(".gitignore"), lab.dir().join(".gitignore"))
        .map_err(|error| error.to_string())?;
    let learners = [
        "work/src/bin/container/main.rs",
        "work/src/bin/container/pivot.rs",
        "work/src/bin/facts-04-02.rs",
        "work/src/bin/runtime/lesson_00/mod.rs",
        "work/progress.toml",
        "work/kept/1/main.rs",
        "target/dive/twin/Cargo.toml",
    ];
    for path in learners {
        git(&["check-ignore", "--quiet", path])?.ended_with(0)?;
    }
    for path in ["work/Cargo.toml", "work/src/lib.rs", "steps/04-pivot-root/src/lib.rs"] {
        git(&["check-ignore", "--quiet", path])?.ended_with(1)?;
    }
    Ok(())
}

/// rust-analyzer: a target folder of its own, or it and `cargo dive watch` wait for each other; and no word about a package
/// that is not the learner's.
fn editor(_: &Lab) -> Outcome {
    let settings: Value = serde_json::from_str(&read(&Path::new(ROOT).join(".vscode/settings.json"))?)
        .map_err(|error| error.to_string())?;
    assert_eq!(settings["rust-analyzer.cargo.targetDir"], true);
    assert_eq!(settings["rust-analyzer.check.workspace"], false);
    Ok(())
}

/// An answer that people really write, its hint, and the solution, as the page on how to read the book has them.
fn shown(lab: &Lab) -> Outcome {
    let learner = Learner::new(lab, "shown", Path::new(ROOT))?;
    let exercise = exercise("04.02");
    let told = |name: &str, words: &[&str], status| {
        let ran = learner.dive(words)?.ended_with(status)?;
        // A learner's files are in work/, and cargo's word for this program is its alias.
        let text = ran.stdout.replace(" src/bin/container/", " work/src/bin/container/");
        let text = text.lines().map(of_any_host).collect::<String>();
        // Who may make no control groups is told so by each run.
        let note = "    it said\n    | container: no cgroup\n";
        let text = text.replace(note, "");
        snapshot(&format!("exercise.{name}"), &format!("cargo dive {}", words.join(" ")), &text);
        Ok::<_, String>(())
    };
    told("start", &["start", "04.02"], 0)?;
    learner.writes("pivot.rs", &read(&exercise.join("wrong/still-mounted.rs"))?)?;
    told("failed", &["check"], 1)?;
    told("hint", &["hint"], 0)?;
    learner.writes("pivot.rs", &read(&exercise.join("solution.rs"))?)?;
    told("passed", &["check"], 0)
}

/// Where the old root is still there, the container sees the host's mounts, which are another list on each host.
fn of_any_host(line: &str) -> String {
    let (seen, no_group) = ("seen      / /", "    | container: no cgroup");
    match line.split_once(seen) {
        Some((indent, _)) => format!("{indent}seen      / …\n"),
        None if line.starts_with(no_group) => format!("{no_group}\n"),
        None => format!("{line}\n"),
    }
}

/// `--sudo` puts sudo before the run and before nothing else. A stand-in tells what it was asked, and executes it.
fn runs_as_root(learner: &Learner<'_>) -> Outcome {
    let (dir, said) = (learner.lab.dir(), learner.lab.dir().join("said"));
    let script = format!("#!/bin/sh\necho \"$@\" >> {}\nshift\nexec \"$@\"\n", said.display());
    fs::write(dir.join("sudo"), script).map_err(|error| error.to_string())?;
    fs::set_permissions(dir.join("sudo"), fs::Permissions::from_mode(0o755))
        .map_err(|error| error.to_string())?;
    let path = format!("{}:{}", dir.display(), std::env::var("PATH").unwrap_or_default());
    let mut check = learner.command(&["check", "--again", "--sudo"]);
    holds(&Ran::of(check.env("PATH", path))?.ended_with(0)?, &["passed at T1"])?;
    let said = read(&said)?;
    assert_eq!(said.lines().count(), 2, "a run each: {said}");
    assert!(said.lines().all(|line| line.starts_with("-- /") && line.contains("/dive in-lab ")), "{said}");
    Ok(())
}

/// What was solved comes along, what is left out is given, and nothing that was written is lost.
fn goes_on(learner: &Learner<'_>) -> Outcome {
    let report = learner.dive(&["report", "--json"])?.succeeded()?;
    let report: Value = serde_json::from_str(&report).map_err(|error| error.to_string())?;
    let exercises = report["exercises"].as_array().ok_or("no exercises")?;
    let first = exercises.iter().find(|exercise| exercise["id"] == "01.01").ok_or("no 01.01")?;
    assert_eq!((&first["passed"], &first["hints"]), (&true.into(), &2.into()));
    assert!(first["failures"].as_u64() > Some(1), "{first}");

    learner.dive(&["start", "02"])?.ended_with(0)?;
    let main = learner.reads("main.rs")?;
    assert!(main.contains("use new_root::chroot_into;") && main.contains("step-02"), "{main}");
    assert!(learner.file("options.rs").is_file(), "the program's other files come along");
    // The container has gone on; the exercise is checked in its own lesson's program.
    holds(&learner.dive(&["check", "01.01", "--again"])?.ended_with(0)?, &["passed at T1"])?;

    learner.writes("main.rs", &(main + "// of my own\n"))?;
    holds(&learner.dive(&["catchup", "05"])?.ended_with(0)?, &["04.02", "the solution"])?;
    assert!(read(&learner.work.join("kept/1/main.rs"))?.ends_with("// of my own\n"));
    assert!(learner.reads("main.rs")?.contains("use pivot::pivot_into;"));
    assert!(!learner.file("options.rs").exists(), "that was lesson 02's");
    holds(&learner.dive(&["list"])?.ended_with(0)?, &["passed at T1", "the solution was given"])?;
    holds(&learner.dive(&["diff", "04.02", "--solution"])?.ended_with(0)?, &["unchanged"])?;
    holds(&learner.dive(&["diff", "04.02"])?.ended_with(1)?, &["+    pivot_root"])?;

    // Two changes at once: by hand in the lesson's own file, and the next exercise.
    learner.dive(&["start", "04"])?.ended_with(0)?;
    learner.writes("main.rs", &(learner.reads("main.rs")? + "// mine, and it stays\n"))?;
    learner.dive(&["start", "04.02"])?.ended_with(0)?;
    assert!(learner.reads("main.rs")?.ends_with("// mine, and it stays\n"));
    holds(&learner.dive(&["reset", "04.02"])?.ended_with(0)?, &["kept in", "the stub again"])?;
    assert!(learner.reads("pivot.rs")?.contains("todo(\"04.02\")"));
    holds(&learner.dive(&["solution", "04.02"])?.ended_with(0)?, &["MNT_DETACH"])?;

    holds(&learner.dive(&["reset", "--all"])?.ended_with(0)?, &["all that you wrote"])?;
    assert!(!learner.file("main.rs").exists() && !learner.work.join("progress.toml").exists());
    Ok(())
}

/// A save is seen, and the next check is made by itself.
fn is_watched(learner: &Learner<'_>, how: &[&str]) -> Outcome {
    learner.dive(&["start", "01.01"])?.ended_with(0)?;
    learner.writes("new_root.rs", &read(&exercise("01.01").join("stub.rs"))?)?;
    let mut command = learner.command(&[&["watch"], how].concat());
    let mut watch = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut said = String::new();
    let mut out = watch.stdout.take().ok_or("no output")?;
    let mut until = |word: &str, said: &mut String| -> Outcome {
        let begun = Instant::now();
        let mut buffer = [0; 4096];
        while !said.contains(word) {
            let count = out.read(&mut buffer).map_err(|error| error.to_string())?;
            said.push_str(&String::from_utf8_lossy(&buffer[..count]));
            if count == 0 || begun.elapsed() > Duration::from_secs(60) {
                return Err(format!("watch {how:?} does not say {word:?}: {said}"));
            }
        }
        Ok(())
    };
    let outcome = until("watching", &mut said).and_then(|()| {
        learner.writes("new_root.rs", &read(&exercise("01.01").join("solution.rs"))?)?;
        until("passed at T1", &mut said)
    });
    let _ = watch.kill();
    let _ = watch.wait();
    outcome
}

/// A learner whose checkout has another expectation than the course's is told so.
fn changed_steps(lab: &Lab) -> Outcome {
    let course = course(lab, "changed")?;
    let exercise = course.join("steps/01-chroot/exercises/01-why");
    fs::create_dir_all(&exercise).map_err(|error| error.to_string())?;
    let about = "title = \"Why\"\nminutes = 1\ntier = \"T0\"\nkind = \"open\"\nasks = \"Why?\"\ntry = [\"true\"]\nlook = [\"true(1)\"]\n";
    fs::write(exercise.join("exercise.toml"), about).map_err(|error| error.to_string())?;
    let git = |words: &[&str]| {
        let mut git = lab.command("git");
        git.args(["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]).args(words);
        Ran::of(git.current_dir(&course).env("HOME", lab.dir())).and_then(Ran::succeeded)
    };
    git(&["init", "--quiet"])?;
    git(&["add", "--all"])?;
    git(&["commit", "--quiet", "--message", "a course"])?;
    let learner = Learner::new(lab, "changed-work", &course)?;
    let ran = learner.dive(&["check", "01.01", "--done"])?.ended_with(0)?;
    assert!(!ran.stderr.contains("were changed"), "{}", ran.stderr);
    holds(&ran, &["you called it done"])?;
    fs::write(exercise.join("exercise.toml"), about.replace("Why?", "How?"))
        .map_err(|error| error.to_string())?;
    learner.dive(&["check", "01.01"])?.ended_with(0)?.says(&["files below steps/ were changed"]).map(drop)
}

/// `cargo test` and `cargo build` at the root leave the learner's package out.
fn not_default(lab: &Lab) -> Outcome {
    let mut cargo = lab.command("cargo");
    cargo.current_dir(ROOT).args(["metadata", "--no-deps", "--offline", "--format-version=1"]);
    let metadata: Value =
        serde_json::from_str(&Ran::of(&mut cargo)?.succeeded()?).map_err(|error| error.to_string())?;
    let list = |name: &str| metadata[name].as_array().cloned().unwrap_or_default();
    let is_work = |id: &Value| id.as_str().is_some_and(|id| id.contains("/work#"));
    assert!(list("workspace_members").iter().any(is_work), "{metadata}");
    assert!(
        !list("workspace_default_members").iter().any(is_work),
        "a broken file of the learner's would stop all"
    );
    Ok(())
}

fn refused(lab: &Lab) -> Outcome {
    let learner = Learner::new(lab, "refused", Path::new(ROOT))?;
    learner.dive(&["check"])?.ended_with(125)?.says(&["nothing is begun yet", "cargo dive start"])?;
    learner.dive(&["start", "77"])?.ended_with(125)?.says(&["\"77\"", "there are 00 to"])?;
    learner.dive(&["start", "04.77"])?.ended_with(125)?.says(&["04.77", "04.02"])?;
    learner.dive(&["start", "four"])?.ended_with(2)?.says(&["a lesson is 04, an exercise 04.02"])?;
    learner.dive(&["check", "04.02"])?.ended_with(125)?.says(&[
        "pivot.rs",
        "ENOENT",
        "cargo dive start 04.02",
    ])?;
    fs::write(learner.work.join("progress.toml"), "lesson = \"x\"").map_err(|error| error.to_string())?;
    learner.dive(&["list"])?.ended_with(125)?.says(&["progress.toml", "reset --all"])?;
    learner.dive(&["reset", "--all"])?.ended_with(0).map(drop)
}
