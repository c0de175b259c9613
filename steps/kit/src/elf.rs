//! What a program needs from its file system: the loader and the libraries that its ELF file names.
//!
//! The kernel reads one thing, the interpreter in `PT_INTERP`, and answers ENOENT for the *program* when that
//! file is missing. The rest is the interpreter's work: `DT_NEEDED` names libraries, `DT_RUNPATH` and
//! `DT_RPATH` say where to look first. Sources: elf(5), ld.so(8), musl's dynamic linker.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use elf::ElfBytes;
use elf::abi::{DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_STRTAB, PT_INTERP, PT_LOAD};
use elf::endian::AnyEndian;

use crate::{Doing, Error, Result};

/// What an ELF file names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Elf {
    /// Class and machine, which a library must share with its program.
    pub machine: (u8, u16),
    /// The loader, an absolute path; none for a static program and for most libraries.
    pub interpreter: Option<PathBuf>,
    /// Names of the libraries.
    pub needed: Vec<String>,
    /// Folders to search first, `$ORIGIN` not yet replaced.
    pub run_path: Vec<String>,
}

impl Elf {
    /// Reads a file; `None` if it is no ELF file (a script, say).
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let bytes = fs::read(path).doing("read", path)?;
        if !bytes.starts_with(b"\x7fELF") {
            return Ok(None);
        }
        Self::parse(&bytes)
            .map(Some)
            .map_err(|reason| Error::refused("read the ELF file", path.display(), reason))
    }

    /// Parses a whole file. Errors say what is malformed.
    pub fn parse(bytes: &[u8]) -> std::result::Result<Self, String> {
        let file = ElfBytes::<AnyEndian>::minimal_parse(bytes).map_err(|error| error.to_string())?;
        let class = bytes.get(4).copied().unwrap_or_default();
        let mut elf = Self { machine: (class, file.ehdr.e_machine), ..Self::default() };

        let segments = file.segments().ok_or("has no program headers")?;
        if let Some(segment) = segments.iter().find(|segment| segment.p_type == PT_INTERP) {
            let data = file.segment_data(&segment).map_err(|error| error.to_string())?;
            elf.interpreter = Some(PathBuf::from(text_at(data, 0).ok_or("has an unterminated PT_INTERP")?));
        }
        let Some(dynamic) = file.dynamic().map_err(|error| error.to_string())? else { return Ok(elf) };
        let entries: Vec<_> = dynamic.iter().collect();
        let Some(table) = entries.iter().find(|entry| entry.d_tag == DT_STRTAB) else { return Ok(elf) };

        // DT_STRTAB is an address in memory: the segment that holds it says where that is in the file.
        let address = table.d_ptr();
        let strings = segments.iter().find_map(|segment| {
            let within = address.checked_sub(segment.p_vaddr).filter(|at| *at < segment.p_filesz)?;
            let start = usize::try_from(segment.p_offset.checked_add(within)?).ok()?;
            (segment.p_type == PT_LOAD).then(|| bytes.get(start..)).flatten()
        });
        let strings = strings.ok_or("names a string table outside of the file")?;
        for entry in entries {
            let text = || text_at(strings, entry.d_val()).ok_or("names a string outside of its table");
            match entry.d_tag {
                DT_NEEDED => elf.needed.push(text()?),
                DT_RUNPATH | DT_RPATH => elf.run_path.extend(text()?.split(':').map(str::to_owned)),
                _ => {}
            }
        }
        Ok(elf)
    }
}

fn text_at(bytes: &[u8], at: u64) -> Option<String> {
    let rest = bytes.get(usize::try_from(at).ok()?..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(&rest[..end]).into_owned())
}

/// The host as a loader sees it: where libraries lie. Paths are below `root`, which is `/` but in tests.
#[derive(Debug)]
pub struct Libraries {
    root: PathBuf,
    folders: Vec<PathBuf>,
    read: RefCell<HashMap<PathBuf, Option<Elf>>>,
}

impl Libraries {
    /// Reads /etc/ld.so.conf (glibc) and /etc/ld-musl-*.path (musl) below the root, then adds the folders that
    /// loaders search unasked, for merged and split /usr and for multiarch.
    pub fn of(root: &Path) -> Self {
        let mut folders = Vec::new();
        configured(root, Path::new("/etc/ld.so.conf"), &mut folders, 0);
        for file in matching(root, "/etc/ld-musl-*.path") {
            let text = fs::read_to_string(below(root, &file)).unwrap_or_default();
            folders.extend(text.split([':', '\n']).filter(|dir| !dir.is_empty()).map(PathBuf::from));
        }
        for dir in ["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"] {
            folders.push(dir.into());
        }
        folders.extend(matching(root, "/lib/*-linux-gnu*"));
        folders.extend(matching(root, "/usr/lib/*-linux-gnu*"));
        Self { root: root.to_owned(), folders, read: RefCell::default() }
    }

    /// Every file that a program needs beside itself, as the path at which the loader will ask for it:
    /// interpreters and libraries, those of the libraries too. Errors name the library and who needs it.
    pub fn needed_by(&self, program: &Path) -> Result<BTreeSet<PathBuf>> {
        let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
        let mut files = BTreeSet::new();
        let mut queue = VecDeque::from([program.to_owned()]);
        let mut inherited = Vec::new();
        while let Some(path) = queue.pop_front() {
            let Some(elf) = self.elf(&path)? else { continue };
            if let Some(loader) = &elf.interpreter {
                // musl's loader is its libc: a library of that name is already there.
                found.insert(file_name(loader), loader.clone());
                files.insert(loader.clone());
            }
            let origin = path.parent().unwrap_or(Path::new("/")).display().to_string();
            let own =
                elf.run_path.iter().map(|dir| dir.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin));
            inherited.extend(own.map(PathBuf::from));
            for name in &elf.needed {
                if found.contains_key(name) {
                    continue;
                }
                let library = self.find(name, &inherited, elf.machine).ok_or_else(|| {
                    let reason =
                        format!("{} needs it, and it is in none of the loader's folders", path.display());
                    Error::refused("find the library", name, reason)
                })?;
                found.insert(name.clone(), library.clone());
                files.insert(library.clone());
                queue.push_back(library);
            }
        }
        Ok(files)
    }

    /// Every program needs libc; it is read once.
    fn elf(&self, path: &Path) -> Result<Option<Elf>> {
        if let Some(elf) = self.read.borrow().get(path) {
            return Ok(elf.clone());
        }
        let elf = Elf::read(&below(&self.root, path))?;
        self.read.borrow_mut().insert(path.to_owned(), elf.clone());
        Ok(elf)
    }

    fn find(&self, name: &str, first: &[PathBuf], machine: (u8, u16)) -> Option<PathBuf> {
        if name.contains('/') {
            return Some(name.into());
        }
        let paths = first.iter().chain(&self.folders).map(|dir| dir.join(name));
        paths.into_iter().find(|path| {
            let is_file = below(&self.root, path).is_file();
            is_file && self.elf(path).is_ok_and(|elf| elf.is_some_and(|elf| elf.machine == machine))
        })
    }
}

/// The format of /etc/ld.so.conf: a folder a line, `include PATTERN`, `#` comments (ldconfig(8)).
fn configured(root: &Path, file: &Path, folders: &mut Vec<PathBuf>, depth: u8) {
    // An include that includes itself ends here.
    if depth > 8 {
        return;
    }
    let text = fs::read_to_string(below(root, file)).unwrap_or_default();
    for line in text.lines().map(|line| line.split('#').next().unwrap_or("").trim()) {
        match line.strip_prefix("include").map(str::trim_start) {
            Some(pattern) => {
                let base = file.parent().unwrap_or(Path::new("/")).join(pattern);
                for included in matching(root, &base.display().to_string()) {
                    configured(root, &included, folders, depth + 1);
                }
            }
            None if line.starts_with('/') => folders.push(line.into()),
            None => {}
        }
    }
}

/// Paths that match a pattern with `*` in its last part; sorted.
fn matching(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let (dir, last) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    let fits = |name: &str| match last.split_once('*') {
        None => name == last,
        Some((start, rest)) => {
            let end = rest.trim_end_matches('*');
            let long_enough = name.len() >= start.len() + end.len();
            let ends = if rest.ends_with('*') { name.contains(end) } else { name.ends_with(end) };
            long_enough && name.starts_with(start) && ends
        }
    };
    let entries = fs::read_dir(below(root, Path::new(dir))).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut paths: Vec<_> = names.filter(|name| fits(name)).map(|name| Path::new(dir).join(name)).collect();
    paths.sort();
    paths
}

/// A path of the host, below the root.
fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
