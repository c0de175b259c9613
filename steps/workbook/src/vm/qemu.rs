//! QEMU: a computer that is emulated, with a kernel of Debian's, for what User-mode Linux lacks: cpuset, hugetlb, time
//! namespaces, pressure stall information, several CPUs.
//!
//! virtiofsd(1) serves the host's files. It must be root, for it gives its groups up before anything else
//! (setgroups(2)), which no ordinary user may, not in a user namespace either; so this is for root alone.

use std::ffi::OsString;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use kit::elf::Libraries;
use kit::scratch::Scratch;
use kit::{Doing, Error, Result};
use nix::unistd::geteuid;
use step_03::limits::Bytes;

use super::cpio::Archive;
use super::debian::{self, Unpacked};
use super::inside::module::files;
use super::inside::{HOST, MODULES};
use super::keeper::Part;
use super::{INSIDE, Machine};

/// What the first root must load before it sees the host's files, and the line.
const NEEDED: [&str; 4] = ["virtio_pci", "virtiofs", "virtio_console", "overlay"];

/// The tag of the host's files.
const TAG: &str = "hostroot";

/// Programs and a kernel, found.
#[derive(Debug)]
pub(super) struct Found {
    emulator: PathBuf,
    server: PathBuf,
    kernel: Unpacked,
}

/// Looks for all that is needed. The kernel may be fetched.
pub(super) fn find(fetch: bool) -> Result<Found> {
    let program = |name: &str| {
        let error = || Error::refused("find a part of QEMU", name, "it is not in PATH");
        let advice = "sudo apt-get install --no-install-recommends qemu-system-x86 qemu-system-common kmod";
        super::find(name).ok_or_else(|| error().advise(advice))
    };
    if std::env::consts::ARCH != "x86_64" {
        return Err(Error::refused("emulate a computer", std::env::consts::ARCH, "only x86_64 is supported"));
    }
    let (emulator, server) = (program("qemu-system-x86_64")?, program("virtiofsd")?);
    let cache = super::cache()
        .ok_or_else(|| Error::refused("find the cache", "", "neither XDG_CACHE_HOME nor HOME is set"))?;
    let kernel = match debian::find(&cache) {
        Some(kernel) => kernel,
        None if fetch => debian::fetch(&cache)?,
        None => {
            let error = Error::refused("find a kernel to boot", cache.display(), "there is none");
            return Err(error.advise("--fetch downloads Debian's, some 30 MB, to there; it is not installed"));
        }
    };
    if !geteuid().is_root() {
        let error = Error::refused("serve the host's files by virtiofsd", "", "only root may (setgroups(2))");
        return Err(error.advise("--with uml needs no root"));
    }
    Ok(Found { emulator, server, kernel })
}

/// A machine, not started yet.
pub(super) fn machine(found: &Found, memory: Bytes) -> Result<Machine> {
    let scratch = Scratch::new()?;
    let first_root = scratch.path().join("first-root");
    fs::write(&first_root, archive(&found.kernel)?).doing("write", &first_root)?;
    let socket = scratch.path().join("files");
    // It listens before anybody connects, whichever of the two programs is the faster.
    let listener = UnixListener::bind(&socket).doing("bind(2)", &socket)?;
    let (ours, theirs) = UnixStream::pair().doing("socketpair(2)", "")?;
    let env = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin".into(), joined("HOME=", scratch.path())];
    let server = server(&found.server, listener.as_raw_fd());
    let emulator = emulator(found, memory, &[&first_root, &socket], theirs.as_raw_fd());
    Ok(Machine {
        parts: vec![
            Part::new(&server, &env, vec![OwnedFd::from(listener)])?,
            Part::new(&emulator, &env, vec![OwnedFd::from(theirs)])?,
        ],
        line: ours.into(),
        modules: found.kernel.modules.clone().into_os_string(),
        patience: 180,
        scratch,
    })
}

fn server(program: &Path, listener: i32) -> Vec<OsString> {
    let options = ["source=/", "cache=always", "xattr", "sandbox=chroot", "log_level=err"];
    let options = options.iter().flat_map(|option| ["-o".into(), OsString::from(option)]);
    [program.into(), format!("--fd={listener}").into()].into_iter().chain(options).collect()
}

fn emulator(found: &Found, memory: Bytes, [first_root, socket]: &[&Path; 2], line: i32) -> Vec<OsString> {
    let mib = (memory.0 >> 20).max(256);
    let kernel =
        format!("console=ttyS0 quiet panic=-1 apparmor=0 psi=1 rdinit=/init -- {INSIDE} --host {TAG} {PORT}");
    let mut words: Vec<OsString> = vec![found.emulator.clone().into()];
    for text in [
        "-accel tcg,thread=multi -machine q35 -cpu max -smp 2 -nodefaults -no-user-config -nographic -no-reboot",
        &format!("-m {mib} -object memory-backend-memfd,id=mem,size={mib}M,share=on -numa node,memdev=mem"),
        "-serial stdio -device virtio-serial-pci",
        &format!("-chardev socket,id=line,fd={line} -device virtserialport,chardev=line,name=line"),
        &format!("-device vhost-user-fs-pci,chardev=files,tag={TAG}"),
    ] {
        words.extend(text.split(' ').map(OsString::from));
    }
    words.extend(["-chardev".into(), joined("socket,id=files,path=", socket)]);
    words.extend(["-kernel".into(), found.kernel.image.clone().into()]);
    words.extend(["-initrd".into(), (*first_root).into(), "-append".into(), kernel.into()]);
    words
}

/// The line is the first port of the first virtio-serial device; that device has the bus to itself.
const PORT: &str = "/dev/vport";

fn joined(name: &str, path: &Path) -> OsString {
    let mut word = OsString::from(name);
    word.push(path);
    word
}

/// The first root: this program, what its loader needs, and the modules that lead to the host's files.
fn archive(kernel: &Unpacked) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    for dir in ["proc", "dev", "run", HOST] {
        archive.directory(Path::new(dir));
    }
    let own = fs::read_link("/proc/self/exe").doing("readlink(2)", "/proc/self/exe")?;
    archive.file(Path::new("init"), &read(Path::new("/proc/self/exe"))?);
    for library in Libraries::of(Path::new("/")).needed_by(&own)? {
        archive.file(&library, &read(&library)?);
    }
    let modules = kernel.modules.join(&kernel.release);
    let table = modules.join("modules.dep");
    let dependencies = fs::read_to_string(&table).doing("read", &table)?;
    let mut order: Vec<&str> = Vec::new();
    for name in NEEDED {
        // What is not a file is built in.
        for file in files(&dependencies, name).into_iter().flatten() {
            if !order.contains(&file) {
                order.push(file);
            }
        }
    }
    for (index, file) in order.iter().enumerate() {
        let name = Path::new(file).file_name().unwrap_or_default().to_string_lossy().into_owned();
        archive.file(&Path::new(MODULES).join(format!("{index:02}-{name}")), &read(&modules.join(file))?);
    }
    Ok(archive.finish())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).doing("read", path)
}
