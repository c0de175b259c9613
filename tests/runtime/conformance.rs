//! The runtime specification, sentence by sentence: what it says a runtime MUST or SHOULD do, asked from outside.
//!
//! The cases run against our runtime, or against the one that `DIVE_RUNTIME` names: `DIVE_RUNTIME=/usr/sbin/runc cargo
//! test -- spec:`. So a failure can be shown to be the runtime's and not the case's. /bin/false is the control: what it
//! passes asks nothing.

use std::path::{Path, PathBuf};

use crate::kit::{Case, Lab, Need, Outcome, case, caught};

mod bundle;
mod cgroups;
mod config;
mod devices;
mod hooks;
mod ledger;
mod lifecycle;
mod linux;
mod mounts;
mod process;
mod trial;

use trial::Trial;

/// The variable that names another runtime.
const RUNTIME: &str = "DIVE_RUNTIME";

/// One sentence of the specification.
#[derive(Clone, Copy)]
struct Clause {
    /// The document and its heading.
    section: &'static str,
    /// MUST or SHOULD.
    strength: Strength,
    /// What it demands, in our words.
    demands: &'static str,
    /// Whether the runtime does it.
    check: fn(&Trial<'_>) -> Outcome,
}

/// How much the specification insists (RFC 2119).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strength {
    Must,
    Should,
}

use Strength::{Must, Should};

const fn clause(
    section: &'static str,
    strength: Strength,
    demands: &'static str,
    check: fn(&Trial<'_>) -> Outcome,
) -> Clause {
    Clause { section, strength, demands, check }
}

fn clauses() -> Vec<Clause> {
    let all = [
        lifecycle::CLAUSES,
        config::CLAUSES,
        process::CLAUSES,
        mounts::CLAUSES,
        hooks::CLAUSES,
        linux::CLAUSES,
        devices::CLAUSES,
        cgroups::CLAUSES,
    ];
    all.concat()
}

const NEEDS: [Need; 3] = [Need::Root, Need::Cgroups, Need::Program("runc")];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = clauses().into_iter().map(sentence).collect();
    cases.push(case("spec: /bin/false passes for no runtime", &NEEDS, control));
    cases.push(case("spec: the ledger", &NEEDS, ledger::holds));
    cases
}

fn sentence(clause: Clause) -> Case {
    let name = format!("spec: {}: {}", clause.section, clause.demands);
    case(name, &NEEDS, move |lab| (clause.check)(&Trial::of(lab, &asked(lab))?))
}

/// The runtime that is asked.
fn asked(lab: &Lab) -> PathBuf {
    let ours = lab.bin("dive-runtime");
    let default = if ours.is_file() { ours } else { "runc".into() };
    std::env::var_os(RUNTIME).map_or(default, PathBuf::from)
}

/// A case that a runtime passes which does nothing and always fails would ask nothing.
fn control(lab: &Lab) -> Outcome {
    let trial = Trial::of(lab, Path::new("/bin/false"))?;
    let passed: Vec<_> = clauses()
        .iter()
        .filter(|clause| caught(|| (clause.check)(&trial)).is_ok())
        .map(|c| c.demands)
        .collect();
    if passed.is_empty() { Ok(()) } else { Err(format!("these ask nothing:\n{}", passed.join("\n"))) }
}
