//! The namespaces of a container: which are made with init, which are entered by whom, and when.

use std::path::Path;

use crate::error::{Doing, Result};
use crate::oci::Spec;
use crate::oci::linux::{Clock, NamespaceKind, TimeOffset};
use crate::sys::link;
use crate::sys::namespace::{Kind, Namespace};

/// What is to be done about namespaces.
#[derive(Debug)]
pub(super) struct Namespaces {
    /// Made together with init.
    pub(super) made: Vec<Kind>,
    /// Entered by the parent before init is made, and left again: a namespace of processes can be entered by children only;
    /// and one that the host's root owns cannot be entered any more by who is born in a user namespace below.
    around: Vec<Namespace>,
    /// Entered by init.
    inside: Vec<Namespace>,
    /// Made by init later: that of cgroups, once it is where it belongs.
    own_cgroup: bool,
    /// Made by init before it has set these clocks.
    clocks: Option<Vec<(Clock, TimeOffset)>>,
}

impl Namespaces {
    /// Opens those that are there already. Errors: those of open(2); a file that is no such namespace.
    pub(super) fn of(spec: &Spec) -> Result<Self> {
        let mut all = Self {
            made: Vec::new(),
            around: Vec::new(),
            inside: Vec::new(),
            own_cgroup: false,
            clocks: None,
        };
        let Some(linux) = &spec.linux else { return Ok(all) };
        let own_users = linux.namespaces.iter().any(|namespace| namespace.kind == NamespaceKind::User);
        for namespace in &linux.namespaces {
            let kind = kind_of(namespace.kind);
            match namespace.path.as_deref().filter(|path| !path.is_empty()) {
                Some(path) => {
                    let opened = Namespace::open(kind, Path::new(path))?;
                    let root = nix::unistd::geteuid().is_root();
                    let list = if kind == Kind::Pid || own_users && root {
                        &mut all.around
                    } else {
                        &mut all.inside
                    };
                    list.push(opened);
                }
                None if kind == Kind::Cgroup => all.own_cgroup = true,
                None if kind == Kind::Time => {
                    all.clocks =
                        Some(linux.time_offsets.iter().map(|(clock, offset)| (*clock, *offset)).collect());
                }
                None => all.made.push(kind),
            }
        }
        // The user namespace first: what a process may do in the others follows from it.
        all.made.sort();
        Ok(all)
    }

    /// Whether this kind is made anew.
    pub(super) fn is_new(&self, kind: Kind) -> bool {
        match kind {
            Kind::Cgroup => self.own_cgroup,
            Kind::Time => self.clocks.is_some(),
            kind => self.made.contains(&kind),
        }
    }

    /// Does something while this process, or its children, are in the namespaces that the parent has to enter. Errors: those
    /// of setns(2); if there is no way back, the process must not go on.
    pub(super) fn around<T>(&self, body: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut back = Vec::new();
        for namespace in &self.around {
            let own = format!("/proc/self/ns/{}", namespace.kind().proc_name());
            back.push(Namespace::open(namespace.kind(), Path::new(&own))?);
        }
        for namespace in &self.around {
            namespace.enter()?;
        }
        let outcome = body();
        for namespace in &back {
            namespace.enter()?;
        }
        outcome
    }

    /// Gives init clocks of its own, while /proc/self is its own.
    pub(super) fn set_clocks(&self) -> Result<()> {
        self.clocks.as_ref().map_or(Ok(()), |clocks| own_clocks(clocks))
    }

    /// What init does, once it is in its cgroups and has its ids.
    pub(super) fn settle(&self) -> Result<()> {
        for namespace in &self.inside {
            namespace.enter()?;
        }
        if self.own_cgroup {
            Kind::Cgroup.unshare()?;
        }
        if self.is_new(Kind::Network) {
            link::loopback_up()?;
        }
        Ok(())
    }
}

/// A time namespace is made for children, its clocks can be set as long as it is empty, and then it is entered.
fn own_clocks(clocks: &[(Clock, TimeOffset)]) -> Result<()> {
    Kind::Time.unshare()?;
    let lines = clocks.iter().map(|(clock, offset)| {
        let name = match clock {
            Clock::Monotonic => "monotonic",
            Clock::Boottime => "boottime",
        };
        format!("{name} {} {}", offset.secs, offset.nanosecs)
    });
    let offsets = lines.collect::<Vec<_>>().join("\n");
    if !offsets.is_empty() {
        let path = "/proc/self/timens_offsets";
        std::fs::write(path, &offsets).doing(format_args!("write {offsets:?} to"), path)?;
    }
    Namespace::open(Kind::Time, Path::new("/proc/self/ns/time_for_children"))?.enter()
}

/// The kinds of namespaces that a container has of its own, or shares by path with others than its creator.
pub(super) fn kinds(spec: &Spec) -> Vec<Kind> {
    let listed = spec.linux.iter().flat_map(|linux| &linux.namespaces);
    listed.map(|namespace| kind_of(namespace.kind)).collect()
}

fn kind_of(kind: NamespaceKind) -> Kind {
    match kind {
        NamespaceKind::Pid => Kind::Pid,
        NamespaceKind::Network => Kind::Network,
        NamespaceKind::Mount => Kind::Mount,
        NamespaceKind::Ipc => Kind::Ipc,
        NamespaceKind::Uts => Kind::Uts,
        NamespaceKind::User => Kind::User,
        NamespaceKind::Cgroup => Kind::Cgroup,
        NamespaceKind::Time => Kind::Time,
    }
}
