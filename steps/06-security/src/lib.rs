//! Lesson 06: root with less than root's power.

use std::path::{Path, PathBuf};

use kit::{Doing, Result};
use serde_json::Value;
use step_05::field::{Field, Read};
use step_05::process::Process;
use step_05::{Bundle, Unapplied, strict};

pub mod attach;
pub mod bpf;
pub mod capabilities;
pub mod descriptors;
pub mod disassemble;
pub mod labels;
pub mod landlock;
mod mount_all;
pub mod numbers;
pub mod paths;
pub mod policy;
pub mod resolve;
pub mod seccomp;
pub mod spec;

use capabilities::Sets;
pub use mount_all::mount_all;
use policy::Policy;
use resolve::Root;

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

/// Reads a bundle: what lesson 05 applies of it, and what this one does.
pub fn load(dir: &Path) -> Result<(Bundle, Confinement)> {
    let dir = dir.canonicalize().doing("find the bundle", dir)?;
    let path = dir.join("config.json");
    // Once, and not once by each lesson: between two readings the file could become another.
    let document = strict::read(&path).map_err(|error| match error.errno() {
        Some(nix::errno::Errno::ENOENT) => {
            error.advise("a bundle holds a config.json: step-06 spec writes one")
        }
        _ => error,
    })?;
    from_document(&dir, &document)
}

/// The same, of a configuration that is at hand already.
pub fn from_document(dir: &Path, document: &Value) -> Result<(Bundle, Confinement)> {
    let mut bundle = Bundle::from_document(dir, document)?;
    let read = Read::default();
    let whole = Field::root(document, &read);
    let confinement = Confinement::from_field(&whole)?;
    bundle.unapplied = still_unapplied(&bundle.unapplied, &whole.unread());
    Ok((bundle, confinement))
}

/// This lesson's part alone.
pub fn confinement(document: &Value) -> Result<Confinement> {
    Confinement::from_field(&Field::root(document, &Read::default()))
}

/// What neither lesson has read. Each names a field as high up as it has read nothing below; of two that name one
/// place, the longer path says what is left.
fn still_unapplied(before: &[Unapplied], unread: &[String]) -> Vec<Unapplied> {
    let below = |path: &str, above: &str| {
        path == above || path.strip_prefix(above).is_some_and(|rest| rest.starts_with(['.', '[']))
    };
    let left = |field: &Unapplied| -> Vec<Unapplied> {
        if unread.iter().any(|path| below(&field.path, path)) {
            return vec![field.clone()];
        }
        let parts = unread.iter().filter(|path| below(path, &field.path));
        parts.map(|path| Unapplied { path: path.clone(), by: "dive-runtime".into() }).collect()
    };
    before.iter().flat_map(left).collect()
}

impl Confinement {
    fn from_field(whole: &Field<'_>) -> Result<Self> {
        let (process, linux) = (whole.need("process")?, whole.need("linux")?);
        let paths = |key: &str| -> Result<Vec<PathBuf>> {
            let list = linux.get(key)?.map_or(Ok(vec![]), |list| list.list())?;
            list.iter().map(absolute).collect()
        };
        Ok(Self {
            capabilities: Sets::from_field(process.get("capabilities")?.as_ref())?,
            no_new_privileges: process.get("noNewPrivileges")?.map_or(Ok(false), |field| field.flag())?,
            masked: paths("maskedPaths")?,
            read_only: paths("readonlyPaths")?,
            seccomp: linux.get("seccomp")?.map(|field| Policy::from_field(&field)).transpose()?,
            apparmor: text(process.get("apparmorProfile")?)?,
            selinux: text(process.get("selinuxLabel")?)?,
            writable: None,
        })
    }

    /// What is done while the host's tree is there, once all is mounted and before the pivot: the host's /dev/null
    /// covers, and the host's /proc takes the labels.
    pub fn confine_paths(&self, root: &Path) -> Result<()> {
        let root = Root::open(root)?;
        paths::mask(&root, &self.masked)?;
        paths::make_read_only(&root, &self.read_only)?;
        self.apparmor.iter().try_for_each(|profile| labels::set_apparmor(profile))?;
        self.selinux.iter().try_for_each(|label| labels::set_selinux(label))
    }

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

    fn restrict(&self) -> Result<()> {
        self.writable.iter().try_for_each(|places| landlock::write_only_below(places))?;
        self.seccomp.iter().try_for_each(|policy| seccomp::load(&bpf::assemble(policy)))
    }
}

fn text(field: Option<Field<'_>>) -> Result<Option<String>> {
    field.map(|field| field.text()).transpose().map(|text| text.filter(|text| !text.is_empty()))
}

fn absolute(field: &Field<'_>) -> Result<PathBuf> {
    let text = field.text()?;
    if text.starts_with('/') {
        Ok(text.into())
    } else {
        Err(field.refuse(format!("must be absolute, and is {text:?}")))
    }
}
