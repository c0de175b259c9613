//! The sets of the calling thread: capget(2), capset(2), and the prctl(2) options about them.

use nix::errno::Errno;

use super::{Capability, Set, outcome};
use crate::error::{Error, Kind, Result};

/// `_LINUX_CAPABILITY_VERSION_3`, Linux 2.6.26: sets of 64 bits, in two halves.
const VERSION_3: u32 = 0x2008_0522;

/// Bits that a securebits(7) word can have: four and their locks, and the two of exec's checks (Linux 6.14) with
/// theirs.
const SECUREBITS: u32 = 0xfff;

/// `struct __user_cap_header_struct` of `linux/capability.h`; pid 0 is the calling thread.
#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

/// `struct __user_cap_data_struct`: one half, the lower first.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Half {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// The three sets that capset(2) writes at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sets {
    /// What counts when the kernel asks.
    pub effective: Set,
    /// What can be made effective.
    pub permitted: Set,
    /// What execve(2) may keep, where the file says so. Nothing that a container's configuration does not name
    /// belongs here.
    pub inheritable: Set,
}

impl Sets {
    /// Those of the calling thread, capget(2).
    pub fn of_self() -> Result<Self> {
        let (mut header, mut halves) = (Header { version: VERSION_3, pid: 0 }, [Half::default(); 2]);
        // SAFETY: version 3 writes two halves, which is what there is room for; both live through the call.
        let answer = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, halves.as_mut_ptr()) };
        outcome(answer, "capget(2)", "", "2.6.26")?;
        let [low, high] = halves;
        let set = |of: fn(&Half) -> u32| Set::from_bits(u64::from(of(&low)) | u64::from(of(&high)) << 32);
        Ok(Self {
            effective: set(|half| half.effective),
            permitted: set(|half| half.permitted),
            inheritable: set(|half| half.inheritable),
        })
    }

    /// Makes them those of the calling thread, capset(2). Errors: EPERM for a permitted capability that is not
    /// permitted now, an effective one that is not permitted, an inheritable one beyond the bounding set.
    pub fn apply(&self) -> Result<()> {
        #[expect(clippy::cast_possible_truncation, reason = "each half takes its 32 bits")]
        let half = |shift: u32| Half {
            effective: (self.effective.bits() >> shift) as u32,
            permitted: (self.permitted.bits() >> shift) as u32,
            inheritable: (self.inheritable.bits() >> shift) as u32,
        };
        let (mut header, halves) = (Header { version: VERSION_3, pid: 0 }, [half(0), half(32)]);
        // SAFETY: version 3 reads two halves, which is what there are; both live through the call.
        let answer = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, halves.as_ptr()) };
        let subject = format!("permitted {}, inheritable {}", self.permitted, self.inheritable);
        outcome(answer, "capset(2)", subject, "2.6.26").map(drop)
    }
}

/// The bounding set: what execve(2) can give at most.
pub fn bounding() -> Result<Set> {
    collect(|capability| {
        prctl("PR_CAPBSET_READ", capability, libc::PR_CAPBSET_READ, [capability.number().into(), 0])
    })
}

/// Takes out of the bounding set all but these. There is no way back. Errors: EPERM without `CAP_SETPCAP`.
pub fn drop_bounding(keep: Set) -> Result<()> {
    // One that is not in it any more is no error: asking for each first would be as many calls again.
    for capability in Set::known_to_kernel()?.difference(keep).iter() {
        prctl("PR_CAPBSET_DROP", capability, libc::PR_CAPBSET_DROP, [capability.number().into(), 0])?;
    }
    Ok(())
}

/// The ambient set (Linux 4.3): what a program without file capabilities keeps through execve(2).
pub fn ambient() -> Result<Set> {
    collect(|capability| ambient_call("PR_CAP_AMBIENT_IS_SET", libc::PR_CAP_AMBIENT_IS_SET, capability))
}

/// Adds one to the ambient set. Errors: EPERM unless it is permitted and inheritable, or where a securebit forbids.
pub fn raise_ambient(capability: Capability) -> Result<()> {
    ambient_call("PR_CAP_AMBIENT_RAISE", libc::PR_CAP_AMBIENT_RAISE, capability).map(drop)
}

/// Empties the ambient set.
pub fn clear_ambient() -> Result<()> {
    let all = libc::PR_CAP_AMBIENT_CLEAR_ALL.cast_unsigned().into();
    prctl("PR_CAP_AMBIENT_CLEAR_ALL", "", libc::PR_CAP_AMBIENT, [all, 0]).map(drop)
}

/// The securebits of the calling thread, `SECBIT_*`. (`PR_SET_KEEPCAPS`, which sets one of them, is nix's
/// `set_keepcaps`.)
pub fn securebits() -> Result<u32> {
    Ok(prctl("PR_GET_SECUREBITS", "", libc::PR_GET_SECUREBITS, [0, 0])?.cast_unsigned())
}

/// Sets them, all at once. Errors: [`Kind::Invalid`] for a bit that is none; EPERM without `CAP_SETPCAP`, or for one
/// that is locked.
pub fn set_securebits(bits: u32) -> Result<()> {
    if bits & !SECUREBITS != 0 {
        let reason = format!("{:#x} is no securebit", bits & !SECUREBITS);
        return Err(Error::refused(
            Kind::Invalid,
            "prctl(2) PR_SET_SECUREBITS",
            format!("{bits:#x}"),
            reason,
        ));
    }
    prctl("PR_SET_SECUREBITS", format_args!("{bits:#x}"), libc::PR_SET_SECUREBITS, [bits.into(), 0]).map(drop)
}

/// Asks for each capability that the kernel knows.
fn collect(holds: impl Fn(Capability) -> Result<i32>) -> Result<Set> {
    let mut held = Vec::new();
    for capability in Set::known_to_kernel()?.iter() {
        if holds(capability)? == 1 {
            held.push(capability);
        }
    }
    Ok(held.into_iter().collect())
}

fn ambient_call(name: &str, request: i32, capability: Capability) -> Result<i32> {
    let request = request.cast_unsigned().into();
    prctl(name, capability, libc::PR_CAP_AMBIENT, [request, capability.number().into()])
}

fn prctl(name: &str, subject: impl std::fmt::Display, option: i32, args: [libc::c_ulong; 2]) -> Result<i32> {
    // SAFETY: the options used here take integers, of which those not named have to be zero.
    let answer = unsafe { libc::prctl(option, args[0], args[1], 0 as libc::c_ulong, 0 as libc::c_ulong) };
    Errno::result(answer)
        .map_err(|errno| Error::call(format_args!("prctl(2) {name}"), subject.to_string(), errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field of /proc/thread-self/status, where the kernel tells the same in another way.
    fn told(field: &str) -> Set {
        let status = std::fs::read_to_string("/proc/thread-self/status").expect("status");
        let line = status.lines().find(|line| line.starts_with(field)).expect(field);
        Set::from_bits(u64::from_str_radix(line[field.len()..].trim(), 16).expect("hexadecimal"))
    }

    #[test]
    fn the_sets_are_those_that_procfs_tells() {
        let sets = Sets::of_self().expect("capget");
        assert_eq!(sets.effective, told("CapEff:"));
        assert_eq!(sets.permitted, told("CapPrm:"));
        assert_eq!(sets.inheritable, told("CapInh:"));
        assert_eq!(bounding().expect("read"), told("CapBnd:"));
        assert_eq!(ambient().expect("read"), told("CapAmb:"));
    }

    #[test]
    fn each_half_of_a_set_is_written_to_its_own_place() {
        // In a thread of its own: capset acts on one thread, and the others of this process keep theirs.
        let outcome = std::thread::spawn(|| {
            let before = Sets::of_self().expect("capget");
            let keep = Set::from_bits(1 << 5 | 1 << 39).intersection(before.permitted);
            Sets { effective: keep, permitted: keep, inheritable: Set::default() }.apply().expect("capset");
            assert_eq!(told("CapPrm:"), keep);
            let more = Sets { permitted: Set::known_to_kernel().expect("read"), ..Sets::default() };
            more.apply().expect_err("what was given up does not come back")
        });
        assert_eq!(outcome.join().expect("the thread").kind(), Kind::Denied);
    }

    #[test]
    fn what_is_no_securebit_is_refused() {
        assert_eq!(set_securebits(1 << 12).expect_err("no such bit").kind(), Kind::Invalid);
        assert_eq!(securebits().expect("read") & !SECUREBITS, 0);
    }
}
