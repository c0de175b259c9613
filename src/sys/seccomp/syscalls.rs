//! The numbers of the system calls, by name and architecture.

use super::Architecture;
use super::architecture::X32_BIT;

/// A line a call, sorted by its name's bytes; see its first line.
const TABLE: &str = include_str!("syscalls.txt");

/// How many architectures have a column.
const COLUMNS: usize = 6;

/// The table, read: it takes some 20 us, and only a container with a filter pays for it.
pub(super) struct Syscalls(Vec<(&'static str, [Option<u32>; COLUMNS])>);

impl Syscalls {
    pub(super) fn read() -> Self {
        Self(TABLE.lines().filter(|line| !line.starts_with('#')).map(row).collect())
    }

    /// As `struct seccomp_data` holds it. `None` if the architecture has no call of this name.
    pub(super) fn number(&self, name: &str, architecture: Architecture) -> Option<u32> {
        let at = self.0.binary_search_by_key(&name, |(known, _)| known).ok()?;
        let number = self.0[at].1[architecture.column()]?;
        Some(if architecture == Architecture::X32 { number | X32_BIT } else { number })
    }
}

fn row(line: &'static str) -> (&'static str, [Option<u32>; COLUMNS]) {
    let mut words = line.split(' ');
    let name = words.next().unwrap_or_default();
    let mut numbers = [None; COLUMNS];
    for (number, word) in numbers.iter_mut().zip(words) {
        *number = word.parse().ok();
    }
    (name, numbers)
}

/// The calls that i386 had as one number each, `socketcall` and `ipc`, before it had them by themselves; the first
/// argument tells which (`linux/net.h`, `linux/ipc.h`). The name of that number, and the argument.
pub(super) fn multiplexed(name: &str) -> Option<(&'static str, u32)> {
    const SOCKET: [&str; 20] = [
        "socket",
        "bind",
        "connect",
        "listen",
        "accept",
        "getsockname",
        "getpeername",
        "socketpair",
        "send",
        "recv",
        "sendto",
        "recvfrom",
        "shutdown",
        "setsockopt",
        "getsockopt",
        "sendmsg",
        "recvmsg",
        "accept4",
        "recvmmsg",
        "sendmmsg",
    ];
    const IPC: [(&str, u32); 12] = [
        ("semop", 1),
        ("semget", 2),
        ("semctl", 3),
        ("semtimedop", 4),
        ("msgsnd", 11),
        ("msgrcv", 12),
        ("msgget", 13),
        ("msgctl", 14),
        ("shmat", 21),
        ("shmdt", 22),
        ("shmget", 23),
        ("shmctl", 24),
    ];
    if let Some(at) = SOCKET.iter().position(|known| *known == name) {
        return u32::try_from(at + 1).ok().map(|which| ("socketcall", which));
    }
    IPC.iter().find(|(known, _)| *known == name).map(|(_, which)| ("ipc", *which))
}
