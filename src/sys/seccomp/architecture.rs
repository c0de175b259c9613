//! The architectures that a filter meets on one machine: a process may change its own at any call, and the numbers
//! of the calls change with it.

/// One ABI of system calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Architecture {
    /// `SCMP_ARCH_X86_64`
    X86_64,
    /// `SCMP_ARCH_X86`: programs of 32 bits, and `int $0x80` in any
    X86,
    /// `SCMP_ARCH_X32`: registers of 64 bits, pointers of 32; it shares x86-64's mark, and is told by bit 30 of the number
    X32,
    /// `SCMP_ARCH_AARCH64`
    Aarch64,
    /// `SCMP_ARCH_ARM`
    Arm,
    /// `SCMP_ARCH_RISCV64`
    Riscv64,
}

/// Bit 30 of the number of a call of x32 (`__X32_SYSCALL_BIT` of `asm/unistd.h`).
pub(super) const X32_BIT: u32 = 0x4000_0000;

impl Architecture {
    /// The one that this program was compiled for.
    pub const NATIVE: Self = if cfg!(target_arch = "x86_64") {
        Self::X86_64
    } else if cfg!(target_arch = "aarch64") {
        Self::Aarch64
    } else if cfg!(target_arch = "riscv64") {
        Self::Riscv64
    } else if cfg!(target_arch = "arm") {
        Self::Arm
    } else {
        Self::X86
    };

    /// As `struct seccomp_data` holds it (`linux/audit.h`).
    pub fn audit(self) -> u32 {
        match self {
            Self::X86_64 | Self::X32 => 0xC000_003E,
            Self::X86 => 0x4000_0003,
            Self::Aarch64 => 0xC000_00B7,
            Self::Arm => 0x4000_0028,
            Self::Riscv64 => 0xC000_00F3,
        }
    }

    /// Whether libseccomp, and so every profile, takes its registers for 32 bits wide.
    pub(super) fn is_narrow(self) -> bool {
        matches!(self, Self::X86 | Self::X32 | Self::Arm)
    }

    /// Its column in the table of the calls.
    pub(super) fn column(self) -> usize {
        match self {
            Self::X86_64 => 0,
            Self::X86 => 1,
            Self::X32 => 2,
            Self::Aarch64 => 3,
            Self::Arm => 4,
            Self::Riscv64 => 5,
        }
    }
}
