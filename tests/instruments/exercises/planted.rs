//! The course's own check: `prove` with the faults planted that it is there for, in checkouts of the case's own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::{Learner, ROOT, exercise, holds, place, read};
use crate::kit::{Lab, Outcome};

/// A checkout made of links to this one, without its exercises.
pub(super) fn course(lab: &Lab, name: &str) -> Result<PathBuf, String> {
    let root = place(lab, name)?;
    let link = |from: PathBuf, to: PathBuf| {
        symlink(&from, &to).map_err(|error| format!("{}: {error}", to.display()))
    };
    for name in ["Cargo.toml", "Cargo.lock", ".cargo"] {
        link(Path::new(ROOT).join(name), root.join(name))?;
    }
    let steps = fs::read_dir(Path::new(ROOT).join("steps")).map_err(|error| error.to_string())?;
    let mut packages: Vec<_> =
        steps.flatten().map(|entry| format!("steps/{}", entry.file_name().to_string_lossy())).collect();
    packages.push("work".to_owned());
    for package in packages {
        fs::create_dir_all(root.join(&package)).map_err(|error| error.to_string())?;
        for part in ["Cargo.toml", "src"] {
            link(Path::new(ROOT).join(&package).join(part), root.join(&package).join(part))?;
        }
    }
    Ok(root)
}

/// Puts a copy of exercise 04.02 into the checkout, under another number and with another module; one wrong answer is
/// enough, and its hint.
fn copy_of_detach(course: &Path, number: u8) -> Result<PathBuf, String> {
    let (from, to) =
        (exercise("04.02"), course.join(format!("steps/04-pivot-root/exercises/{number:02}-planted")));
    for dir in ["", "wrong", "expected"] {
        fs::create_dir_all(to.join(dir)).map_err(|error| error.to_string())?;
        for entry in fs::read_dir(from.join(dir)).map_err(|error| error.to_string())?.flatten() {
            if entry.path().is_file() && (dir != "wrong" || entry.file_name() == "busy.rs") {
                fs::copy(entry.path(), to.join(dir).join(entry.file_name()))
                    .map_err(|error| error.to_string())?;
            }
        }
    }
    let hints = read(&from.join("hints.toml"))?;
    let pieces =
        hints.split("[[seen]]").filter(|piece| !piece.contains("name = ") || piece.contains("\"busy\""));
    fs::write(to.join("hints.toml"), pieces.collect::<Vec<_>>().join("[[seen]]"))
        .map_err(|error| error.to_string())?;
    change(&to.join("exercise.toml"), "module = \"pivot\"", &format!("module = \"pivot_{number}\""))?;
    Ok(to)
}

/// Plants a fault; the text that it replaces must be there.
pub(super) fn change(path: &Path, old: &str, new: &str) -> Outcome {
    let text = read(path)?;
    if !text.contains(old) {
        return Err(format!("{} does not hold {old:?}", path.display()));
    }
    fs::write(path, text.replace(old, new)).map_err(|error| error.to_string())
}

/// Each copy has one fault, and prove names it; the copy without a fault is not named.
pub(super) fn planted(lab: &Lab) -> Outcome {
    let course = course(lab, "planted")?;
    let copy = |number| copy_of_detach(&course, number);
    copy(90)?;
    let stub = copy(91)?;
    fs::copy(stub.join("solution.rs"), stub.join("stub.rs")).map_err(|error| error.to_string())?;
    let other_hint = copy(92)?;
    change(&other_hint.join("wrong/busy.rs"), "hint: busy", "hint: another")?;
    let right = copy(93)?;
    let solution = format!("// hint: busy\n{}", read(&right.join("solution.rs"))?);
    fs::write(right.join("wrong/right.rs"), solution).map_err(|error| error.to_string())?;
    let snapshot = copy(94)?;
    change(&snapshot.join("expected/walk-out.snap"), "BLOCKED(ENOENT)", "ESCAPED")?;
    let broken = copy(95)?;
    change(&broken.join("stub.rs"), "Err(todo", "Er(todo")?;
    let silent = copy(96)?;
    let hint = "\n[[seen]]\nname = \"never\"\nsays = \"EXDEV\"\nhint = \"h\"\n";
    fs::write(silent.join("hints.toml"), read(&silent.join("hints.toml"))? + hint)
        .map_err(|error| error.to_string())?;
    let missing = copy(97)?;
    fs::remove_file(missing.join("expected/above.snap")).map_err(|error| error.to_string())?;
    let leak = copy(98)?;
    change(
        &leak.join("solution.rs"),
        "    chdir(root)",
        "    let _ = std::fs::create_dir(\"/dev/shm/docker-dive.x\");\n    chdir(root)",
    )?;
    change(
        &leak.join("solution.rs"),
        "docker-dive.x\"",
        &format!(
            "{}\"",
            "docker-dive.\".to_owned() + &std::env::var(\"DOCKER_DIVE_LAB\").unwrap_or_default() + \".x"
        ),
    )?;

    let learner = Learner::new(lab, "planted-work", &course)?;
    let ran = learner.dive(&["prove", "04.90"])?.ended_with(0)?;
    holds(&ran, &["solution.rs", "passed at T1", "fails; hint: busy"])?;
    let ran = learner.dive(&["prove"])?;
    holds(
        &ran,
        &[
            "04.91 stub.rs: the stub passes",
            "04.92 wrong/busy.rs: the hint \"another\" should fit, and \"busy\" does",
            "04.93 wrong/right.rs: the wrong answer passes",
            "04.94 solution.rs: the solution fails \"walk-out\"",
            "04.95 stub.rs: does not compile",
            "04.96: no wrong answer shows that the hint \"never\" fires",
            "04.97 solution.rs: read",
            "04.98 solution.rs: the solution fails \"tree\"\n  left behind: expected [\"nothing\"], seen [\"file /dev/shm/docker-dive.ID",
            "there is no book/src here",
        ],
    )?;
    let named = |fault: &&&str| ran.stdout.contains(&format!("\n04.90{fault}"));
    assert_eq!([" stub", " solution", " wrong", ": "].iter().find(named), None, "{}", ran.stdout);
    assert_eq!(ran.status, 1);
    Ok(())
}

/// Facts of a program without a kernel, a script with a process of the host's, another user, mounts that propagate.
pub(super) fn each_way(lab: &Lab) -> Outcome {
    let course = course(lab, "each-way")?;
    let dir = course.join("steps/02-namespaces/exercises/90-each-way");
    for part in ["wrong", "expected"] {
        fs::create_dir_all(dir.join(part)).map_err(|error| error.to_string())?;
    }
    let header = "---\nsource: exercise.toml\n---\n";
    let snapshot = |facts: &str| format!("{header}exit status: 0\n{facts}left behind: nothing\n");
    let map = "uid map: 0:CALLER:1\nsetgroups: deny\n";
    let module = |answer: u8, call: &str| {
        format!(
            "pub fn answer() -> u8 {{\n    {answer}\n}}\npub fn make_private() -> kit::Result<()> {{\n    {call}\n}}\n"
        )
    };
    let whole = "step_02::mounts::make_private()";
    let files = [
        ("exercise.toml", EACH_WAY.to_owned()),
        ("hints.toml", EACH_HINT.to_owned()),
        ("facts.rs", "mod private;\nfn main() {\n    kit::start();\n    println!(\"answer: {}\", private::answer());\n}\n".to_owned()),
        ("stub.rs", module(0, "Err(kit::todo(\"02.90\"))")),
        ("solution.rs", module(42, whole)),
        ("wrong/number.rs", format!("// hint: number\n{}", module(41, whole))),
        ("wrong/shared.rs", format!("// hint: shared\n{}", module(42, "Ok(())"))),
        ("wrong/waits.rs", format!("// hint: waits\n{}", module(42, "loop {\n        std::thread::park();\n    }"))),
        ("expected/pure.snap", snapshot("answer: 42\n")),
        ("expected/victim.snap", snapshot("attack: BLOCKED(ESRCH)\nfile: made\nstatus: 7\n")),
        ("expected/user.snap", snapshot(map)),
        ("expected/shared.snap", snapshot("propagation: private\n")),
    ];
    for (name, text) in files {
        fs::write(dir.join(name), text).map_err(|error| error.to_string())?;
    }
    let learner = Learner::new(lab, "each-way-work", &course)?;
    let ran = learner.dive(&["prove", "02.90"])?.ended_with(0)?;
    let is_root = kit::Tier::of_self() == kit::Tier::Root;
    let skipped = "solution.rs      passed at T0, T1; T1 skipped: it needs root: cargo dive check --sudo";
    holds(&ran, &["wrong/number.rs  fails; hint: number", "wrong/waits.rs   fails; hint: waits"])?;
    holds(&ran, &[if is_root { "wrong/shared.rs  fails; hint: shared" } else { skipped }])
}

const EACH_WAY: &str = r#"
title = "Each way"
minutes = 1
tier = "T0"
module = "private"
replaces = ["step_02::mounts::make_private"]
asks = "See."

[[run]]
name = "pure"
tier = "T0"
facts = []

[[run]]
name = "victim"
tier = "T1"
seconds = 2
prepare = "echo made > $DIR/file"
script = """
"$CONTAINER" run /bin/guest attack A3 "$VICTIM" | sed 's/^/attack: /'
echo "file: $(cat $DIR/file)"
"$CONTAINER" run sh -c 'exit 7'; echo "status: $?"
"""

[[run]]
name = "user"
tier = "T1"
as = "user"
seconds = 2
args = ["run", "/bin/guest", "report", "--json"]
keep = ["uid map", "setgroups"]

[[run]]
name = "shared"
tier = "T1"
shared = true
seconds = 2
args = ["run", "/bin/guest", "report", "--json"]
keep = ["propagation"]
"#;

const EACH_HINT: &str = r#"
ladder = ["a question", "a page", "the code"]

[[seen]]
name = "number"
run = "pure"
fact = "answer"
has = "41"
hint = "one more"

[[seen]]
name = "shared"
run = "shared"
fact = "left behind"
has = "mount "
hint = "what is mounted inside is seen outside"
"#;
