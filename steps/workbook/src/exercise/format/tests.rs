use super::*;

const ABOUT: &str =
    "title = \"T\"\nminutes = 5\nasks = \"Do.\"\nmodule = \"m\"\nreplaces = [\"step_01::f\"]\n";
const RUN: &str = "[[run]]\nname = \"a\"\ntier = \"T1\"\nargs = [\"run\", \"true\"]\nkeep = [\"stdout\"]\n";
const HINTS: &str = "ladder = [\"why?\", \"page\", \"code\"]\n";

fn read(about: &str, hints: &str) -> std::result::Result<Exercise, String> {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("exercise.toml"), about).expect("write");
    fs::write(dir.path().join("hints.toml"), hints).expect("write");
    Exercise::read(Id { lesson: 1, number: 1 }, dir.path()).map_err(|error| error.to_string())
}

#[test]
fn an_exercise_is_read() {
    let exercise = read(&format!("{ABOUT}{RUN}"), HINTS).expect("an exercise");
    assert_eq!(exercise.about.runs[0].shown(), "container run true");
    assert_eq!((exercise.tiers().as_str(), exercise.about.runs[0].seconds), ("T1", 10));
}

#[test]
fn what_is_wrong_in_it_is_said() {
    let wrong = [
        (format!("{ABOUT}{RUN}{RUN}"), HINTS, "two runs are called"),
        (ABOUT.to_owned(), HINTS, "nothing is run"),
        (format!("tier = \"T2\"\n{ABOUT}{RUN}"), HINTS, "least tier"),
        (format!("{ABOUT}{RUN}").replace("stdout", "sdtout"), HINTS, "no fact \"sdtout\""),
        (format!("{ABOUT}{RUN}").replace("args", "arsg"), HINTS, "arsg"),
        (format!("{ABOUT}{RUN}").replace("\"m\"", "\"../m\""), HINTS, "no name of a module"),
        (format!("{ABOUT}{RUN}").replace("step_01::f", "f"), HINTS, "no path like"),
        (format!("{ABOUT}{RUN}").replace("keep = [\"stdout\"]", ""), HINTS, "at least one fact"),
        (format!("{ABOUT}{RUN}").replace("args = [\"run\", \"true\"]", "facts = []"), HINTS, "no facts.rs"),
        (format!("{ABOUT}{RUN}"), "ladder = [\"why?\"]", "three rungs"),
        (format!("{ABOUT}{RUN}"), &format!("{HINTS}[[seen]]\nname = \"n\"\nhint = \"h\"\n"), "fit anything"),
        (
            format!("{ABOUT}{RUN}"),
            &format!("{HINTS}[[seen]]\nname = \"n\"\nrun = \"b\"\nsays = \"E\"\nhint = \"h\"\n"),
            "no such run",
        ),
    ];
    for (about, hints, said) in wrong {
        let error = read(&about, hints).expect_err(said);
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn an_open_exercise_asks_and_runs_nothing() {
    let open = "title = \"T\"\nminutes = 5\nkind = \"open\"\nasks = \"Why?\"\n";
    assert!(read(&format!("{open}try = [\"ls\"]\nlook = [\"ls(1)\"]\n"), "").is_ok());
    assert!(read(open, "").is_err_and(|error| error.contains("something to try")));
    assert!(read(&format!("{open}{RUN}"), "").is_err_and(|error| error.contains("no runs")));
}
