//! Capabilities: the parts that root's power was cut into (Linux 2.2), and the five sets that a process has of
//! them (capabilities(7)).
//!
//! - *permitted*: what it may turn on; *effective*: what is on, and what the kernel asks for
//! - *bounding*: the most that execve(2) will ever give; what is dropped here is gone for good
//! - *inheritable*: what a program file with capabilities of its own may add; without such a file, nothing
//! - *ambient*: what stays through execve(2) for who is not root; each must be permitted and inheritable
//!
//! There is no call for all five. capset(2) has three of them, prctl(2) the other two, one capability a call.

use guest::capability::{NAMES, names};
use kit::{Doing, Error, Result, term};
use nix::errno::Errno;
use step_05::field::Field;

/// The five sets. Bit N stands for capability N.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sets {
    /// The most that execve(2) gives.
    pub bounding: u64,
    /// What is on.
    pub effective: u64,
    /// What may be turned on.
    pub permitted: u64,
    /// What a program file may add.
    pub inheritable: u64,
    /// What stays without a program file's help.
    pub ambient: u64,
}

impl Sets {
    /// `process.capabilities`. Whoever names none gets none, and so with each set.
    pub fn from_field(capabilities: Option<&Field<'_>>) -> Result<Self> {
        let Some(field) = capabilities else { return Ok(Self::default()) };
        let set = |key: &str| -> Result<u64> {
            let list = field.get(key)?.map_or(Ok(vec![]), |list| list.list())?;
            list.iter().try_fold(0, |set, name| Ok(set | 1 << number(name)?))
        };
        let sets = Self {
            bounding: set("bounding")?,
            effective: set("effective")?,
            permitted: set("permitted")?,
            inheritable: set("inheritable")?,
            ambient: set("ambient")?,
        };
        // The kernel would refuse the whole call, and name nothing.
        match names(sets.effective & !sets.permitted).first() {
            Some(name) => {
                Err(field.need("effective")?.refuse(format!("holds {name}, which permitted does not")))
            }
            None => Ok(sets),
        }
    }

    // ANCHOR: granted
    /// Without what the kernel would not give: what the caller has not got, and ambient ones that are not permitted and
    /// inheritable. It is told, and no error: it means less power and not more (config.md, "Linux Process").
    pub fn granted(self) -> Result<Self> {
        let mine = three_of_self()?.permitted;
        let granted = Self {
            bounding: self.bounding & mine,
            effective: self.effective & mine,
            permitted: self.permitted & mine,
            inheritable: self.inheritable & mine,
            ambient: self.ambient & self.permitted & self.inheritable & mine,
        };
        let asked = self.bounding | self.permitted | self.inheritable;
        for name in names(asked & !mine) {
            term::note(format_args!("not granted: {name} (this process has not got it)"));
        }
        for name in names(self.ambient & mine & !granted.ambient) {
            term::note(format_args!("not granted: ambient {name} (it is not permitted and inheritable)"));
        }
        Ok(granted)
    }
    // ANCHOR_END: granted

    // ANCHOR: bound
    /// Drops from the bounding set what is not in ours. It comes first: it needs CAP_SETPCAP, which the sets that
    /// follow may not have.
    pub fn bound(self) -> Result<()> {
        for number in (0..64).filter(|number| self.bounding >> number & 1 == 0) {
            match prctl(libc::PR_CAPBSET_DROP, number, 0) {
                Ok(_) => {}
                // The kernel does not know so many.
                Err(Errno::EINVAL) => break,
                Err(errno) => {
                    return Err(errno).doing("prctl(2) PR_CAPBSET_DROP", &names(1 << number).join(" "));
                }
            }
        }
        Ok(())
    }
    // ANCHOR_END: bound

    // ANCHOR: take
    /// Makes the other four the caller's own. Ambient capabilities come last, for each must be permitted and
    /// inheritable by then; and all that were there are cleared first.
    pub fn take(self) -> Result<()> {
        let low = |set: u64| (set & 0xffff_ffff) as u32;
        let half = |shift: u32| Half {
            effective: low(self.effective >> shift),
            permitted: low(self.permitted >> shift),
            inheritable: low(self.inheritable >> shift),
        };
        let (header, data) = (Header::of_self(), [half(0), half(32)]);
        prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as u64, 0)
            .doing("prctl(2) PR_CAP_AMBIENT_CLEAR_ALL", "")?;
        // SAFETY: the structures are those of version 3 of the call, which reads two halves, and live through it.
        #[allow(unsafe_code)]
        let set = unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) };
        Errno::result(set).doing("capset(2)", &names(self.permitted).join(" "))?;
        for number in (0..64).filter(|number| self.ambient >> number & 1 == 1) {
            prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE as u64, number)
                .doing("prctl(2) PR_CAP_AMBIENT_RAISE", &names(1 << number).join(" "))?;
        }
        Ok(())
    }
    // ANCHOR_END: take
}

// ANCHOR: of_self
/// The caller's own sets, by the calls that set them.
pub fn of_self() -> Result<Sets> {
    // The kernel answers EINVAL past the last that it knows.
    let set = |ask: &dyn Fn(u64) -> nix::Result<i32>| {
        let answers = (0..64).map_while(|number| ask(number).ok());
        answers.enumerate().fold(0, |set, (number, held)| if held == 1 { set | 1 << number } else { set })
    };
    let ambient = |number| prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_IS_SET as u64, number);
    Ok(Sets {
        bounding: set(&|number| prctl(libc::PR_CAPBSET_READ, number, 0)),
        ambient: set(&ambient),
        ..three_of_self()?
    })
}

/// Those that one call answers.
fn three_of_self() -> Result<Sets> {
    let (header, mut data) = (Header::of_self(), [Half::default(); 2]);
    // SAFETY: version 3 of the call writes two halves, and there are two.
    #[allow(unsafe_code)]
    let got = unsafe { libc::syscall(libc::SYS_capget, &raw const header, data.as_mut_ptr()) };
    Errno::result(got).doing("capget(2)", "")?;
    let whole = |half: fn(&Half) -> u32| u64::from(half(&data[0])) | u64::from(half(&data[1])) << 32;
    Ok(Sets {
        effective: whole(|half| half.effective),
        permitted: whole(|half| half.permitted),
        inheritable: whole(|half| half.inheritable),
        ..Sets::default()
    })
}
// ANCHOR_END: of_self

/// Keeps the permitted set through a setuid(2) that gives up uid 0, which would otherwise empty it.
pub fn keep_through_setuid(keep: bool) -> Result<()> {
    prctl(libc::PR_SET_KEEPCAPS, keep.into(), 0).map(drop).doing("prctl(2) PR_SET_KEEPCAPS", "")
}

/// Gives up, for the caller and all that it will execute, what execve(2) could add: set-user-ID programs, and
/// programs with capabilities of their own. There is no way back.
pub fn no_new_privileges() -> Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0).map(drop).doing("prctl(2) PR_SET_NO_NEW_PRIVS", "")
}

/// The structures of capset(2), whose version 3 has 64 bits in two halves.
#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct Half {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

impl Header {
    fn of_self() -> Self {
        Self { version: 0x2008_0522, pid: 0 }
    }
}

fn number(name: &Field<'_>) -> Result<usize> {
    let text = name.text()?;
    let known = NAMES.iter().position(|known| *known == text);
    known.ok_or_else(|| name.refuse(format!("{text:?} is no capability")))
}

fn prctl(option: i32, first: u64, second: u64) -> nix::Result<i32> {
    // SAFETY: the options used here take integers, and touch no memory of ours.
    #[allow(unsafe_code)]
    Errno::result(unsafe { libc::prctl(option, first, second, 0u64, 0u64) })
}

/// What was asked for must be what is there: a set that a kernel gave otherwise would be a weaker container.
pub(crate) fn verify(asked: Sets) -> Result<()> {
    let found = of_self()?;
    if found == asked {
        return Ok(());
    }
    Err(Error::refused("read the capabilities back", "", format!("asked for {asked:x?}, found {found:x?}")))
}
