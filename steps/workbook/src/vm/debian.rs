//! A kernel of Debian's in a cache directory: its package is unpacked there and never installed.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kit::{Doing, Error, Result, term};

/// The package that depends on the kernel of today.
const NEWEST: &str = "linux-image-cloud-amd64";

/// A kernel that is unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unpacked {
    /// What is booted.
    pub(super) image: PathBuf,
    /// `lib/modules`, in which a directory with the kernel's release lies.
    pub(super) modules: PathBuf,
    /// That release.
    pub(super) release: String,
}

/// The newest kernel of the cache, if it is there whole: `modules.dep` is written last.
pub(super) fn find(cache: &Path) -> Option<Unpacked> {
    let entries = fs::read_dir(cache.join("boot")).into_iter().flatten().flatten();
    let releases = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        Some(name.strip_prefix("vmlinuz-")?.to_owned())
    });
    let modules = cache.join("lib/modules");
    let release = releases.filter(|release| modules.join(release).join("modules.dep").is_file()).max()?;
    Some(Unpacked { image: cache.join("boot").join(format!("vmlinuz-{release}")), modules, release })
}

/// Downloads the package from the machine's own sources, and unpacks it.
pub(super) fn fetch(cache: &Path) -> Result<Unpacked> {
    fs::create_dir_all(cache).doing("mkdir(2)", cache)?;
    let depends = output("apt-cache", &["depends", NEWEST], cache)?;
    let package = newest(&depends).ok_or_else(|| {
        let error =
            Error::refused("find a kernel among the sources of apt", NEWEST, "there is no such package");
        error.advise("Debian has it; apt-get update")
    })?;
    term::note(format_args!("downloading {package} to {}", cache.display()));
    output("apt-get", &["--quiet", "download", package], cache)?;
    let name = fs::read_dir(cache)
        .doing("list", cache)?
        .flatten()
        .map(|entry| entry.file_name())
        .find(|name| name.to_string_lossy().starts_with(&format!("{package}_")))
        .ok_or_else(|| Error::refused("find the package", package, "apt-get has not downloaded it"))?;
    let archive = cache.join(name);
    output("dpkg-deb", &[OsStr::new("-x"), archive.as_os_str(), OsStr::new(".")], cache)?;
    fs::remove_file(&archive).doing("unlink(2)", &archive)?;
    let release = package.strip_prefix("linux-image-").unwrap_or(package);
    // Where administrators' folders are not in PATH, it is in one of them all the same.
    let depmod = super::find("depmod").unwrap_or_else(|| "/sbin/depmod".into());
    output(depmod, &["-b", ".", release], cache)?;
    find(cache).ok_or_else(|| Error::refused("unpack the kernel", package, "the package holds none"))
}

/// The kernel's own package, in what `apt-cache depends` says.
fn newest(depends: &str) -> Option<&str> {
    depends.lines().find_map(|line| {
        line.trim().strip_prefix("Depends: ").filter(|name| name.starts_with("linux-image-"))
    })
}

fn output(program: impl AsRef<OsStr>, words: &[impl AsRef<OsStr>], dir: &Path) -> Result<String> {
    let name = program.as_ref().to_string_lossy().into_owned();
    let output = Command::new(&program).args(words).current_dir(dir).output().doing("execute", &name)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::refused("run", name, format!("{}: {reason}", output.status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_what_the_package_depends_on() {
        let text = "linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-9-cloud-amd64\n  Recommends: x\n";
        assert_eq!(newest(text), Some("linux-image-6.1.0-9-cloud-amd64"));
        assert_eq!(newest("linux-image-cloud-amd64\n"), None);
    }

    #[test]
    fn a_kernel_that_is_not_whole_is_none() {
        let cache = tempfile::tempdir().expect("a directory");
        let modules = cache.path().join("lib/modules/6.1.0-9");
        fs::create_dir_all(&modules).expect("mkdir");
        fs::create_dir_all(cache.path().join("boot")).expect("mkdir");
        fs::write(cache.path().join("boot/vmlinuz-6.1.0-9"), "").expect("write");
        assert_eq!(find(cache.path()), None);
        fs::write(modules.join("modules.dep"), "").expect("write");
        assert_eq!(find(cache.path()).expect("found").release, "6.1.0-9");
    }
}
