//! The runtime specification, sentence by sentence: what it says a runtime MUST or SHOULD do, asked from outside.
//!
//! The ledger asks each runtime that is there for each sentence. `DIVE_RUNTIME=/usr/sbin/runc cargo test -- spec:` asks one
//! of them, a case a sentence, with the reason of each failure. /bin/false is the control: what it passes asks nothing.

use std::path::{Path, PathBuf};

use super::RUNTIME;
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

const NEEDS: [Need; 4] = [Need::Root, Need::Cgroups, Need::Program("runc"), Need::Program("crun")];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        case("spec: /bin/false does nothing that is demanded", &NEEDS, control),
        case("spec: the ledger", &NEEDS, ledger::holds),
    ];
    if let Some(runtime) = std::env::var_os(RUNTIME) {
        cases.extend(clauses().into_iter().map(|clause| sentence(clause, PathBuf::from(&runtime))));
    }
    cases
}

fn sentence(clause: Clause, runtime: PathBuf) -> Case {
    let name = format!("spec: {}: {}", clause.section, clause.demands);
    case(name, &NEEDS, move |lab| (clause.check)(&Trial::of(lab, &runtime)?))
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
