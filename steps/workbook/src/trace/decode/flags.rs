//! Numbers by name. Values that libc does not have are the kernel's (include/uapi/linux).

/// Named numbers of one kind.
#[derive(Debug, Clone, Copy)]
pub struct Flags(&'static [(&'static str, u64)]);

impl Flags {
    /// The names of the bits that are set. A name of several bits comes before those of its parts; bits
    /// without a name are one number.
    pub fn names(&self, bits: u64) -> Vec<String> {
        let (mut names, mut rest) = (Vec::new(), bits);
        for (name, value) in self.0 {
            if *value != 0 && rest & value == *value {
                names.push((*name).to_owned());
                rest &= !value;
            }
        }
        if rest != 0 {
            names.push(format!("{rest:#x}"));
        }
        names
    }

    /// The name of a number that stands for itself.
    pub fn one(&self, value: u64) -> String {
        let known = self.0.iter().find(|(_, own)| *own == value);
        known.map_or_else(|| value.to_string(), |(name, _)| (*name).to_owned())
    }

    /// Whether the number has a name.
    pub fn knows(&self, value: u64) -> bool {
        self.0.iter().any(|(_, own)| *own == value)
    }
}

/// Names constants of libc's, which come in several types of integer.
macro_rules! of_libc {
    ($($name:ident)*) => {
        Flags(&[$((stringify!($name), {
            #[allow(clippy::cast_sign_loss, clippy::cast_lossless, reason = "constants, none of them negative")]
            { libc::$name as u64 }
        })),*])
    };
}

/// clone(2), unshare(2), setns(2).
pub const CLONE: Flags = Flags(&[
    ("CLONE_NEWTIME", 0x80),
    ("CLONE_VM", 0x100),
    ("CLONE_FS", 0x200),
    ("CLONE_FILES", 0x400),
    ("CLONE_SIGHAND", 0x800),
    ("CLONE_PIDFD", 0x1000),
    ("CLONE_PTRACE", 0x2000),
    ("CLONE_VFORK", 0x4000),
    ("CLONE_PARENT", 0x8000),
    ("CLONE_THREAD", 0x1_0000),
    ("CLONE_NEWNS", 0x2_0000),
    ("CLONE_SYSVSEM", 0x4_0000),
    ("CLONE_SETTLS", 0x8_0000),
    ("CLONE_PARENT_SETTID", 0x10_0000),
    ("CLONE_CHILD_CLEARTID", 0x20_0000),
    ("CLONE_DETACHED", 0x40_0000),
    ("CLONE_UNTRACED", 0x80_0000),
    ("CLONE_CHILD_SETTID", 0x100_0000),
    ("CLONE_NEWCGROUP", 0x200_0000),
    ("CLONE_NEWUTS", 0x400_0000),
    ("CLONE_NEWIPC", 0x800_0000),
    ("CLONE_NEWUSER", 0x1000_0000),
    ("CLONE_NEWPID", 0x2000_0000),
    ("CLONE_NEWNET", 0x4000_0000),
    ("CLONE_IO", 0x8000_0000),
    ("CLONE_CLEAR_SIGHAND", 0x1_0000_0000),
    ("CLONE_INTO_CGROUP", 0x2_0000_0000),
]);

/// mount(2).
pub const MOUNT: Flags = of_libc! {
    MS_RDONLY MS_NOSUID MS_NODEV MS_NOEXEC MS_SYNCHRONOUS MS_REMOUNT MS_MANDLOCK MS_DIRSYNC MS_NOSYMFOLLOW MS_NOATIME
    MS_NODIRATIME MS_BIND MS_MOVE MS_REC MS_SILENT MS_POSIXACL MS_UNBINDABLE MS_PRIVATE MS_SLAVE MS_SHARED
    MS_RELATIME MS_KERNMOUNT MS_I_VERSION MS_STRICTATIME MS_LAZYTIME
};
/// umount2(2).
pub const UMOUNT: Flags = of_libc! { MNT_FORCE MNT_DETACH MNT_EXPIRE UMOUNT_NOFOLLOW };
/// fsopen(2).
pub const FSOPEN: Flags = Flags(&[("FSOPEN_CLOEXEC", 1)]);
/// fsmount(2).
pub const FSMOUNT: Flags = Flags(&[("FSMOUNT_CLOEXEC", 1)]);
/// fspick(2).
pub const FSPICK: Flags = Flags(&[
    ("FSPICK_CLOEXEC", 1),
    ("FSPICK_SYMLINK_NOFOLLOW", 2),
    ("FSPICK_NO_AUTOMOUNT", 4),
    ("FSPICK_EMPTY_PATH", 8),
]);
/// The commands of fsconfig(2).
pub const FSCONFIG: Flags = Flags(&[
    ("FSCONFIG_SET_FLAG", 0),
    ("FSCONFIG_SET_STRING", 1),
    ("FSCONFIG_SET_BINARY", 2),
    ("FSCONFIG_SET_PATH", 3),
    ("FSCONFIG_SET_PATH_EMPTY", 4),
    ("FSCONFIG_SET_FD", 5),
    ("FSCONFIG_CMD_CREATE", 6),
    ("FSCONFIG_CMD_RECONFIGURE", 7),
    ("FSCONFIG_CMD_CREATE_EXCL", 8),
]);
/// `open_tree(2)`.
pub const OPEN_TREE: Flags = Flags(&[
    ("OPEN_TREE_CLONE", 1),
    ("AT_SYMLINK_NOFOLLOW", 0x100),
    ("AT_NO_AUTOMOUNT", 0x800),
    ("AT_EMPTY_PATH", 0x1000),
    ("AT_RECURSIVE", 0x8000),
    ("OPEN_TREE_CLOEXEC", 0x8_0000),
]);
/// `move_mount(2)`.
pub const MOVE_MOUNT: Flags = Flags(&[
    ("MOVE_MOUNT_F_SYMLINKS", 1),
    ("MOVE_MOUNT_F_AUTOMOUNTS", 2),
    ("MOVE_MOUNT_F_EMPTY_PATH", 4),
    ("MOVE_MOUNT_T_SYMLINKS", 0x10),
    ("MOVE_MOUNT_T_AUTOMOUNTS", 0x20),
    ("MOVE_MOUNT_T_EMPTY_PATH", 0x40),
    ("MOVE_MOUNT_SET_GROUP", 0x100),
    ("MOVE_MOUNT_BENEATH", 0x200),
]);
/// `mount_setattr(2)`, fsmount(2).
pub const MOUNT_ATTR: Flags = Flags(&[
    ("MOUNT_ATTR_RDONLY", 1),
    ("MOUNT_ATTR_NOSUID", 2),
    ("MOUNT_ATTR_NODEV", 4),
    ("MOUNT_ATTR_NOEXEC", 8),
    ("MOUNT_ATTR__ATIME", 0x70),
    ("MOUNT_ATTR_NOATIME", 0x10),
    ("MOUNT_ATTR_STRICTATIME", 0x20),
    ("MOUNT_ATTR_NODIRATIME", 0x80),
    ("MOUNT_ATTR_IDMAP", 0x10_0000),
    ("MOUNT_ATTR_NOSYMFOLLOW", 0x20_0000),
]);
/// execveat(2), `mount_setattr(2)`.
pub const AT: Flags = Flags(&[
    ("AT_SYMLINK_NOFOLLOW", 0x100),
    ("AT_NO_AUTOMOUNT", 0x800),
    ("AT_EMPTY_PATH", 0x1000),
    ("AT_RECURSIVE", 0x8000),
    ("AT_EXECVE_CHECK", 0x1_0000),
]);

/// Those operations of prctl(2) that matter to a container.
pub const PRCTL: Flags = of_libc! {
    PR_SET_PDEATHSIG PR_SET_DUMPABLE PR_SET_KEEPCAPS PR_SET_SECCOMP PR_CAPBSET_DROP PR_SET_SECUREBITS
    PR_SET_CHILD_SUBREAPER PR_SET_NO_NEW_PRIVS PR_CAP_AMBIENT
};
/// What prctl(2) does to the ambient set.
pub const AMBIENT: Flags = of_libc! { PR_CAP_AMBIENT_RAISE PR_CAP_AMBIENT_LOWER PR_CAP_AMBIENT_CLEAR_ALL };
/// The modes of prctl(2)'s `PR_SET_SECCOMP`.
pub const SECCOMP_MODE: Flags = of_libc! { SECCOMP_MODE_STRICT SECCOMP_MODE_FILTER };
/// The securebits, capabilities(7).
pub const SECUREBITS: Flags = Flags(&[
    ("SECBIT_NOROOT", 1),
    ("SECBIT_NOROOT_LOCKED", 2),
    ("SECBIT_NO_SETUID_FIXUP", 4),
    ("SECBIT_NO_SETUID_FIXUP_LOCKED", 8),
    ("SECBIT_KEEP_CAPS", 0x10),
    ("SECBIT_KEEP_CAPS_LOCKED", 0x20),
    ("SECBIT_NO_CAP_AMBIENT_RAISE", 0x40),
    ("SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED", 0x80),
]);
/// The operations of seccomp(2) that set a filter.
pub const SECCOMP: Flags = of_libc! { SECCOMP_SET_MODE_STRICT SECCOMP_SET_MODE_FILTER };
/// Where no flag is known.
pub const NONE: Flags = Flags(&[]);
/// The flags of a seccomp filter.
pub const SECCOMP_FILTER: Flags = Flags(&[
    ("SECCOMP_FILTER_FLAG_TSYNC", 1),
    ("SECCOMP_FILTER_FLAG_LOG", 2),
    ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", 4),
    ("SECCOMP_FILTER_FLAG_NEW_LISTENER", 8),
    ("SECCOMP_FILTER_FLAG_TSYNC_ESRCH", 0x10),
    ("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 0x20),
]);
/// The kinds of file that mknod(2) makes of a device.
pub const DEVICE: Flags = of_libc! { S_IFCHR S_IFBLK };

/// Signals that a child sends at its end, or a parent's death.
pub const SIGNAL: Flags = of_libc! {
    SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE SIGALRM SIGTERM
    SIGSTKFLT SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU
};

/// The capability of that number.
pub fn capability(number: u64) -> String {
    let known = usize::try_from(number).ok().and_then(|index| guest::capability::NAMES.get(index));
    known.map_or_else(|| number.to_string(), |name| (*name).to_owned())
}
