//! `cargo dive pack`: the checkout with every crate that it names, for a room without a network.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args as ClapArgs;
use kit::{Doing, Error, Result, Tier, term};

use super::compose;
use super::course::Course;

/// What `cargo dive pack` is asked.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Run it where there is a network. What it cannot put in is said in the pack's OFFLINE.md: Rust, a linker, and the host's
own programs. --rehearse builds the pack as such a room does: offline, with an empty cargo home, and, where this machine
allows it, in a network namespace without a link.")]
pub struct Args {
    /// A directory that does not exist yet
    #[arg(default_value = "target/dive/docker-dive-pack", value_name = "DIR")]
    dir: PathBuf,
    /// Build it offline, here and now
    #[arg(long)]
    rehearse: bool,
}

/// The packages that a reader of the course builds.
const PACKAGES: [&str; 3] = ["step-07", "workbook", "work"];

/// Packs.
pub fn run(args: &Args) -> Result<u8> {
    let course = Course::find()?;
    let dir = course.root.join(&args.dir);
    if dir.exists() {
        let error = Error::call("pack into", dir.display(), nix::errno::Errno::EEXIST);
        return Err(error.advise("name a directory that does not exist yet"));
    }
    fs::create_dir_all(&dir).doing("mkdir(2)", &dir)?;
    let files = tracked(&course.root)?;
    for file in &files {
        copy(&course.root.join(file), &dir.join(file))?;
    }
    vendor(&dir)?;
    compose::write_if_new(&dir.join("OFFLINE.md"), OFFLINE)?;
    term::pairs(&[
        ("packed", format!("{} files and {} crates", files.len(), entries(&dir.join("vendor"))?)),
        ("into", dir.display().to_string()),
    ]);
    if args.rehearse {
        rehearse(&dir)?;
        term::line(format_args!("rehearsed: {} built offline from nothing", PACKAGES.join(", ")));
    }
    let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let parent = dir.parent().unwrap_or(Path::new("/")).display().to_string();
    term::line(format_args!("as one file: tar -C {parent} -czf {name}.tar.gz {name}"));
    Ok(0)
}

/// What git knows of, and what is new and not ignored; the learner's own work is not.
fn tracked(root: &Path) -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let text = output(&mut git)?;
    let files = text.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
    // A file that was removed and not yet committed is listed, and not there.
    Ok(files.filter(|file| root.join(file).symlink_metadata().is_ok()).collect())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).doing("mkdir(2)", parent)?;
    }
    if from.is_symlink() {
        let target = fs::read_link(from).doing("readlink(2)", from)?;
        return std::os::unix::fs::symlink(target, to).doing("symlink(2)", to);
    }
    fs::copy(from, to).doing("copy to", to).map(drop)
}

/// The crates that Cargo.lock names, and the lines that make cargo take them from there.
fn vendor(dir: &Path) -> Result<()> {
    let mut cargo = cargo();
    cargo.current_dir(dir).args(["vendor", "--locked", "--versioned-dirs", "--quiet", "vendor"]);
    output(&mut cargo)?;
    let config = dir.join(".cargo/config.toml");
    let text = compose::read(&config)?;
    compose::write_if_new(&config, &format!("{text}{VENDORED}"))
}

/// Builds the pack with nothing of this machine's but the toolchain.
fn rehearse(dir: &Path) -> Result<()> {
    let scratch = tempfile::tempdir().doing("mkdir(2)", "a directory for the rehearsal")?;
    let own = cargo();
    let mut command = if network_can_go() {
        let mut unshare = Command::new("unshare");
        unshare.args(without_network()).arg("--").arg(own.get_program());
        unshare
    } else {
        term::note("no network namespace is to be had here: the rehearsal trusts cargo's --offline");
        own
    };
    command.current_dir(dir).args(["build", "--offline", "--locked", "--quiet"]);
    command.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    command
        .env("CARGO_HOME", scratch.path().join("home"))
        .env("CARGO_TARGET_DIR", scratch.path().join("target"));
    output(&mut command).map(drop)
}

/// How unshare(1) takes the network away.
fn without_network() -> &'static [&'static str] {
    if Tier::of_self() == Tier::Root { &["--net"] } else { &["--map-root-user", "--net"] }
}

fn network_can_go() -> bool {
    let tried = Command::new("unshare").args(without_network()).arg("true").stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Standard output of a command that must succeed.
fn output(command: &mut Command) -> Result<String> {
    let program = PathBuf::from(command.get_program());
    let output = command.stdin(Stdio::null()).stderr(Stdio::piped()).output().doing("execute", &program)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::refused("run", program.display(), said.trim_end()))
}

fn entries(dir: &Path) -> Result<usize> {
    Ok(fs::read_dir(dir).doing("opendir(3)", dir)?.count())
}

const VENDORED: &str = r#"
# Written by cargo dive pack.
[source.crates-io]
replace-with = "vendored"

[source.vendored]
directory = "vendor"

[net]
offline = true
"#;

const OFFLINE: &str = "\
# docker-dive without a network

Everything that cargo would fetch lies in `vendor/`, and `.cargo/config.toml` says so. Here

    cargo run -p step-04
    cargo dive doctor
    cargo dive start

work as they do elsewhere. What each machine must have already:

- Rust, of the version that `Cargo.toml` names or newer, with a C linker (Debian: `build-essential`)
- Linux that allows namespaces: `cargo dive doctor` says what is missing, line by line
- for some exercises and instruments programs of the host: `busybox-static`, `iproute2`, `strace`; they are skipped with
  a word where they are missing

Checks and progress need no network either. `cargo dive report --json` is what to collect at the end.
";
