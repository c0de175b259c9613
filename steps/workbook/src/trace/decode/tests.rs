use std::collections::HashMap;

use super::*;

/// A tracee that is made up: memory from an address on, descriptors, and one cgroup.
#[derive(Default)]
struct Fake {
    memory: HashMap<u64, Vec<u8>>,
    descriptors: HashMap<i32, &'static str>,
}

impl Fake {
    /// With these bytes at an address.
    fn at(mut self, address: u64, bytes: impl Into<Vec<u8>>) -> Self {
        self.memory.insert(address, bytes.into());
        self
    }

    fn words(self, address: u64, words: &[u64]) -> Self {
        self.at(address, words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<_>>())
    }

    fn fd(mut self, fd: i32, link: &'static str) -> Self {
        self.descriptors.insert(fd, link);
        self
    }
}

impl Tracee for Fake {
    fn bytes(&self, address: u64, length: usize) -> Option<Vec<u8>> {
        let (start, bytes) = self
            .memory
            .iter()
            .find(|(start, bytes)| (**start..**start + bytes.len() as u64).contains(&address))?;
        let rest = &bytes[usize::try_from(address - start).ok()?..];
        Some(rest[..length.min(rest.len())].to_vec())
    }

    fn descriptor(&self, fd: i32) -> Option<String> {
        self.descriptors.get(&fd).map(|link| (*link).to_owned())
    }

    fn opened_in_cgroup(&self, _: i32, path: &str) -> bool {
        self.is_in_cgroup(path)
    }

    fn is_in_cgroup(&self, path: &str) -> bool {
        path.starts_with("/cg/")
    }
}

fn call(nr: i64, args: &[u64], tracee: &Fake) -> Option<Decoded> {
    let mut registers = [0; 6];
    registers[..args.len()].copy_from_slice(args);
    decode(&Entry { arch: NATIVE, nr: nr.cast_unsigned(), args: registers }, tracee)
}

fn text(nr: i64, args: &[u64], tracee: &Fake) -> String {
    call(nr, args, tracee).map_or_else(|| "-".to_owned(), |call| call.text())
}

#[test]
fn a_mount_has_its_strings_and_its_flags_by_name() {
    let tracee = Fake::default().at(16, *b"proc\0").at(64, *b"/new/proc\0");
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    let decoded = call(libc::SYS_mount, &[16, 64, 16, flags, 0], &tracee).expect("a mount");
    assert_eq!(
        decoded.text(),
        "mount(\"proc\", \"/new/proc\", \"proc\", MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL)"
    );
    assert_eq!((decoded.subject.as_str(), decoded.is_about_a_mount()), ("/new/proc", false));
    // The magic number of old programs is no flag.
    assert!(
        text(libc::SYS_mount, &[16, 64, 16, 0xc0ed_0000 | libc::MS_BIND, 0], &tracee).contains(", MS_BIND,")
    );
}

#[test]
fn clone_and_clone3_tell_namespaces_from_the_signal_at_the_end() {
    let flags = u64::from((libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::SIGCHLD).cast_unsigned());
    let plain = text(libc::SYS_clone, &[flags], &Fake::default());
    assert_eq!(plain, "clone(CLONE_NEWNS|CLONE_NEWPID|SIGCHLD)");

    let into_cgroup = 0x2_0000_0000_u64;
    let user = u64::from(libc::CLONE_NEWUSER.cast_unsigned());
    let words = [into_cgroup | user, 0, 0, 0, 17, 0, 0, 0, 0, 0, 7];
    let tracee = Fake::default().words(4096, &words).fd(7, "/cg/box");
    let decoded = call(libc::SYS_clone3, &[4096, 88], &tracee).expect("a clone3");
    assert_eq!(decoded.text(), "clone3(CLONE_NEWUSER|CLONE_INTO_CGROUP|SIGCHLD, cgroup=7</cg/box>)");
    // The structure of an older program ends before the cgroup; the time namespace is clone3's alone.
    let tracee = Fake::default().words(4096, &[0x80, 0, 0, 0, 17, 0, 0, 0]);
    assert_eq!(text(libc::SYS_clone3, &[4096, 64], &tracee), "clone3(CLONE_NEWTIME|SIGCHLD)");
}

#[test]
fn a_write_is_of_interest_where_it_maps_ids_or_sets_a_cgroup() {
    let tracee = Fake::default()
        .at(64, *b"0 1000 1\n")
        .words(256, &[64, 2, 64, 3])
        .fd(3, "/proc/42/uid_map")
        .fd(4, "/cg/box/memory.max")
        .fd(5, "/tmp/memory.max")
        .fd(6, "/home/uid_map")
        .fd(7, "pipe:[1]");
    assert_eq!(text(libc::SYS_write, &[3, 64, 9], &tracee), "write(3</proc/42/uid_map>, \"0 1000 1\\n\")");
    assert_eq!(text(libc::SYS_pwrite64, &[4, 64, 1], &tracee), "pwrite64(4</cg/box/memory.max>, \"0\")");
    assert_eq!(text(libc::SYS_writev, &[4, 256, 2], &tracee), "writev(4</cg/box/memory.max>, \"0 0 1\")");
    for other in [5, 6, 7, 99] {
        assert_eq!(call(libc::SYS_write, &[other, 64, 9], &tracee), None, "{other}");
    }
}

#[test]
fn a_directory_is_of_interest_inside_of_a_cgroup_and_a_node_if_it_is_a_device() {
    let tracee =
        Fake::default().at(64, *b"/cg/new\0").at(128, *b"/tmp/cgroup\0").at(256, *b"new\0").fd(3, "/cg/box");
    let here = u64::from(libc::AT_FDCWD.cast_unsigned());
    assert_eq!(text(libc::SYS_mkdirat, &[here, 64, 0], &tracee), "mkdirat(AT_FDCWD, \"/cg/new\")");
    assert_eq!(text(libc::SYS_mkdirat, &[3, 256, 0], &tracee), "mkdirat(3</cg/box>, \"new\")");
    assert_eq!(text(libc::SYS_mkdirat, &[here, 128, 0], &tracee), "-");
    let (device, fifo) = (u64::from(libc::S_IFCHR | 0o666), u64::from(libc::S_IFIFO | 0o666));
    let null = libc::makedev(1, 3);
    assert_eq!(
        text(libc::SYS_mknodat, &[here, 128, device, null], &tracee),
        "mknodat(AT_FDCWD, \"/tmp/cgroup\", S_IFCHR, 1:3)"
    );
    assert_eq!(text(libc::SYS_mknodat, &[here, 128, fifo, 0], &tracee), "-");
}

#[test]
fn prctl_is_of_interest_where_it_is_about_privilege() {
    let none = Fake::default();
    let prctl = |args: &[i32]| {
        let args: Vec<_> = args.iter().map(|arg| u64::from(arg.cast_unsigned())).collect();
        text(libc::SYS_prctl, &args, &none)
    };
    assert_eq!(prctl(&[libc::PR_CAPBSET_DROP, 21]), "prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN)");
    assert_eq!(prctl(&[libc::PR_SET_PDEATHSIG, 9]), "prctl(PR_SET_PDEATHSIG, SIGKILL)");
    assert_eq!(
        prctl(&[libc::PR_CAP_AMBIENT, 2, 0]),
        "prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN)"
    );
    assert_eq!(prctl(&[libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_IS_SET, 0]), "-", "a question");
    assert_eq!(prctl(&[libc::PR_SET_NAME, 0]), "-");
}

#[test]
fn capabilities_lie_in_two_halves_and_a_filter_has_a_length() {
    let halves = |words: [u32; 6]| words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<_>>();
    let tracee = Fake::default()
        .at(64, 0x2008_0522_u32.to_ne_bytes())
        .at(128, halves([1, 0b1111, 0, 1 << 7, 0, 0]))
        .at(256, 312_u16.to_ne_bytes());
    assert_eq!(
        text(libc::SYS_capset, &[64, 128], &tracee),
        "capset(effective=CAP_CHOWN|CAP_BPF, permitted=4 (0xf), inheritable=none)"
    );
    assert_eq!(
        text(libc::SYS_seccomp, &[1, 1, 256], &tracee),
        "seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, {312 instructions})"
    );
    assert_eq!(text(libc::SYS_seccomp, &[2, 0, 256], &tracee), "-", "a question makes nothing");
}

#[test]
fn descriptors_are_told_by_what_they_are_open_on() {
    let tracee = Fake::default().fd(3, "net:[4026531840]").fd(4, "anon_inode:[fscontext]").fd(5, "/root/dev");
    let net = u64::from(libc::CLONE_NEWNET.cast_unsigned());
    assert_eq!(text(libc::SYS_setns, &[3, net], &tracee), "setns(3<net:[4026531840]>, CLONE_NEWNET)");
    assert_eq!(text(libc::SYS_fsconfig, &[4, 6], &tracee), "fsconfig(4<[fscontext]>, FSCONFIG_CMD_CREATE)");
    let tracee = tracee.at(64, *b"/proc/self/fd/5\0");
    assert!(text(libc::SYS_chroot, &[64], &tracee).ends_with("\"/proc/self/fd/5\"</root/dev>)"));
}

#[test]
fn a_socket_is_of_interest_by_the_name_of_its_daemon() {
    let address = |path: &[u8]| [&1_u16.to_ne_bytes()[..], path, &[0]].concat();
    let tracee = Fake::default().at(64, address(b"/run/docker.sock")).at(256, address(b"/run/nscd/socket"));
    assert_eq!(text(libc::SYS_connect, &[3, 64, 110], &tracee), "connect(3, \"/run/docker.sock\")");
    assert_eq!(text(libc::SYS_connect, &[3, 256, 110], &tracee), "-");
}

#[test]
fn a_text_of_the_tracee_cannot_draw_on_the_terminal_and_one_that_is_not_there_is_an_address() {
    let tracee = Fake::default().at(64, *b"a\x1b[31m\"\n\0");
    assert_eq!(text(libc::SYS_sethostname, &[64, 8], &tracee), r#"sethostname("a\x1b[31m\"\n")"#);
    assert_eq!(text(libc::SYS_chroot, &[0xdead], &tracee), "chroot(0xdead)");
    assert_eq!(text(libc::SYS_chroot, &[0], &tracee), "chroot(NULL)");
}

#[test]
fn a_call_of_another_architecture_or_of_no_interest_is_not_read() {
    let entry = |arch, nr: i64| Entry { arch, nr: nr.cast_unsigned(), args: [0; 6] };
    assert!(is_listed(&entry(NATIVE, libc::SYS_chroot)));
    assert!(!is_listed(&entry(0x4000_0003, libc::SYS_chroot)));
    assert!(!is_listed(&entry(NATIVE, libc::SYS_getpid)));
    assert!(!is_listed(&entry(NATIVE, i64::MAX)));
}

#[test]
fn each_number_of_the_table_stands_for_one_call() {
    for spec in TABLE {
        let same = TABLE.iter().filter(|other| other.nr == spec.nr || other.name == spec.name);
        assert_eq!(same.count(), 1, "{}", spec.name);
    }
}

#[test]
fn bits_without_a_name_are_one_number() {
    assert_eq!(flags::UMOUNT.names(2 | 0x100), ["MNT_DETACH", "0x100"]);
    assert_eq!(flags::FSCONFIG.one(77), "77");
}
