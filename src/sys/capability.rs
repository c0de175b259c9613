//! What a process may do: the sets of capabilities, by name (capabilities(7)).
//!
//! The calls here act on the calling thread; a process that uses them has one ([`task::alone`](super::task::alone)).
//! In which order they are made is the caller's knowledge: each set limits what can still be put into another.

use std::fmt::{self, Debug, Display};
use std::str::FromStr;

use super::outcome;
use crate::error::{Error, Kind, Result};

mod names;
mod sets;
pub use sets::{
    Sets, ambient, bounding, clear_ambient, drop_bounding, raise_ambient, securebits, set_securebits,
};

use names::NAMES;

/// One capability, by its number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability(u8);

impl Capability {
    /// Its number in the kernel's `capability.h`, which is its bit in a set.
    pub fn number(self) -> u8 {
        self.0
    }
}

/// `CAP_CHOWN`. Errors: [`Kind::Invalid`] for what no kernel up to 6.x has.
impl FromStr for Capability {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let number =
            NAMES.iter().position(|known| *known == name).and_then(|number| u8::try_from(number).ok());
        number.map(Self).ok_or_else(|| {
            Error::refused(Kind::Invalid, "look up the capability", name, "no such capability is known")
        })
    }
}

/// Its name; a number that has none here is `CAP_<number>`.
impl Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.get(usize::from(self.0)) {
            Some(name) => f.write_str(name),
            None => write!(f, "CAP_{}", self.0),
        }
    }
}

impl Debug for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// A set of capabilities.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Set(u64);

impl Set {
    /// The set with these bits, as `/proc/PID/status` has them in hexadecimal.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Bit N stands for capability N.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// All that this kernel knows. Errors: as [`last`].
    pub fn known_to_kernel() -> Result<Self> {
        Ok(Self::up_to(last()?))
    }

    /// Whether it holds none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether it holds this one.
    pub fn contains(self, capability: Capability) -> bool {
        self.0 >> capability.0 & 1 == 1
    }

    /// What both hold.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What this one holds and the other does not.
    #[must_use]
    pub fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Those in it, by number.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        (0..64).map(Capability).filter(move |capability| self.contains(*capability))
    }

    fn up_to(last: u8) -> Self {
        Self(u64::MAX >> (63 - last))
    }
}

impl FromIterator<Capability> for Set {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        Self(capabilities.into_iter().fold(0, |bits, capability| bits | 1 << capability.0))
    }
}

/// Their names, joined as C would have them.
impl Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(|capability| capability.to_string()).collect();
        f.write_str(&names.join("|"))
    }
}

impl Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x} {self}", self.0)
    }
}

/// The highest capability that this kernel knows, by `/proc/sys/kernel/cap_last_cap` (Linux 3.2). Errors: those of
/// reading it; [`Kind::System`] if there is no such number in it.
pub fn last() -> Result<u8> {
    let path = "/proc/sys/kernel/cap_last_cap";
    let text = super::file::text(path)?;
    parse_last(&text)
        .ok_or_else(|| Error::refused(Kind::System, "read", path, format!("{text:?} is no capability")))
}

fn parse_last(text: &str) -> Option<u8> {
    text.trim().parse().ok().filter(|last| *last < 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bits_are_those_of_the_manual() {
        let numbers = [("CAP_CHOWN", 0), ("CAP_SYS_ADMIN", 21), ("CAP_CHECKPOINT_RESTORE", 40)];
        for (name, number) in numbers {
            let capability: Capability = name.parse().expect(name);
            assert_eq!((capability.number(), capability.to_string()), (number, name.to_owned()));
        }
        let set: Set =
            ["CAP_CHOWN", "CAP_SYS_ADMIN"].iter().map(|name| name.parse().expect("known")).collect();
        assert_eq!((set.bits(), set.to_string().as_str()), (0x20_0001, "CAP_CHOWN|CAP_SYS_ADMIN"));
        assert_eq!(Set::from_bits(1 << 63).to_string(), "CAP_63");
    }

    #[test]
    fn every_name_is_its_own_and_unknown_ones_are_refused() {
        for (number, name) in NAMES.iter().enumerate() {
            assert_eq!(usize::from(name.parse::<Capability>().expect(name).number()), number);
        }
        for name in ["", "CHOWN", "cap_chown", "CAP_CHOWN ", "CAP_64"] {
            assert_eq!(name.parse::<Capability>().expect_err("unknown").kind(), Kind::Invalid, "{name:?}");
        }
    }

    #[test]
    fn sets_combine() {
        let (low, high) = (Set::from_bits(0b0111), Set::from_bits(0b1110));
        assert_eq!(low.intersection(high).bits(), 0b0110);
        assert_eq!(low.difference(high).bits(), 0b0001);
        assert_eq!(Set::up_to(40).bits(), 0x1ff_ffff_ffff);
        assert_eq!(Set::up_to(63).bits(), u64::MAX);
    }

    #[test]
    fn the_last_capability_is_a_bit_of_a_set() {
        assert_eq!(parse_last("40\n"), Some(40));
        assert_eq!(["", "64", "-1", "forty"].map(parse_last), [None; 4]);
        assert_eq!(
            usize::from(last().expect("read")) + 1,
            NAMES.len(),
            "a kernel with capabilities new to us"
        );
    }
}
