//! From names to instructions.
//!
//! ```text
//! load arch ── x86-64? ── load nr ── above bit 30? ── the tree of x32
//!      │                                 └─────────── the tree of x86-64
//!      ├────── i386? ──── load nr ── the tree of i386
//!      └────── end the process
//!
//! a tree:  is nr >= the middle? … a range of numbers with one answer ── return it
//!                                 a number with conditions ── compare its arguments ── return
//! ```
//!
//! A call is answered after some eight comparisons, where a list of rules takes hundreds.

use std::collections::BTreeMap;

use super::architecture::X32_BIT;
use super::assemble::{Assembler, Label, Test};
use super::syscalls::{Syscalls, multiplexed};
use super::{Action, Architecture, Compare, Condition, Policy, Program, Rule, refused};
use crate::error::Result;

// The offsets in `struct seccomp_data` (linux/seccomp.h).
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

/// What `BPF_MAXINSNS` of linux/bpf_common.h allows.
const LONGEST: usize = 4096;

/// Whoever comes with the mark of an architecture that is not listed is ended, whole.
const STRANGER: Action = Action::KillProcess;

/// The answers for one number: those with conditions, in their order, and what holds otherwise.
#[derive(Debug, Clone)]
struct Answer {
    conditional: Vec<(Vec<Condition>, Action)>,
    otherwise: Action,
    /// Some rule has said what holds in any case, and no other one counts any more.
    settled: bool,
}

pub(super) fn program(policy: &Policy) -> Result<Program> {
    let syscalls = Syscalls::read();
    let mut architectures = policy.architectures.clone();
    architectures.push(Architecture::NATIVE);
    architectures.sort_unstable();
    architectures.dedup();

    let mut assembler = Assembler::default();
    let mut next = assembler.ret(STRANGER.value());
    for architecture in architectures.iter().rev().filter(|a| **a != Architecture::X32) {
        let mut tree = Tree::of(policy, *architecture, &syscalls).assemble(&mut assembler);
        if *architecture == Architecture::X86_64 {
            let x32 = if architectures.contains(&Architecture::X32) {
                Tree::of(policy, Architecture::X32, &syscalls).assemble(&mut assembler)
            } else {
                assembler.ret(STRANGER.value())
            };
            tree = assembler.test(Test::GreaterOrEqual, X32_BIT, x32, tree);
        }
        let number = assembler.load(NUMBER, tree);
        next = assembler.test(Test::Equal, architecture.audit(), number, next);
    }
    let start = assembler.load(ARCHITECTURE, next);

    let instructions = assembler.finish(start);
    if instructions.len() > LONGEST {
        let reason = format!("{} instructions, of which the kernel takes {LONGEST}", instructions.len());
        return Err(refused("the whole profile", reason));
    }
    let unknown = policy.rules.iter().flat_map(|rule| &rule.names).filter(|name| {
        !architectures.iter().any(|architecture| syscalls.number(name, *architecture).is_some())
    });
    let notifies = policy.rules.iter().any(|rule| rule.action == Action::Notify);
    Ok(Program { instructions, notifies, unknown: unknown.cloned().collect() })
}

/// The answers of one architecture: each from its number to the next one's.
struct Tree {
    ranges: Vec<(u32, Answer)>,
    narrow: bool,
}

impl Tree {
    fn of(policy: &Policy, architecture: Architecture, syscalls: &Syscalls) -> Self {
        let fallback = Answer::always(policy.default);
        let mut answers: BTreeMap<u32, Answer> = BTreeMap::new();
        for rule in policy.rules.iter().filter(|rule| rule.action != policy.default) {
            for (number, alternatives) in numbers(rule, architecture, syscalls) {
                answers.entry(number).or_insert_with(|| fallback.clone()).add(alternatives, rule.action);
            }
        }
        let first = if architecture == Architecture::X32 { X32_BIT } else { 0 };
        let mut ranges = vec![(first, fallback.clone())];
        for (number, answer) in answers {
            ranges.push((number, answer));
            ranges.push((number + 1, fallback.clone()));
        }
        // Of two for one number the later one is meant; a range that answers as its neighbour is no range.
        ranges.dedup_by(|later, earlier| {
            later.0 == earlier.0 && {
                earlier.1 = later.1.clone();
                true
            }
        });
        ranges.dedup_by(|later, earlier| later.1.says_as(&earlier.1));
        if let Some(last) = last_known(policy, architecture, syscalls) {
            ranges.retain(|(start, _)| *start <= last);
            ranges.push((last + 1, Answer::always(Action::Errno(ENOSYS))));
        }
        Self { ranges, narrow: architecture.is_narrow() }
    }

    fn assemble(&self, assembler: &mut Assembler) -> Label {
        Self::split(&self.ranges, self.narrow, assembler)
    }

    fn split(ranges: &[(u32, Answer)], narrow: bool, assembler: &mut Assembler) -> Label {
        if let [(_, answer)] = ranges {
            return answer.assemble(narrow, assembler);
        }
        let (below, above) = ranges.split_at(ranges.len() / 2);
        let (middle, above) = (above[0].0, Self::split(above, narrow, assembler));
        let below = Self::split(below, narrow, assembler);
        assembler.test(Test::GreaterOrEqual, middle, above, below)
    }
}

/// A number, with the conditions of which any set is enough.
type Numbered = (u32, Vec<Vec<Condition>>);

/// The numbers that a rule is about.
fn numbers(rule: &Rule, architecture: Architecture, syscalls: &Syscalls) -> Vec<Numbered> {
    let alternatives = alternatives(&rule.conditions);
    let mut numbers = Vec::new();
    for name in &rule.names {
        if let Some(number) = syscalls.number(name, architecture) {
            numbers.push((number, alternatives.clone()));
        }
        let Some((number, which)) = multiplexed(name)
            .filter(|_| architecture == Architecture::X86)
            .and_then(|(name, which)| Some((syscalls.number(name, architecture)?, which)))
        else {
            continue;
        };
        // The arguments of such a call lie in memory, where no filter sees them: what would be permitted on a
        // condition is not, and what would be refused on one is.
        if rule.conditions.is_empty() || !rule.action.permits() {
            let this = Condition { argument: 0, compare: Compare::Equal(u64::from(which)) };
            numbers.push((number, vec![vec![this]]));
        }
    }
    numbers
}

/// Two conditions on one argument make alternatives of all of them.
fn alternatives(conditions: &[Condition]) -> Vec<Vec<Condition>> {
    let mut arguments: Vec<u8> = conditions.iter().map(|condition| condition.argument).collect();
    arguments.sort_unstable();
    arguments.dedup();
    if arguments.len() < conditions.len() {
        conditions.iter().map(|condition| vec![*condition]).collect()
    } else {
        vec![conditions.to_vec()]
    }
}

const ENOSYS: u16 = 38;

/// The highest number that the profile names, if those above it are to be told from the ones that it left out.
fn last_known(policy: &Policy, architecture: Architecture, syscalls: &Syscalls) -> Option<u32> {
    if policy.default.permits() || policy.default == Action::Errno(ENOSYS) {
        return None;
    }
    let names = policy.rules.iter().flat_map(|rule| &rule.names);
    names.filter_map(|name| syscalls.number(name, architecture)).max()
}

impl Answer {
    fn always(action: Action) -> Self {
        Self { conditional: Vec::new(), otherwise: action, settled: false }
    }

    fn add(&mut self, alternatives: Vec<Vec<Condition>>, action: Action) {
        for conditions in alternatives {
            if self.settled {
                return;
            }
            if conditions.is_empty() {
                *self = Self { settled: true, ..Self::always(action) };
            } else {
                self.conditional.push((conditions, action));
            }
        }
    }

    fn says_as(&self, other: &Self) -> bool {
        (&self.conditional, self.otherwise) == (&other.conditional, other.otherwise)
    }

    fn assemble(&self, narrow: bool, assembler: &mut Assembler) -> Label {
        let mut next = assembler.ret(self.otherwise.value());
        for (conditions, action) in self.conditional.iter().rev() {
            let no = next;
            next = assembler.ret(action.value());
            for condition in conditions.iter().rev() {
                next = condition.assemble(narrow, next, no, assembler);
            }
        }
        next
    }
}

impl Condition {
    fn assemble(self, narrow: bool, yes: Label, no: Label, assembler: &mut Assembler) -> Label {
        let argument = Argument { offset: ARGUMENTS + 8 * u32::from(self.argument), narrow };
        match self.compare {
            Compare::Equal(value) => argument.masked(u64::MAX, value, yes, no, assembler),
            Compare::NotEqual(value) => argument.masked(u64::MAX, value, no, yes, assembler),
            Compare::Masked { mask, value } => argument.masked(mask, value & mask, yes, no, assembler),
            Compare::Greater(value) => argument.above(Test::Greater, value, yes, no, assembler),
            Compare::LessOrEqual(value) => argument.above(Test::Greater, value, no, yes, assembler),
            Compare::GreaterOrEqual(value) => argument.above(Test::GreaterOrEqual, value, yes, no, assembler),
            Compare::Less(value) => argument.above(Test::GreaterOrEqual, value, no, yes, assembler),
        }
    }
}

/// An argument of 64 bits, of which the program can load 32 at a time.
struct Argument {
    offset: u32,
    narrow: bool,
}

impl Argument {
    fn masked(&self, mask: u64, value: u64, yes: Label, no: Label, assembler: &mut Assembler) -> Label {
        let (mask_high, mask_low) = halves(mask);
        let (high, low) = halves(value);
        let low = half(self.low(), mask_low, low, yes, no, assembler);
        if self.narrow { low } else { half(self.high(), mask_high, high, low, no, assembler) }
    }

    /// Greater, or greater or equal: decided by the high half, unless that is the same.
    fn above(&self, test: Test, value: u64, yes: Label, no: Label, assembler: &mut Assembler) -> Label {
        let (high, low) = halves(value);
        let next = assembler.test(test, low, yes, no);
        let low = assembler.load(self.low(), next);
        if self.narrow {
            return low;
        }
        let same = assembler.test(Test::Equal, high, low, no);
        let next = assembler.test(Test::Greater, high, yes, same);
        assembler.load(self.high(), next)
    }

    fn low(&self) -> u32 {
        self.offset + if cfg!(target_endian = "big") { 4 } else { 0 }
    }

    fn high(&self) -> u32 {
        self.offset + if cfg!(target_endian = "big") { 0 } else { 4 }
    }
}

/// Whether these bits of the word at an offset have this value.
fn half(at: u32, mask: u32, value: u32, yes: Label, no: Label, assembler: &mut Assembler) -> Label {
    let mut next = assembler.test(Test::Equal, value, yes, no);
    if mask != u32::MAX {
        next = assembler.and(mask, next);
    }
    assembler.load(at, next)
}

fn halves(value: u64) -> (u32, u32) {
    #[expect(clippy::cast_possible_truncation, reason = "the low half is what is asked for")]
    let low = value as u32;
    let high = (value >> 32) as u32;
    (high, low)
}
