//! The sockets of a network namespace: a socket stays in the one in which it was made, wherever it is passed.

use std::collections::BTreeMap;

use super::process::Process;

/// Inode to what the socket is: `tcp`, `unix /run/docker.sock`.
pub(super) type Sockets = BTreeMap<u64, String>;

/// The families that are looked at, each with the column of the inode in its file: proc_pid_net(5).
const FILES: [(&str, usize); 7] =
    [("unix", 6), ("tcp", 9), ("tcp6", 9), ("udp", 9), ("udp6", 9), ("raw", 9), ("packet", 8)];

/// Those that the namespace of the process holds; families that are out of sight are left out.
pub(super) fn read(process: &Process) -> Sockets {
    let family = |(name, column): (&str, usize)| {
        let table = process.read(&format!("net/{name}")).unwrap_or_default();
        parse(&table, name, column)
    };
    FILES.into_iter().flat_map(family).collect()
}

/// A table below its heading. A socket that is not open any more has the inode 0.
fn parse(table: &str, name: &str, column: usize) -> Sockets {
    let socket = |line: &str| {
        let mut words = line.split_whitespace().skip(column);
        let inode = words.next()?.parse().ok().filter(|inode| *inode != 0)?;
        let path = if name == "unix" { words.next() } else { None };
        Some((inode, path.map_or_else(|| name.to_owned(), |path| format!("{name} {path}"))))
    };
    table.lines().skip(1).filter_map(socket).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inode_is_in_another_column_of_each_family() {
        let unix = "Num RefCount Protocol Flags Type St Inode Path\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 16163 /run/docker.sock\n\
            0000000000000000: 00000003 00000000 00000000 0001 03 16164\n";
        let sockets = parse(unix, "unix", 6);
        assert_eq!((sockets[&16163].as_str(), sockets[&16164].as_str()), ("unix /run/docker.sock", "unix"));

        let tcp = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100\n\
            1: 0100007F:1F90 0100007F:0001 06 00000000:00000000 03:00000000 00000000     0        0 0 3 0\n";
        assert_eq!(parse(tcp, "tcp", 9), Sockets::from([(4711, "tcp".into())]));
    }
}
