//! Which devices the processes of a control group may use: a list on version 1, a program of our own on version 2.
//!
//! Version 2 has no file for it. It asks programs (`BPF_PROG_TYPE_CGROUP_DEVICE`, Linux 4.15, `kernel/bpf/cgroup.c`) at
//! each open(2) and mknod(2) of a device, and gives them its kind, its two numbers and what is wanted of it.
//! Version 1's list is older and coarser: `devices.allow` and `devices.deny` (cgroup-v1/devices.rst in the kernel's source).

use std::fmt::{self, Display};

mod filter;
mod program;

pub use filter::{attached, replace};
pub use program::{Instruction, Program};

/// One line of the list. Of those that fit, the last one counts; what none is about is forbidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Whether it allows.
    pub allow: bool,
    /// Which kind; both, if `None`.
    pub kind: Option<DeviceKind>,
    /// Which driver; all, if `None`.
    pub major: Option<u32>,
    /// Which of its devices; all, if `None`.
    pub minor: Option<u32>,
    /// What is wanted of it.
    pub access: Access,
}

/// What a device is (`BPF_DEVCG_DEV_*` of `linux/bpf.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// A disk and what looks like one.
    Block = 1,
    /// All others.
    Character = 2,
}

/// What is wanted of a device, as bits (`BPF_DEVCG_ACC_*` of `linux/bpf.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access(u8);

impl Access {
    /// `m`: a node for it is made.
    pub const MAKE: Self = Self(1);
    /// `r`
    pub const READ: Self = Self(2);
    /// `w`
    pub const WRITE: Self = Self(4);
    /// `rwm`
    pub const ALL: Self = Self(7);

    /// From letters of `rwm`; `None` for any other, and for no letter at all.
    pub fn from_letters(letters: &str) -> Option<Self> {
        let bit = |letter| match letter {
            'm' => Some(Self::MAKE.0),
            'r' => Some(Self::READ.0),
            'w' => Some(Self::WRITE.0),
            _ => None,
        };
        let bits = letters.chars().try_fold(0, |bits, letter| Some(bits | bit(letter)?))?;
        (bits != 0).then_some(Self(bits))
    }

    /// The bits, as the kernel hands them to a program.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = [(Self::READ, "r"), (Self::WRITE, "w"), (Self::MAKE, "m")];
        letters.iter().filter(|(bit, _)| self.0 & bit.0 != 0).try_for_each(|(_, letter)| f.write_str(letter))
    }
}

impl Rule {
    /// Whether it is about everything, so that no earlier one counts.
    pub fn covers_all(&self) -> bool {
        self.kind.is_none() && self.major.is_none() && self.minor.is_none() && self.access == Access::ALL
    }
}

/// What is written on version 1, in this order: the file's name in the group, and the line.
///
/// The kernel takes everything away or gives it with a line `a`, and then only keeps exceptions; a rule that takes a part
/// from a wider one is refused there with silence, so such lists belong on version 2.
pub fn version1(rules: &[Rule]) -> Vec<(&'static str, String)> {
    let meant = rules.iter().rposition(Rule::covers_all).unwrap_or(0);
    let first = rules.get(meant).is_some_and(Rule::covers_all);
    let nothing = (!first).then(|| ("devices.deny", "a".to_owned()));
    nothing.into_iter().chain(rules[meant..].iter().flat_map(lines)).collect()
}

fn lines(rule: &Rule) -> Vec<(&'static str, String)> {
    let file = if rule.allow { "devices.allow" } else { "devices.deny" };
    if rule.covers_all() {
        return vec![(file, "a".to_owned())];
    }
    let number = |number: Option<u32>| number.map_or_else(|| "*".to_owned(), |number| number.to_string());
    let line = |kind| (file, format!("{kind} {}:{} {}", number(rule.major), number(rule.minor), rule.access));
    // The kernel takes a line that begins with `a` for all devices, whatever follows in it.
    match rule.kind {
        Some(DeviceKind::Block) => vec![line('b')],
        Some(DeviceKind::Character) => vec![line('c')],
        None => vec![line('b'), line('c')],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_become_bits_and_letters() {
        let some = Access::from_letters("mr").expect("letters");
        assert_eq!((some, some.to_string().as_str()), (Access::READ.and(Access::MAKE), "rm"));
        assert_eq!(Access::from_letters("rwm"), Some(Access::ALL));
        assert_eq!((Access::from_letters(""), Access::from_letters("rx")), (None, None));
    }

    #[test]
    fn version_1_begins_with_nothing_and_keeps_what_counts() {
        let null = Rule {
            allow: true,
            kind: Some(DeviceKind::Character),
            major: Some(1),
            minor: Some(3),
            access: Access::ALL,
        };
        let all = |allow| Rule { allow, kind: None, major: None, minor: None, access: Access::ALL };
        let deny = || ("devices.deny", "a".to_owned());
        assert_eq!(version1(&[]), [deny()]);
        assert_eq!(version1(&[null]), [deny(), ("devices.allow", "c 1:3 rwm".to_owned())]);
        assert_eq!(version1(&[null, all(false)]), [deny()], "what a later line takes back is not given");
        assert_eq!(version1(&[all(false), all(true)]), [("devices.allow", "a".to_owned())]);
        let any = Rule { minor: None, access: Access::MAKE, ..null };
        assert_eq!(version1(&[all(false), any]), [deny(), ("devices.allow", "c 1:* m".to_owned())]);
        let both = [("devices.allow", "b 1:* m".to_owned()), ("devices.allow", "c 1:* m".to_owned())];
        assert_eq!(version1(&[Rule { kind: None, ..any }])[1..], both, "`a 1:* m` would give everything");
    }
}
