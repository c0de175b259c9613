//! The page on threats names a test beside each boundary; each of them has to be there.

use std::process::Command;

use crate::kit::{Case, Outcome, case};

/// The page, as it is written.
const PAGE: &str = include_str!("../../book/src/finale/threat-model.md");
/// How the page names a test; the name stands between this and a quote.
const NAMED: &str = "`cargo test -- '";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("threats: each test that the page names is there", &[], |_| {
            let names = names(PAGE);
            assert!(names.len() >= 10, "the page names hardly a test: {names:?}");
            are_there(&names, &every_case()?)
        }),
        case("threats: a test that is not there is noticed", &[], |_| {
            let every = every_case()?;
            assert_eq!(names("| `cargo test -- 'pid 1'`, `cargo test -- 'no such'` |"), ["pid 1", "no such"]);
            are_there(&["threats: a test"], &every)?;
            assert!(are_there(&["threats: a test", "no such test"], &every).is_err());
            Ok(())
        }),
    ]
}

fn names(page: &str) -> Vec<&str> {
    page.split(NAMED).skip(1).filter_map(|rest| rest.split_once('\'').map(|(name, _)| name)).collect()
}

/// As the reader's command would find them: by a part of a name.
fn are_there(names: &[&str], cases: &[String]) -> Outcome {
    let missing = |name: &&&str| !cases.iter().any(|case| case.contains(**name));
    match names.iter().find(missing) {
        None => Ok(()),
        Some(name) => Err(format!("`cargo test -- '{name}'` would run nothing")),
    }
}

/// The names of all cases of this binary.
fn every_case() -> Result<Vec<String>, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let listed = Command::new(this).arg("--list").env_remove("DIVE_CASE").output();
    let text = String::from_utf8_lossy(&listed.map_err(|error| error.to_string())?.stdout).into_owned();
    Ok(text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}
