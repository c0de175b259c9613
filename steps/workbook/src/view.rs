//! `cargo dive view PID`: what about a process is contained, and what is not.
//!
//! A container is no object of the kernel's: it is a process with namespaces, limits, a root and privileges
//! of its own, more or fewer of them. This instrument reads each from /proc and from the cgroup trees, lays it
//! beside a reference's (the host's first process, where that is readable), and says which differ.
//!
//! - [`View`]: the facts of one process, with what is out of the reader's sight said fact by fact
//! - [`Difference`]: a view beside the reference's
//! - [`rows`]: both as lines of words; [`text`] and [`svg`] show them

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use guest::report::{IdRange, Seccomp, Status, id_map};
use kit::{Doing, Error, Result};
use nix::errno::Errno;
use serde::{Deserialize, Serialize};

pub mod capabilities;
pub mod cgroup;
pub mod descriptors;
mod difference;
mod fact;
pub mod mounts;
pub mod namespaces;
mod process;
pub mod rows;
mod sockets;
pub mod svg;
pub mod text;

pub use capabilities::Capabilities;
pub use cgroup::Cgroup;
pub use descriptors::Descriptor;
pub use difference::Difference;
pub use fact::Fact;
pub use mounts::Mount;
pub use namespaces::Namespaces;

use process::{Process, identity};

/// What stands below the options in `--help`.
const MORE: &str = "\
Each fact is read from the kernel and laid beside a reference's: process 1 where that may be read, else this
program itself. `own` is another one than the reference's, `shared` the same. What this reader may not see is
said beside the fact; root sees all of it.

A process in a container has a pid out here: docker inspect -f '{{.State.Pid}}' NAME, runc list, pgrep.
`leading out` are open descriptors on something that the process could not name itself. In red: those that are
a way to more than their one target, as a directory is.";

/// What `cargo dive view` is asked.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = MORE)]
pub struct Args {
    /// The process; two of them are shown side by side
    #[arg(value_name = "PID", num_args = 1..=2, required = true, value_parser = clap::value_parser!(i32).range(1..))]
    pids: Vec<i32>,
    /// Compare with this process instead
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(i32).range(1..))]
    against: Option<i32>,
    /// Name each mount and descriptor, however many
    #[arg(long)]
    all: bool,
    /// As JSON, for programs
    #[arg(long, conflicts_with = "svg")]
    json: bool,
    /// As a drawing for light and dark pages; to standard output when no file is named
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    svg: Option<PathBuf>,
}

/// The facts of one process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Its pid in the reader's pid namespace.
    pub pid: i32,
    /// Its name, at most 15 bytes.
    pub name: String,
    /// Its arguments; empty for a kernel thread and for a process that has ended.
    pub command: Fact<Vec<String>>,
    /// As proc(5) has it: `S (sleeping)`.
    pub state: String,
    /// Its parent's pid.
    pub parent: u32,
    /// Its pid in each pid namespace, from the reader's down to its own.
    pub pids: Vec<i32>,
    /// Its ids.
    pub ids: Ids,
    /// Its namespaces.
    pub namespaces: Namespaces,
    /// Its capability sets.
    pub capabilities: Capabilities,
    /// The seccomp mode, and how many filters.
    pub seccomp: Seccomp,
    /// Whether execve(2) can no longer grant privileges.
    pub no_new_privs: bool,
    /// What a security module says of it, where one does.
    pub label: Fact<Option<String>>,
    /// Its cgroups and their limits.
    pub cgroup: Fact<Cgroup>,
    /// Its root directory.
    pub root: Fact<Root>,
    /// The mounts below its root.
    pub mounts: Fact<Vec<Mount>>,
    /// Its open descriptors.
    pub descriptors: Fact<Vec<Descriptor>>,
    /// The sockets of its network namespace, by which foreign ones are told apart; too many to be written down.
    #[serde(skip)]
    sockets: sockets::Sockets,
}

/// Who a process is, in the ids of the reader's user namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    /// Real, effective, saved and file system user id.
    pub uid: Vec<u32>,
    /// The same of the group.
    pub gid: Vec<u32>,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// How its user namespace's uids map to the reader's.
    pub uid_map: Fact<Vec<IdRange>>,
    /// The same of the gids.
    pub gid_map: Fact<Vec<IdRange>>,
    /// Whether its user namespace lets groups be changed: `allow` or `deny`.
    pub setgroups: Fact<String>,
}

/// A root directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// As the reader would name it, if it is in the reader's mount namespace.
    pub path: String,
    /// Device and inode.
    pub identity: (u64, u64),
    /// The id of the mount on which it lies.
    pub mount: Fact<i32>,
}

/// What the processes are compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Its pid.
    pub pid: i32,
    /// Its name.
    pub name: String,
    /// Why it was this one.
    pub why: String,
}

/// A process beside the reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// The facts.
    pub view: View,
    /// What differs.
    pub difference: Difference,
}

/// What was asked for: one process or two, beside a reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What they are compared with.
    pub reference: Reference,
    /// The processes, in the order in which they were named.
    pub processes: Vec<Compared>,
}

/// Looks, and prints what was seen: text, JSON or a drawing.
pub fn run(args: &Args) -> Result<u8> {
    let answer = Answer::to(&args.pids, args.against)?;
    if args.json {
        let json = serde_json::to_string_pretty(&answer);
        println!("{}", json.map_err(|error| Error::refused("write as JSON", "the view", error))?);
    } else if let Some(file) = &args.svg {
        let drawing = svg::draw(&answer);
        if file.as_os_str() == "-" {
            std::io::stdout().write_all(drawing.as_bytes()).doing("write to", "standard output")?;
        } else {
            fs::write(file, drawing).doing("write", file)?;
        }
    } else {
        text::print(&answer, args.all);
    }
    Ok(0)
}

impl Answer {
    /// Looks at the processes and at the reference.
    pub fn to(pids: &[i32], against: Option<i32>) -> Result<Self> {
        let (reference, why) = reference(against)?;
        let compare = |pid: &i32| {
            let view = View::of(*pid)?;
            let difference = Difference::between(&view, &reference);
            Ok(Compared { view, difference })
        };
        let processes = pids.iter().map(compare).collect::<Result<_>>()?;
        Ok(Self { reference: Reference { pid: reference.pid, name: reference.name, why }, processes })
    }
}

/// Process 1 stands for the host; who may not look at it stands for the host oneself.
fn reference(against: Option<i32>) -> Result<(View, String)> {
    if let Some(pid) = against {
        return Ok((View::of(pid)?, "as asked for".into()));
    }
    let first = View::of(1)?;
    if first.namespaces.values().all(|namespace| namespace.known().is_some()) {
        return Ok((first, "the first process".into()));
    }
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    Ok((View::of(own)?, "this program itself, because process 1 cannot be read".into()))
}

/// How often a process is looked at again that changed while it was looked at.
const TRIES: usize = 5;

impl View {
    /// Looks at a process. Errors with ESRCH if there is none, or if it ends before all was read: facts from
    /// before and after an end, or an execve(2), would not be those of one process.
    pub fn of(pid: i32) -> Result<Self> {
        let process = Process::open(pid)?;
        for _ in 0..TRIES {
            let before = process.status()?;
            let view = Self::read(pid, &process, &before);
            let after = process.status()?;
            if !is_zombie(&before) && (is_zombie(&after) || process.is_ending()) {
                return Err(process.ended());
            }
            if settled(&before) == settled(&after) {
                return Ok(view);
            }
        }
        Err(Error::call("view process", pid, Errno::EAGAIN).advise("it changed each time it was looked at"))
    }

    fn read(pid: i32, process: &Process, status: &Status) -> Self {
        let text = |name: &str| status.field(name).unwrap_or_default().to_owned();
        Self {
            pid,
            name: text("Name"),
            command: Fact::of(process.read("cmdline")).map(|line| words(&line)),
            state: text("State"),
            parent: status.number("PPid"),
            pids: numbers(&text("NSpid")),
            ids: Ids {
                uid: numbers(&text("Uid")),
                gid: numbers(&text("Gid")),
                groups: numbers(&text("Groups")),
                uid_map: Fact::of(process.read("uid_map")).map(|map| id_map(&map)),
                gid_map: Fact::of(process.read("gid_map")).map(|map| id_map(&map)),
                setgroups: Fact::of(process.read("setgroups")).map(|word| word.trim().to_owned()),
            },
            namespaces: namespaces::read(process),
            capabilities: status.capabilities().into(),
            seccomp: status.seccomp(),
            no_new_privs: status.number("NoNewPrivs") == 1,
            label: label(process),
            cgroup: Fact::of(process.read("cgroup")).map(|text| Cgroup::here(&text)),
            root: Fact::of(root(process)),
            mounts: Fact::of(process.read("mountinfo")).map(|text| mounts::parse(&text)),
            descriptors: descriptors::read(process),
            sockets: sockets::read(process),
        }
    }

    /// Whether it has ended and waits for its parent. The kernel has then taken most of it apart.
    pub fn is_zombie(&self) -> bool {
        self.state.starts_with(['Z', 'X'])
    }
}

fn is_zombie(status: &Status) -> bool {
    status.field("State").is_some_and(|state| state.starts_with(['Z', 'X']))
}

/// The lines of a status that change only with what the process is.
fn settled(status: &Status) -> Vec<String> {
    let names =
        ["Name", "NSpid", "Uid", "Gid", "CapPrm", "CapEff", "CapBnd", "Seccomp_filters", "NoNewPrivs"];
    let mut lines: Vec<_> =
        names.iter().map(|name| status.field(name).unwrap_or_default().to_owned()).collect();
    lines.push(is_zombie(status).to_string());
    lines
}

/// EINVAL is the answer where no security module labels processes.
fn label(process: &Process) -> Fact<Option<String>> {
    match process.read("attr/current") {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Fact::Known(None),
        reading => Fact::of(reading).map(|text| Some(text.trim_end_matches(['\n', '\0']).to_owned())),
    }
}

fn root(process: &Process) -> std::io::Result<Root> {
    let path = process.link("root")?;
    let meta = process.stat("root")?;
    Ok(Root { path, identity: identity(&meta), mount: Fact::of(process.mount_of("root")) })
}

fn words(cmdline: &str) -> Vec<String> {
    cmdline.split_terminator('\0').map(str::to_owned).collect()
}

fn numbers<T: std::str::FromStr>(text: &str) -> Vec<T> {
    text.split_whitespace().filter_map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests;
