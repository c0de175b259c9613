//! Lesson 06: root with less than root's power.
//!
//! Until here whoever is uid 0 in the container is uid 0 for the kernel, with every capability, every system call and
//! half of the machine's settings below /proc. Namespaces decide what is *seen*; this lesson is about what may be *done*,
//! and there are many answers, for each was added to a kernel that had the others already:
//!
//! - who may: [`capabilities`], the parts that root's power was cut into, and no_new_privs, after which no program gives
//!   any of them back
//! - what may be called: a [`policy`], assembled into [`bpf`] by hand, loaded by [`seccomp`], read by [`disassemble`]
//! - which files: [`paths`] that are masked or read-only, [`landlock`], and the host's own [`labels`]
//! - what else leads out: [`descriptors`] that were left open, and links in a root that is not trusted: [`resolve`]
//!   finds a place inside, and [`attach`] mounts there, without a path that somebody could change in between
//!
//! Every one only takes away, and none can be undone. So the whole lesson is an order: what takes privilege comes before
//! the privilege goes.

use std::path::{Path, PathBuf};

use kit::Result;
use step_05::process::Process;

pub mod attach;
pub mod bpf;
mod bundle;
pub mod capabilities;
pub mod descriptors;
pub mod disassemble;
pub mod labels;
pub mod landlock;
mod mount_all;
pub mod numbers;
pub mod options;
pub mod paths;
pub mod policy;
pub mod resolve;
pub mod seccomp;
pub mod spec;

pub use bundle::{confinement, from_document, load};
use capabilities::Sets;
pub use mount_all::mount_all;
use policy::Policy;
use resolve::Root;

// ANCHOR: confinement
/// What a configuration takes away.
#[derive(Debug, Clone)]
pub struct Confinement {
    /// `process.capabilities`.
    pub capabilities: Sets,
    /// `process.noNewPrivileges`.
    pub no_new_privileges: bool,
    /// `linux.maskedPaths`.
    pub masked: Vec<PathBuf>,
    /// `linux.readonlyPaths`.
    pub read_only: Vec<PathBuf>,
    /// `linux.seccomp`.
    pub seccomp: Option<Policy>,
    /// `process.apparmorProfile`.
    pub apparmor: Option<String>,
    /// `process.selinuxLabel`.
    pub selinux: Option<String>,
    /// The only places that may be written to, by Landlock. The specification has no field for it.
    pub writable: Option<Vec<PathBuf>>,
}
// ANCHOR_END: confinement

impl Confinement {
    // ANCHOR: confine_paths
    /// What is done while the host's tree is there, once all is mounted and before the pivot: the host's /dev/null
    /// covers, and the host's /proc takes the labels.
    pub fn confine_paths(&self, root: &Path) -> Result<()> {
        let root = Root::open(root)?;
        paths::mask(&root, &self.masked)?;
        paths::make_read_only(&root, &self.read_only)?;
        self.apparmor.iter().try_for_each(|profile| labels::set_apparmor(profile))?;
        self.selinux.iter().try_for_each(|label| labels::set_selinux(label))
    }
    // ANCHOR_END: confine_paths

    // ANCHOR: drop_privileges
    /// Becomes the user, and gives up every capability that was not asked for, in init and after the pivot.
    ///
    /// The filter comes first where the configuration leaves no_new_privs off: to load one takes CAP_SYS_ADMIN then,
    /// which is about to go. The bounding set comes before the change of user, for it takes CAP_SETPCAP. A change
    /// from uid 0 to another empties the permitted set, unless it is asked to be kept; so the sets come after it.
    pub fn drop_privileges(&self, process: &Process) -> Result<()> {
        let sets = self.capabilities.granted()?;
        descriptors::close_on_exec()?;
        if !self.no_new_privileges {
            self.restrict()?;
        }
        sets.bound()?;
        capabilities::keep_through_setuid(true)?;
        process.become_user()?;
        descriptors::stand_inside()?;
        capabilities::keep_through_setuid(false)?;
        sets.take()?;
        capabilities::verify(sets)
    }
    // ANCHOR_END: drop_privileges

    // ANCHOR: seal
    /// The last thing before execve(2). With no_new_privs a filter needs no privilege, and can come so late that it
    /// must allow nothing of what was done to set the container up.
    pub fn seal(&self) -> Result<()> {
        if !self.no_new_privileges {
            return Ok(());
        }
        capabilities::no_new_privileges()?;
        self.restrict()
    }
    // ANCHOR_END: seal

    /// Landlock, and then the filter, which might forbid Landlock's calls.
    fn restrict(&self) -> Result<()> {
        self.writable.iter().try_for_each(|places| landlock::write_only_below(places))?;
        self.seccomp.iter().try_for_each(|policy| seccomp::load(&bpf::assemble(policy)))
    }
}
