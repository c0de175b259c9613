//! What the lessons promise, in one table.
//!
//! A behaviour says since which step it holds, and until which. It is run against each of those steps. A step that
//! taught nothing would go unnoticed so; therefore each step's predecessor must fail one of the behaviours that the
//! step brings.

use crate::kit::{Case, Lab, Need, Outcome, case, caught};

mod attacks;
mod cgroups;
mod chroot;
mod config;
mod confinement;
mod filters;
mod hooks;
mod killed;
mod lifecycle;
mod namespaces;
mod oci_config;
mod pivot_root;
mod plans;
mod readme;
mod runc;
mod security;
mod shape;
pub(crate) mod snapshots;
mod spawn;
mod step;
mod terminal;
mod threats;
mod undone;

pub(crate) use snapshots::snapshot;
pub(crate) use step::{Options, Step};

/// The newest step.
const LAST: u8 = 7;

/// One thing that steps do.
#[derive(Clone)]
pub(crate) struct Behaviour {
    name: &'static str,
    since: u8,
    /// The first step that it is run against; a lesson may bring a thing that is seen only later.
    first: u8,
    until: u8,
    needs: Vec<Need>,
    check: fn(&Lab, Step) -> Outcome,
}

/// A behaviour that every step has since this one.
pub(crate) fn since(step: u8, name: &'static str, check: fn(&Lab, Step) -> Outcome) -> Behaviour {
    let needs = if step == 0 { vec![] } else { vec![Need::Namespaces] };
    Behaviour { name, since: step, first: step, until: LAST, needs, check }
}

impl Behaviour {
    /// A later step changes it.
    pub(crate) fn until(self, step: u8) -> Self {
        Self { until: step, ..self }
    }

    /// It is seen from this step on: until then nothing inside shows it.
    pub(crate) fn not_before(self, step: u8) -> Self {
        Self { first: step, ..self }
    }

    /// It needs more than the namespaces that every step from 01 on needs.
    pub(crate) fn needs(mut self, need: Need) -> Self {
        self.needs.push(need);
        self
    }
}

fn behaviours() -> Vec<Behaviour> {
    let lessons = [
        spawn::behaviours(),
        chroot::behaviours(),
        namespaces::behaviours(),
        cgroups::behaviours(),
        pivot_root::behaviours(),
        oci_config::behaviours(),
        security::behaviours(),
        lifecycle::behaviours(),
        hooks::behaviours(),
        undone::behaviours(),
        terminal::behaviours(),
    ];
    lessons.into_iter().flatten().collect()
}

pub(crate) fn cases() -> Vec<Case> {
    let table = behaviours();
    let mut cases: Vec<_> = table.iter().flat_map(each_step).collect();
    cases.extend((1..=LAST).map(|step| predecessor_fails(step, &table)));
    cases.extend(attacks::cases());
    cases.extend(config::cases());
    cases.extend(confinement::cases());
    cases.extend(filters::cases());
    cases.extend(killed::cases());
    cases.extend(plans::cases());
    cases.extend(readme::cases());
    cases.extend(runc::cases());
    cases.extend(shape::cases());
    cases.extend(snapshots::cases());
    cases.extend(threats::cases());
    cases
}

/// Step 00 needs no namespaces, and step 03 is about control groups: without them it does not run at all.
fn needs_of(behaviour: &Behaviour, step: u8) -> Vec<Need> {
    let mut needs = behaviour.needs.clone();
    if step == 3 && !needs.contains(&Need::Cgroups) {
        needs.push(Need::Cgroups);
    }
    if step > 0 && !needs.contains(&Need::Namespaces) {
        needs.push(Need::Namespaces);
    }
    needs
}

fn each_step(behaviour: &Behaviour) -> Vec<Case> {
    let one = |step| {
        let check = behaviour.check;
        let name = format!("step-{step:02}: {}", behaviour.name);
        case(name, &needs_of(behaviour, step), move |lab| check(lab, Step(step)))
    };
    (behaviour.first..=behaviour.until).map(one).collect()
}

/// Without this, a lesson might be empty and nobody would see it.
fn predecessor_fails(step: u8, table: &[Behaviour]) -> Case {
    let brought: Vec<_> = table.iter().filter(|behaviour| behaviour.since == step).cloned().collect();
    let needs: Vec<_> = brought.iter().flat_map(|behaviour| needs_of(behaviour, step)).collect();
    let needs: Vec<_> =
        [Need::Namespaces, Need::Cgroups].into_iter().filter(|need| needs.contains(need)).collect();
    let name = format!("step-{:02} fails at what step-{step:02} brings", step - 1);
    case(name, &needs, move |lab| {
        let fails = |behaviour: &Behaviour| caught(|| (behaviour.check)(lab, Step(step - 1))).is_err();
        let failed = brought.iter().filter(|behaviour| fails(behaviour)).count();
        if failed > 0 {
            Ok(())
        } else {
            Err(format!("it passes all of: {:?}", brought.iter().map(|b| b.name).collect::<Vec<_>>()))
        }
    })
}
