//! The capabilities by name, as capabilities(7) numbers them.

/// Name of each capability; its index is its bit. The last came with Linux 5.9.
pub const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// The names of the capabilities whose bits are set; a bit without a name here is `CAP_<number>`.
pub fn names(set: u64) -> Vec<String> {
    (0..64).filter(|bit| set >> bit & 1 == 1).map(name).collect()
}

/// Whether the set holds the capability of that name.
pub fn holds(set: u64, name: &str) -> bool {
    NAMES.iter().position(|known| *known == name).is_some_and(|bit| set >> bit & 1 == 1)
}

fn name(bit: usize) -> String {
    NAMES.get(bit).map_or_else(|| format!("CAP_{bit}"), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_named_as_the_manual_numbers_them() {
        assert_eq!(names(1 | 1 << 21 | 1 << 40), ["CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_CHECKPOINT_RESTORE"]);
        assert_eq!(names(1 << 50), ["CAP_50"]);
        assert!(holds(1 << 21, "CAP_SYS_ADMIN") && !holds(1 << 20, "CAP_SYS_ADMIN"));
    }
}
