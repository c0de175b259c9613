//! An interpreter of classic BPF, as far as filters of system calls go (`kernel/seccomp.c`, `seccomp_check_filter`), for those of
//! the lessons, of the runtime and of runc.

/// What a filter sees of a call: `struct seccomp_data`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Call {
    pub(crate) number: u32,
    pub(crate) audit: u32,
    pub(crate) arguments: [u64; 6],
}

impl Call {
    /// The word at this offset, in the byte order of the machine.
    fn word(&self, offset: u32) -> Option<u32> {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend(self.number.to_ne_bytes());
        bytes.extend(self.audit.to_ne_bytes());
        bytes.extend(0_u64.to_ne_bytes());
        self.arguments.iter().for_each(|argument| bytes.extend(argument.to_ne_bytes()));
        let at = usize::try_from(offset).ok().filter(|at| at.is_multiple_of(4))?;
        bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
    }
}

/// What the program returns for the call. Each instruction is its code, its two jumps and its constant. What a filter may
/// not contain, and what leaves it, is an error.
pub(crate) fn answer(
    program: impl Fn(usize) -> Option<(u16, u8, u8, u32)>,
    call: &Call,
) -> Result<u32, String> {
    let (mut at, mut a, mut x, mut memory) = (0, 0_u32, 0_u32, [0_u32; 16]);
    loop {
        let (code, yes, no, k) = program(at).ok_or("it ran past the end")?;
        at += 1;
        let place = || usize::try_from(k).ok().filter(|place| *place < 16).ok_or("there is no such cell");
        let mut jump = |holds: bool| at += usize::from(if holds { yes } else { no });
        match code {
            0x20 => a = call.word(k).ok_or_else(|| format!("there is no word at {k}"))?,
            0x00 => a = k,
            0x01 => x = k,
            0x60 => a = memory[place()?],
            0x61 => x = memory[place()?],
            0x02 => memory[place()?] = a,
            0x03 => memory[place()?] = x,
            0x54 => a &= k,
            0x5c => a &= x,
            0x44 => a |= k,
            0x07 => x = a,
            0x87 => a = x,
            0x05 => at += usize::try_from(k).unwrap_or(usize::MAX - at),
            0x15 => jump(a == k),
            0x25 => jump(a > k),
            0x35 => jump(a >= k),
            0x45 => jump(a & k != 0),
            0x06 => return Ok(k),
            0x16 => return Ok(a),
            _ => return Err(format!("code {code:#x}")),
        }
    }
}
