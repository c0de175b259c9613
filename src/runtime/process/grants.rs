//! The capabilities of a process: five sets, in the order in which the kernel lets them be set.

use crate::error::{Error, Kind, Result};
use crate::oci::process::Capabilities;
use crate::sys::capability::{self, Capability, Set, Sets};

/// What a process is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::runtime) struct Grants {
    bounding: Set,
    effective: Set,
    permitted: Set,
    inheritable: Set,
    ambient: Set,
}

impl Grants {
    /// Those that a configuration names; none if it names none. A name that is unknown, or a capability that its own sets do
    /// not allow, is left out: the specification says that this is to be warned of, and not to fail.
    pub(in crate::runtime) fn of(named: Option<&Capabilities>) -> (Self, Vec<String>) {
        let mut warnings = Vec::new();
        let Some(named) = named else { return (Self::default(), warnings) };
        let mut set = |field: &str, names: &[String]| {
            let mut known = Vec::new();
            for name in names {
                match name.parse::<Capability>() {
                    Ok(capability) => known.push(capability),
                    Err(_) => warnings
                        .push(format!("process.capabilities.{field}: {name:?} is unknown and left out")),
                }
            }
            known.into_iter().collect::<Set>()
        };
        let mut grants = Self {
            bounding: set("bounding", &named.bounding),
            effective: set("effective", &named.effective),
            permitted: set("permitted", &named.permitted),
            inheritable: set("inheritable", &named.inheritable),
            ambient: set("ambient", &named.ambient),
        };
        let mut within = |field: &str, set: &mut Set, limit: Set, of: &str| {
            let beyond = set.difference(limit);
            if !beyond.is_empty() {
                warnings.push(format!("process.capabilities.{field}: {beyond} is not {of}, and left out"));
            }
            *set = set.intersection(limit);
        };
        within("effective", &mut grants.effective, grants.permitted, "permitted");
        within(
            "ambient",
            &mut grants.ambient,
            grants.permitted.intersection(grants.inheritable),
            "permitted and inheritable",
        );
        (grants, warnings)
    }

    /// Leaves out what this process cannot give: what it has not itself.
    pub(in crate::runtime) fn within(&mut self, own: Set) -> Vec<String> {
        let mut warnings = Vec::new();
        for (field, set) in [
            ("bounding", &mut self.bounding),
            ("effective", &mut self.effective),
            ("permitted", &mut self.permitted),
            ("inheritable", &mut self.inheritable),
            ("ambient", &mut self.ambient),
        ] {
            let beyond = set.difference(own);
            if !beyond.is_empty() {
                warnings.push(format!(
                    "process.capabilities.{field}: {beyond} cannot be granted, and is left out"
                ));
            }
            *set = set.intersection(own);
        }
        warnings
    }

    /// Takes all others out of the bounding set: while there is still the capability to do so.
    pub(super) fn limit(&self) -> Result<()> {
        capability::drop_bounding(self.bounding)
    }

    /// Sets the other four, and reads back what is so afterwards.
    pub(super) fn apply(&self) -> Result<()> {
        let sets =
            Sets { effective: self.effective, permitted: self.permitted, inheritable: self.inheritable };
        sets.apply()?;
        capability::clear_ambient()?;
        for one in self.ambient.iter() {
            capability::raise_ambient(one)?;
        }
        let now = Sets::of_self()?;
        if now == sets {
            return Ok(());
        }
        Err(Error::refused(Kind::System, "capset(2)", "", format!("{now:?} afterwards, and not {sets:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(
        bounding: &[&str],
        permitted: &[&str],
        effective: &[&str],
        inheritable: &[&str],
        ambient: &[&str],
    ) -> Capabilities {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Capabilities {
            bounding: names(bounding),
            permitted: names(permitted),
            effective: names(effective),
            inheritable: names(inheritable),
            ambient: names(ambient),
        }
    }

    #[test]
    fn what_cannot_be_granted_is_warned_of_and_left_out() {
        let (grants, warnings) = Grants::of(Some(&named(
            &["CAP_KILL", "CAP_SING"],
            &["CAP_KILL"],
            &["CAP_KILL", "CAP_CHOWN"],
            &[],
            &["CAP_KILL"],
        )));
        assert_eq!(grants.bounding, grants.permitted);
        assert_eq!(grants.effective, grants.permitted);
        assert!(grants.ambient.is_empty() && grants.inheritable.is_empty());
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        assert!(warnings[0].contains("CAP_SING") && warnings[1].contains("CAP_CHOWN"), "{warnings:?}");
    }

    #[test]
    fn without_a_list_nothing_is_granted() {
        assert_eq!(Grants::of(None), (Grants::default(), Vec::new()));
    }

    #[test]
    fn nobody_grants_what_they_have_not() {
        let all = ["CAP_KILL", "CAP_CHOWN"];
        let (mut grants, _) = Grants::of(Some(&named(&all, &all, &all, &all, &all)));
        let own: Set = [all[0].parse().expect("known")].into_iter().collect();
        assert_eq!(grants.within(own).len(), 5);
        assert_eq!((grants.bounding, grants.ambient), (own, own));
    }
}
