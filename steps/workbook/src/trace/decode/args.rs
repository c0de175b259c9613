//! The arguments of one call, added one by one.

use std::fmt::Write;

use super::flags::{self, Flags};
use super::{Decoded, Tracee};

/// As long as a path may be (`PATH_MAX`).
const LONGEST: usize = 4096;
/// So much of what is written is shown.
const SHOWN: usize = 48;
/// So many words of a command line are shown.
const WORDS: usize = 8;

pub(super) struct Args<'a> {
    pub(super) decoded: Decoded,
    raw: [u64; 6],
    pub(super) tracee: &'a dyn Tracee,
}

impl<'a> Args<'a> {
    pub(super) fn new(name: &'static str, raw: [u64; 6], tracee: &'a dyn Tracee) -> Self {
        let decoded = Decoded { name, args: Vec::new(), flags: Vec::new(), subject: String::new() };
        Self { decoded, raw, tracee }
    }

    /// An argument as the register has it.
    pub(super) fn raw(&self, index: usize) -> u64 {
        self.raw.get(index).copied().unwrap_or(0)
    }

    /// An argument of type int: the upper half of the register means nothing.
    pub(super) fn int(&self, index: usize) -> i32 {
        low(self.raw(index))
    }

    /// An argument of type unsigned int.
    pub(super) fn unsigned(&self, index: usize) -> u64 {
        self.raw(index) & 0xffff_ffff
    }

    /// Adds a text of our own.
    pub(super) fn push(&mut self, text: impl Into<String>) {
        self.decoded.args.push(text.into());
    }

    /// Adds flags.
    pub(super) fn flags(&mut self, bits: u64, table: &Flags) {
        let names = table.names(bits);
        self.push(if names.is_empty() { "0".to_owned() } else { names.join("|") });
        self.decoded.flags.extend(names);
    }

    /// Adds one of a list of named numbers.
    pub(super) fn one_of(&mut self, value: u64, table: &Flags) {
        let name = table.one(value);
        self.push(name.clone());
        self.decoded.flags.push(name);
    }

    /// Adds a string.
    pub(super) fn string(&mut self, index: usize) {
        let text = self.text_at(self.raw(index));
        let open_on = text.as_deref().and_then(|text| self.through_descriptor(text));
        let open_on = open_on.map_or_else(String::new, |link| format!("<{link}>"));
        self.push(quoted(self.raw(index), text.as_deref()) + &open_on);
    }

    /// What a path of the form `/proc/self/fd/6` leads to.
    fn through_descriptor(&self, path: &str) -> Option<String> {
        let forms = ["/proc/self/fd/", "/proc/thread-self/fd/"];
        let number = forms.iter().find_map(|form| path.strip_prefix(form))?;
        self.tracee.descriptor(number.parse().ok()?)
    }

    /// Adds a string that says most about the call.
    pub(super) fn subject(&mut self, index: usize) {
        self.decoded.subject = self.text_at(self.raw(index)).unwrap_or_default();
        self.string(index);
    }

    /// Adds a text of known length, without a NUL at its end.
    pub(super) fn text(&mut self, index: usize, length: usize) {
        let bytes = self.tracee.bytes(self.raw(index), length.min(LONGEST));
        let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        self.decoded.subject = text.clone().unwrap_or_default();
        self.push(quoted(self.raw(index), text.as_deref()));
    }

    /// Adds a descriptor, with what it is open on.
    pub(super) fn fd(&mut self, fd: i32) {
        let text = self.fd_text(fd);
        self.push(text);
    }

    /// A descriptor, with what it is open on.
    pub(super) fn fd_text(&self, fd: i32) -> String {
        match self.tracee.descriptor(fd) {
            _ if fd == libc::AT_FDCWD => "AT_FDCWD".to_owned(),
            Some(link) => format!("{fd}<{}>", link.strip_prefix("anon_inode:").unwrap_or(&link)),
            None => fd.to_string(),
        }
    }

    /// Adds an id, of which -1 means "as it is".
    pub(super) fn id(&mut self, index: usize) {
        self.push(self.int(index).cast_unsigned().to_string().replace("4294967295", "-1"));
    }

    /// Adds a command line.
    pub(super) fn words(&mut self, index: usize) {
        let mut words = Vec::new();
        for position in 0..=WORDS as u64 {
            let Some(address) = self.u64_at(self.raw(index) + 8 * position).filter(|address| *address != 0)
            else {
                break;
            };
            words.push(quoted(address, self.text_at(address).as_deref()));
        }
        if words.len() > WORDS {
            words.truncate(WORDS);
            words.push("…".to_owned());
        }
        self.push(format!("[{}]", words.join(", ")));
    }

    /// A string of the tracee's. A page at a time, for the one after the string's may not be there.
    pub(super) fn text_at(&self, address: u64) -> Option<String> {
        let mut text = Vec::new();
        while text.len() < LONGEST {
            let from = address.checked_add(text.len() as u64)?;
            let to_page_end = 4096 - from % 4096;
            let page = self.tracee.bytes(from, usize::try_from(to_page_end.min(256)).ok()?)?;
            match page.iter().position(|byte| *byte == 0) {
                Some(end) => {
                    text.extend_from_slice(&page[..end]);
                    break;
                }
                None if page.is_empty() => break,
                None => text.extend(page),
            }
        }
        Some(String::from_utf8_lossy(&text).into_owned())
    }

    pub(super) fn u64_at(&self, address: u64) -> Option<u64> {
        let bytes = self.tracee.bytes(address, 8)?;
        Some(u64::from_ne_bytes(bytes.try_into().ok()?))
    }

    /// The words of a structure, as many as could be read.
    pub(super) fn u64s(&self, index: usize, count: usize) -> Vec<u64> {
        let bytes = self.tracee.bytes(self.raw(index), count * 8).unwrap_or_default();
        let words = bytes.chunks_exact(8).filter_map(|chunk| chunk.try_into().ok());
        words.map(u64::from_ne_bytes).collect()
    }

    pub(super) fn u32s(&self, index: usize, count: usize) -> Vec<u32> {
        let bytes = self.tracee.bytes(self.raw(index), count * 4).unwrap_or_default();
        let words = bytes.chunks_exact(4).filter_map(|chunk| chunk.try_into().ok());
        words.map(u32::from_ne_bytes).collect()
    }

    /// Adds the length of a seccomp filter: a `struct sock_fprog`, a short number and a pointer.
    pub(super) fn filter(&mut self, index: usize) {
        let bytes = self.tracee.bytes(self.raw(index), 2);
        let length = bytes.and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
        match length {
            Some(length) => {
                self.decoded.subject = length.to_string();
                self.push(format!("{{{length} instructions}}"));
            }
            None if self.raw(index) == 0 => self.push("NULL"),
            None => self.push(hex(self.raw(index))),
        }
    }

    /// Adds the attributes that a mount shall have and not have: a `struct mount_attr`.
    pub(super) fn mount_attr(&mut self, index: usize) {
        let [set, clear, propagation, userns] = self.u64s(index, 4)[..] else {
            return self.push(hex(self.raw(index)));
        };
        let mut parts = Vec::new();
        for (name, bits, table) in [
            ("attr_set", set, flags::MOUNT_ATTR),
            ("attr_clr", clear, flags::MOUNT_ATTR),
            ("propagation", propagation, flags::MOUNT),
        ] {
            if bits != 0 {
                let names = table.names(bits);
                parts.push(format!("{name}={}", names.join("|")));
                self.decoded.flags.extend(names);
            }
        }
        if self.decoded.has("MOUNT_ATTR_IDMAP") {
            parts.push(format!("userns_fd={}", self.fd_text(low(userns))));
        }
        self.push(format!("{{{}}}", parts.join(", ")));
    }
}

/// The lower half of a register.
pub(super) fn low(register: u64) -> i32 {
    u32::try_from(register & 0xffff_ffff).unwrap_or(0).cast_signed()
}

pub(super) fn hex(number: u64) -> String {
    format!("{number:#x}")
}

/// As C would have it; what cannot be read, by its address.
fn quoted(address: u64, text: Option<&str>) -> String {
    match text {
        None if address == 0 => "NULL".to_owned(),
        None => hex(address),
        Some(text) if text.chars().count() <= SHOWN || text.starts_with('/') => escaped(text),
        Some(text) => escaped(&text.chars().take(SHOWN).collect::<String>()) + "…",
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::from("\"");
    for character in text.chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            '"' | '\\' => escaped.extend(['\\', character]),
            _ if character.is_control() => drop(write!(escaped, "\\x{:02x}", u32::from(character))),
            _ => escaped.push(character),
        }
    }
    escaped.push('"');
    escaped
}
