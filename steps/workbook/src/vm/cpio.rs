//! The archive from which a kernel fills its first root: cpio, in the form that its documentation calls `newc`
//! (Linux, Documentation/driver-api/early-userspace/buffer-format).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;

/// The name that ends an archive.
const END: &str = "TRAILER!!!";

/// An archive in the making.
#[derive(Debug, Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    number: u32,
    directories: BTreeSet<PathBuf>,
}

impl Archive {
    /// Adds a directory, and those above it.
    pub(super) fn directory(&mut self, path: &Path) {
        let path = path.strip_prefix("/").unwrap_or(path);
        let mut above: Vec<_> = path.ancestors().filter(|dir| !dir.as_os_str().is_empty()).collect();
        above.reverse();
        for dir in above {
            if self.directories.insert(dir.to_owned()) {
                self.entry(&dir.to_string_lossy(), DIRECTORY, &[]);
            }
        }
    }

    /// Adds a file that may be executed, and the directories above it.
    pub(super) fn file(&mut self, path: &Path, content: &[u8]) {
        let path = path.strip_prefix("/").unwrap_or(path);
        self.directory(path.parent().unwrap_or(Path::new("")));
        self.entry(&path.to_string_lossy(), PROGRAM, content);
    }

    /// The archive.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.entry(END, 0, &[]);
        self.bytes
    }

    /// A head of hexadecimal numbers, the name, the content; name and content begin and end at multiples of four.
    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.number += 1;
        let links = if mode == DIRECTORY { 2 } else { 1 };
        // Inode, mode, uid, gid, links, time, size, the device's two numbers, those of a device file, the length of
        // the name with its NUL, and a checksum that nobody looks at.
        let size = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let length = u32::try_from(name.len() + 1).unwrap_or(u32::MAX);
        self.bytes.extend(b"070701");
        for number in [self.number, mode, 0, 0, links, 0, size, 0, 0, 0, 0, length, 0] {
            self.bytes.extend(format!("{number:08x}").bytes());
        }
        self.bytes.extend(name.bytes().chain([0]));
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names, modes and contents, read as the kernel does.
    fn read(bytes: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut found = Vec::new();
        let mut at = 0;
        loop {
            assert_eq!(&bytes[at..at + 6], b"070701");
            let number = |field: usize| {
                let text = std::str::from_utf8(&bytes[at + 6 + 8 * field..][..8]).expect("hexadecimal");
                usize::from_str_radix(text, 16).expect("hexadecimal")
            };
            let (mode, size, length) = (number(1), number(6), number(11));
            let name =
                std::str::from_utf8(&bytes[at + 110..at + 110 + length - 1]).expect("a name").to_owned();
            let content = (at + 110 + length).next_multiple_of(4);
            if name == END {
                assert_eq!(content, bytes.len());
                return found;
            }
            found.push((name, u32::try_from(mode).expect("a mode"), bytes[content..content + size].to_vec()));
            at = (content + size).next_multiple_of(4);
        }
    }

    #[test]
    fn what_is_put_in_comes_out_and_each_directory_once_before_what_is_in_it() {
        let mut archive = Archive::default();
        archive.directory(Path::new("proc"));
        archive.file(Path::new("/lib/x86/libc.so"), b"12345");
        archive.file(Path::new("/lib/init"), b"");
        let file = |name: &str, content: &[u8]| (name.to_owned(), PROGRAM, content.to_owned());
        let directory = |name: &str| (name.to_owned(), DIRECTORY, vec![]);
        assert_eq!(
            read(&archive.finish()),
            [
                directory("proc"),
                directory("lib"),
                directory("lib/x86"),
                file("lib/x86/libc.so", b"12345"),
                file("lib/init", b""),
            ]
        );
    }
}
