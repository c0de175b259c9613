//! Capability sets as a person reads them: by the name of a group where one fits.

use std::fs;

use guest::{capability, report};
use serde::{Deserialize, Serialize};

/// The five sets of capabilities(7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// What it may use.
    pub permitted: Set,
    /// What it uses.
    pub effective: Set,
    /// What may pass through execve(2) with a file's consent.
    pub inheritable: Set,
    /// What no execve(2) can exceed.
    pub bounding: Set,
    /// What passes through execve(2) without privilege.
    pub ambient: Set,
}

/// A set of capabilities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Set {
    /// As the kernel has it.
    pub mask: u64,
    /// By name, in the kernel's order.
    pub names: Vec<String>,
}

/// What Docker, Podman and containerd leave to root in a container unless told otherwise.
const DOCKER: u64 = 0xa804_25fb;

/// Up to so many names are said one by one behind the name of a group.
const FEW: u32 = 6;

impl From<report::Capabilities> for Capabilities {
    fn from(sets: report::Capabilities) -> Self {
        Self {
            permitted: Set::of(sets.permitted),
            effective: Set::of(sets.effective),
            inheritable: Set::of(sets.inheritable),
            bounding: Set::of(sets.bounding),
            ambient: Set::of(sets.ambient),
        }
    }
}

impl Capabilities {
    /// Each set with its name, the most telling first.
    pub fn each(&self) -> [(&'static str, &Set); 5] {
        [
            ("effective", &self.effective),
            ("permitted", &self.permitted),
            ("inheritable", &self.inheritable),
            ("bounding", &self.bounding),
            ("ambient", &self.ambient),
        ]
    }
}

impl Set {
    /// The set with that mask.
    pub fn of(mask: u64) -> Self {
        Self { mask, names: capability::names(mask) }
    }

    /// `all`, `none`, `Docker's fourteen and CAP_NET_ADMIN`, or a list; `all` is what this kernel knows.
    pub fn phrase(&self, all: u64) -> String {
        let (mask, dropped) = (self.mask, all & !self.mask);
        if mask == 0 {
            return "none".into();
        }
        if dropped == 0 {
            return "all".into();
        }
        if mask & DOCKER == DOCKER && (mask & !DOCKER).count_ones() <= FEW {
            return join("Docker's fourteen", " and ", mask & !DOCKER);
        }
        if dropped.count_ones() <= FEW {
            return join("all", " but ", dropped);
        }
        let missing = DOCKER & !mask;
        if mask & !DOCKER == 0 && missing.count_ones() < mask.count_ones() {
            return join("Docker's fourteen", " but ", missing);
        }
        self.names.join(" ")
    }
}

fn join(group: &str, word: &str, rest: u64) -> String {
    if rest == 0 { group.to_owned() } else { format!("{group}{word}{}", capability::names(rest).join(" ")) }
}

/// The mask of all the capabilities that this kernel knows.
pub fn all() -> u64 {
    let last = fs::read_to_string("/proc/sys/kernel/cap_last_cap").ok();
    let last = last.and_then(|text| text.trim().parse::<usize>().ok());
    let count = last.map_or(capability::NAMES.len(), |last| last + 1).min(63);
    (1 << count) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u64 = (1 << 41) - 1;

    #[test]
    fn a_set_has_the_name_of_the_group_that_it_is() {
        assert_eq!(Set::of(ALL).phrase(ALL), "all");
        assert_eq!(Set::of(0).phrase(ALL), "none");
        assert_eq!(Set::of(DOCKER).phrase(ALL), "Docker's fourteen");
        assert_eq!(Set::of(DOCKER).names.len(), 14);
    }

    #[test]
    fn a_bit_more_or_less_is_said() {
        assert_eq!(Set::of(ALL & !(1 << 24)).phrase(ALL), "all but CAP_SYS_RESOURCE");
        assert_eq!(Set::of(DOCKER | 1 << 12).phrase(ALL), "Docker's fourteen and CAP_NET_ADMIN");
        assert_eq!(Set::of(DOCKER & !(1 << 13)).phrase(ALL), "Docker's fourteen but CAP_NET_RAW");
    }

    #[test]
    fn a_small_set_is_a_list() {
        assert_eq!(Set::of(1 << 5 | 1 << 10).phrase(ALL), "CAP_KILL CAP_NET_BIND_SERVICE");
        assert_eq!(Set::of(1 << 21).phrase(ALL), "CAP_SYS_ADMIN");
    }

    #[test]
    fn an_older_kernel_has_fewer_and_they_are_all() {
        assert_eq!(Set::of((1 << 38) - 1).phrase((1 << 38) - 1), "all");
    }
}
