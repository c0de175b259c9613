//! The ledger: each sentence, and what each runtime makes of it.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::trial::Trial;
use super::{Must, clauses};
use crate::kit::{Lab, Outcome, caught};

/// The runtimes of the ledger that are there, ours first.
fn runtimes(lab: &Lab) -> Vec<(&'static str, PathBuf)> {
    let ours = lab.bin("dive-runtime");
    let mut all = vec![("runc", PathBuf::from("runc")), ("crun", PathBuf::from("crun"))];
    if ours.is_file() {
        all.insert(0, ("dive-runtime", ours));
    }
    all
}

/// A page of the book shows this snapshot, so it is compared whole; the reasons that a runtime gives are left out, for
/// they hold paths.
pub(super) fn holds(lab: &Lab) -> Outcome {
    let mut columns = Vec::new();
    for (name, program) in runtimes(lab) {
        columns.push((name, column(lab, &program)?));
        // Another runtime may leave a group now and then, which goes here; from ours it would be a fault.
        let left = lab.lab().leaks().map_err(|error| error.to_string())?;
        assert!(name != "dive-runtime" || left.is_empty(), "{}", left.join("\n"));
    }
    let mut table = String::new();
    let mut line = |words: &[&str], what: &str| {
        for word in words {
            let _ = write!(table, "{word:<14}");
        }
        let _ = writeln!(table, "{what}");
    };
    line(&columns.iter().map(|(name, _)| *name).collect::<Vec<_>>(), "");
    let mut section = "";
    for (number, clause) in clauses().iter().enumerate() {
        if clause.section != section {
            section = clause.section;
            line(&[], &format!("\n{section}"));
        }
        let verdicts: Vec<_> =
            columns.iter().map(|(_, column)| if column[number] { "yes" } else { "NO" }).collect();
        let strength = if clause.strength == Must { "MUST" } else { "SHOULD" };
        line(&verdicts, &format!("{strength:<6}  {}", clause.demands));
    }
    let command = "cargo test -- \"spec: the ledger\"";
    crate::steps::snapshots::snapshot("conformance", command, &table);
    Ok(())
}

/// Whether this runtime does what each sentence demands.
fn column(lab: &Lab, program: &Path) -> Result<Vec<bool>, String> {
    let trial = Trial::of(lab, program)?;
    Ok(clauses()
        .iter()
        .map(|clause| {
            // On a busy machine a runtime may only be late: a NO is what stays one.
            let mut outcome = caught(|| (clause.check)(&trial));
            for _ in 0..2 {
                if outcome.is_err() {
                    outcome = caught(|| (clause.check)(&trial));
                }
            }
            if let Err(reason) = &outcome {
                eprintln!("{}: {}: {reason}", program.display(), clause.demands);
            }
            outcome.is_ok()
        })
        .collect())
}
