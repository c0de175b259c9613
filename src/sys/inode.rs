//! What stands behind a descriptor. A name can be exchanged between a check and a use; what a descriptor was
//! opened to stays, so it is verified after opening.

use std::os::fd::BorrowedFd;

use nix::sys::stat::{FileStat, SFlag, fstat, major, minor};
use nix::sys::statfs::{FsType, PROC_SUPER_MAGIC, fstatfs};

use crate::error::{Doing, Error, Kind, Result};

/// The inode number of the root of every procfs: `PROC_ROOT_INO` in the kernel's `proc_ns.h`.
const PROC_ROOT: u64 = 1;

/// What a descriptor has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// A directory.
    Directory,
    /// A regular file.
    Regular,
    /// A character device of this major and minor number: what is called /dev/null need not be it.
    Character(u64, u64),
    /// A block device of this major and minor number.
    Block(u64, u64),
    /// A FIFO.
    Fifo,
    /// Anything on a file system of this magic number (statfs(2)), whose name is for the error.
    FileSystem(FsType, &'static str),
    /// The root of a procfs, and not a directory inside one, or a file system made to look like it.
    ProcRoot,
}

impl Expect {
    /// Verifies it. Errors: [`Kind::Invalid`] with what was found; the path that the error names is what the
    /// descriptor leads to, which after an exchange is not what was asked for.
    pub fn verify(self, fd: BorrowedFd<'_>) -> Result<()> {
        let stat = stat(fd)?;
        let (good, expected) = match self {
            Self::Directory => (format_of(&stat) == SFlag::S_IFDIR, "a directory".to_owned()),
            Self::Regular => (format_of(&stat) == SFlag::S_IFREG, "a regular file".to_owned()),
            Self::Character(of_kind, number) => {
                let device = format_of(&stat) == SFlag::S_IFCHR && device(&stat) == (of_kind, number);
                (device, format!("character device {of_kind}:{number}"))
            }
            Self::Block(of_kind, number) => {
                let device = format_of(&stat) == SFlag::S_IFBLK && device(&stat) == (of_kind, number);
                (device, format!("block device {of_kind}:{number}"))
            }
            Self::Fifo => (format_of(&stat) == SFlag::S_IFIFO, "a FIFO".to_owned()),
            Self::FileSystem(magic, name) => (file_system(fd)? == magic, format!("a file of {name}")),
            Self::ProcRoot => {
                let root = stat.st_ino == PROC_ROOT && format_of(&stat) == SFlag::S_IFDIR;
                (root && file_system(fd)? == PROC_SUPER_MAGIC, "the root of a procfs".to_owned())
            }
        };
        if good {
            return Ok(());
        }
        let reason = format!("expected {expected}, found {}", found(fd, &stat)?);
        Err(Error::refused(Kind::Invalid, "verify", fd, reason))
    }
}

/// Whether two descriptors stand for the same inode of the same file system.
pub fn same(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> Result<bool> {
    let (one, other) = (stat(one)?, stat(other)?);
    Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
}

/// The type of a file, as `st_mode` has it.
pub fn format(fd: BorrowedFd<'_>) -> Result<SFlag> {
    Ok(format_of(&stat(fd)?))
}

/// The magic number of the file system, fstatfs(2); Linux 3.12 for descriptors that stand for a path only.
pub fn file_system(fd: BorrowedFd<'_>) -> Result<FsType> {
    Ok(fstatfs(fd).doing("fstatfs(2)", fd)?.filesystem_type())
}

fn stat(fd: BorrowedFd<'_>) -> Result<FileStat> {
    fstat(fd).doing("fstat(2)", fd)
}

fn format_of(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits())
}

fn device(stat: &FileStat) -> (u64, u64) {
    (major(stat.st_rdev), minor(stat.st_rdev))
}

fn found(fd: BorrowedFd<'_>, stat: &FileStat) -> Result<String> {
    let (major, minor) = device(stat);
    let what = match format_of(stat) {
        SFlag::S_IFDIR => "a directory".into(),
        SFlag::S_IFREG => "a regular file".into(),
        SFlag::S_IFLNK => "a symbolic link".into(),
        SFlag::S_IFIFO => "a FIFO".into(),
        SFlag::S_IFSOCK => "a socket".into(),
        SFlag::S_IFCHR => format!("character device {major}:{minor}"),
        SFlag::S_IFBLK => format!("block device {major}:{minor}"),
        _ => "a file without a type".to_owned(),
    };
    Ok(format!("{what}, inode {}, on a file system of magic {:#x}", stat.st_ino, file_system(fd)?.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::statfs::TMPFS_MAGIC;
    use std::fs::File;
    use std::os::fd::AsFd;

    fn verify(expect: Expect, path: &str) -> Result<()> {
        expect.verify(File::open(path).expect("open").as_fd())
    }

    #[test]
    fn each_expectation_holds_for_what_it_names_and_for_nothing_else() {
        let subjects = ["/", "/etc/passwd", "/dev/null", "/proc", "/proc/self", "/dev/zero"];
        let table = [
            (Expect::Directory, [true, false, false, true, true, false]),
            (Expect::Regular, [false, true, false, false, false, false]),
            (Expect::Character(1, 3), [false, false, true, false, false, false]),
            (Expect::FileSystem(PROC_SUPER_MAGIC, "procfs"), [false, false, false, true, true, false]),
            (Expect::ProcRoot, [false, false, false, true, false, false]),
        ];
        for (expect, verdicts) in table {
            for (path, good) in subjects.iter().zip(verdicts) {
                assert_eq!(verify(expect, path).is_ok(), good, "{expect:?} of {path}");
            }
        }
    }

    #[test]
    fn an_error_says_what_was_found_instead() {
        let error = verify(Expect::Character(1, 3), "/dev/zero").expect_err("another device").to_string();
        assert!(error.contains("expected character device 1:3, found character device 1:5"), "{error}");
        let error =
            verify(Expect::FileSystem(TMPFS_MAGIC, "tmpfs"), "/proc").expect_err("procfs").to_string();
        assert!(
            error.starts_with("verify \"/proc\": expected a file of tmpfs, found a directory"),
            "{error}"
        );
    }
}
