//! A root that needs no download: programs of the host, each with what its ELF file names.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;

use crate::elf::{Elf, Libraries};
use crate::scratch::Scratch;
use crate::{Doing, Error, Result};

/// The tools that are taken over from the host where it has them; `sh` is the one that must be there.
const TOOLS: &[&str] = &[
    "sh", "ls", "cat", "echo", "env", "id", "hostname", "ps", "mount", "umount", "ip", "mkdir", "rm",
    "touch", "sleep", "kill", "true", "false", "uname", "grep", "head", "stat", "readlink",
];

/// A directory that holds a root file system.
#[derive(Debug)]
pub struct Rootfs {
    path: PathBuf,
    _scratch: Option<Scratch>,
}

impl Rootfs {
    /// The reader's own directory, or one that is assembled from the host and goes with this value.
    pub fn at_or_assembled(given: Option<&Path>) -> Result<Self> {
        let Some(dir) = given else {
            let scratch = Scratch::new()?;
            let path = scratch.path().join("rootfs");
            assemble(&path)?;
            return Ok(Self { path, _scratch: Some(scratch) });
        };
        let path = dir.canonicalize().doing("find the root directory", dir)?;
        if !path.is_dir() {
            return Err(Error::call("use as a root directory", path.display(), Errno::ENOTDIR));
        }
        Ok(Self { path, _scratch: None })
    }

    /// Where it is: absolute, and without symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Assembles a root: a static `BusyBox` with all its applets where one is installed, else the host's own shell
/// and tools; and this very program, as `/bin/guest`. The directory must not exist yet.
pub fn assemble(root: &Path) -> Result<()> {
    fs::create_dir(root).doing("mkdir(2)", root)?;
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).doing("chmod(2)", root)?;
    for dir in ["bin", "dev", "etc", "proc", "root", "run", "sys", "tmp", "var"] {
        let dir = root.join(dir);
        fs::create_dir(&dir).doing("mkdir(2)", &dir)?;
    }
    let sticky = fs::Permissions::from_mode(0o1777);
    fs::set_permissions(root.join("tmp"), sticky).doing("chmod(2)", &root.join("tmp"))?;
    write(
        &root.join("etc/passwd"),
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    )?;
    write(&root.join("etc/group"), "root:x:0:\nnogroup:x:65534:\n")?;

    let libraries = Libraries::of(Path::new("/"));
    match static_busybox()? {
        Some(busybox) => take_busybox(root, &busybox)?,
        None => take_tools(root, &libraries)?,
    }
    let own = fs::read_link("/proc/self/exe").doing("readlink(2)", "/proc/self/exe")?;
    take(root, &libraries, Path::new("/proc/self/exe"), &own, guest::NAME)
}

fn take_busybox(root: &Path, busybox: &Path) -> Result<()> {
    copy(busybox, &root.join("bin/busybox"))?;
    let list = Command::new(busybox).arg("--list").output().doing("execute", busybox)?;
    for applet in String::from_utf8_lossy(&list.stdout).lines().filter(|name| !name.contains('/')) {
        let link = root.join("bin").join(applet);
        if applet != "busybox" {
            symlink("busybox", &link).doing("symlink(2)", &link)?;
        }
    }
    Ok(())
}

fn take_tools(root: &Path, libraries: &Libraries) -> Result<()> {
    for tool in TOOLS {
        match on_path(tool) {
            Some(path) => take(root, libraries, &path, &path, tool)?,
            None if *tool == "sh" => {
                let error = Error::refused("find a shell for the root", "sh", "it is not in PATH");
                return Err(error.advise("PATH must lead to a shell, or a static busybox be installed"));
            }
            None => {}
        }
    }
    Ok(())
}

/// Copies a program to /bin, and all that it needs to the paths at which its loader will ask for it.
fn take(root: &Path, libraries: &Libraries, from: &Path, named: &Path, name: &str) -> Result<()> {
    copy(from, &root.join("bin").join(name))?;
    // `$ORIGIN` means the folder of the real file, not that of a link to it.
    // A program that was executed from a detached mount or from memory has no path that leads to it.
    let real = named.canonicalize().ok().filter(|path| path.is_file()).unwrap_or_else(|| from.to_owned());
    let files = libraries.needed_by(&real)?;
    let searched = default_folder(&files);
    for file in &files {
        let inside = below(root, file);
        place(&inside, |to| copy(file, to))?;
        // The loader inside has no cache: a library from a folder that only the host's configuration
        // names is found beside libc, in a folder that every loader searches.
        if let Some(folder) = &searched {
            let beside = below(root, folder).join(file.file_name().unwrap_or_default());
            place(&beside, |to| fs::hard_link(&inside, to).doing("link(2)", to))?;
        }
    }
    Ok(())
}

/// The folder of libc: glibc's `libc.so.N`, or musl's loader.
fn default_folder(files: &BTreeSet<PathBuf>) -> Option<PathBuf> {
    let is_libc = |path: &&PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("libc.so") || name.starts_with("ld-musl")
    };
    files.iter().find(is_libc).and_then(|path| path.parent()).map(Path::to_owned)
}

fn static_busybox() -> Result<Option<PathBuf>> {
    let Some(busybox) = on_path("busybox") else { return Ok(None) };
    let elf = Elf::read(&busybox)?;
    Ok(elf.filter(|elf| elf.interpreter.is_none() && elf.needed.is_empty()).map(|_| busybox))
}

/// The path of a program of the host; folders for administrators are searched as well, for an ordinary
/// user's PATH leaves them out.
fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    // The usual folders come first: a wrapper in somebody's own folder would need that folder inside.
    let dirs = usual.into_iter().chain(std::env::split_paths(&path));
    dirs.map(|dir| dir.join(name)).find(|path| {
        path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    })
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// Makes a file, and the folders above it, unless it is there.
fn place(to: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if to.exists() {
        return Ok(());
    }
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).doing("mkdir(2)", parent)?;
    }
    make(to)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied: io::Result<u64> = fs::copy(from, to);
    copied.doing(format!("copy {:?} to", from.display()), to).map(drop)
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).doing("write", path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_holds_a_shell_and_each_file_that_its_programs_name() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("rootfs");
        assemble(&root).expect("assembled");
        let inside = Libraries::of(&root);
        for name in ["sh", guest::NAME] {
            for file in inside.needed_by(&Path::new("/bin").join(name)).expect("complete") {
                assert!(
                    root.join(file.strip_prefix("/").expect("absolute")).is_file(),
                    "{name} needs {file:?}"
                );
            }
        }
    }

    #[test]
    fn a_directory_that_is_there_already_is_left_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let error = assemble(dir.path()).expect_err("it exists");
        assert_eq!(error.errno(), Some(Errno::EEXIST));
    }

    #[test]
    fn a_root_that_is_missing_or_a_file_is_refused_by_name() {
        let missing = Rootfs::at_or_assembled(Some(Path::new("/nowhere/at/all"))).expect_err("missing");
        assert_eq!((missing.errno(), missing.subject()), (Some(Errno::ENOENT), "/nowhere/at/all"));
        let file = Rootfs::at_or_assembled(Some(Path::new("/etc/passwd"))).expect_err("a file");
        assert_eq!(file.errno(), Some(Errno::ENOTDIR));
    }
}
