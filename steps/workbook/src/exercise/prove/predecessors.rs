//! Whether each lesson brings anything: its predecessor must fail a case of it. The root package's tests have one such
//! case a lesson (`step-03 fails at what step-04 brings`), and are asked for those.

use std::process::{Command, Stdio};

use kit::{Doing, Result};

use crate::exercise::course::{Course, Which};

/// What came of the cases.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Cases {
    pub(crate) passed: usize,
    /// Each with its reason.
    pub(crate) skipped: Vec<String>,
    pub(crate) faults: Vec<String>,
}

/// Runs the cases of all lessons, or of one.
pub(crate) fn run(course: &Course, which: Option<Which>) -> Result<Cases> {
    let filter = match which {
        Some(Which::Lesson(lesson)) => format!("fails at what step-{lesson:02} brings"),
        _ => "fails at what step-".to_owned(),
    };
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(&course.root).args([
        "test",
        "--quiet",
        "--package",
        "docker-dive",
        "--test",
        "tests",
        "--",
        &filter,
    ]);
    let output = cargo.stdin(Stdio::null()).output().doing("execute", "cargo test")?;
    let text = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
    Ok(read(&text, output.status.success(), which))
}

fn read(text: &str, success: bool, which: Option<Which>) -> Cases {
    let count = |word: &str| -> Option<usize> {
        let line = text.lines().find(|line| line.starts_with("test result: "))?;
        line.split([';', '.']).find_map(|part| part.trim().strip_suffix(word)?.trim().parse().ok())
    };
    let skipped: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix("SKIP ")).map(str::to_owned).collect();
    let passed = count("passed").unwrap_or(0);
    let mut faults = Vec::new();
    if !success {
        faults.push(format!("a step passes what its successor brings, or that could not be tried:\n{text}"));
    } else if passed + skipped.len() == 0 && which != Some(Which::Lesson(0)) {
        faults.push("no case tells a step from its predecessor".to_owned());
    }
    Cases { passed, skipped, faults }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_tests_say_is_read() {
        let text = "running 5 tests\nSKIP step-02 fails at what step-03 brings: needs a shovel\n....\ntest result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 130 filtered out; finished in 1s\n";
        let cases = read(text, true, None);
        assert_eq!((cases.passed, cases.skipped.len(), cases.faults.len()), (4, 1, 0));
        assert_eq!(read(text, false, None).faults.len(), 1);
        let none =
            "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 130 filtered out; finished in 1s\n";
        assert_eq!(read(none, true, None).faults, ["no case tells a step from its predecessor"]);
        assert!(read(none, true, Some(Which::Lesson(0))).faults.is_empty(), "it has no predecessor");
    }
}
