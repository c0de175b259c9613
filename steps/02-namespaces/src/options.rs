//! The options of `step-02 run`.

use clap::Args;
use kit::{Error, Result, Tier};
use nix::sched::CloneFlags;
use step_02::ids::{Maps, Range};

/// Which namespaces, and what is in them.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// The namespaces that shall be new: pid, mnt, uts, ipc, net, user, cgroup. Without privilege `user` is
    /// added, for the others need it
    #[arg(long, value_delimiter = ',', default_value = "pid,mnt,uts,ipc,net", value_name = "KIND,…")]
    pub(crate) namespaces: Vec<String>,
    /// The host's name inside
    #[arg(long, default_value = "step-02", value_name = "NAME")]
    pub(crate) hostname: String,
    /// Put a small init before the command: it reaps orphans and passes signals on
    #[arg(long)]
    pub(crate) init: bool,
    /// A time namespace whose clocks are ahead by so many seconds
    #[arg(long, allow_hyphen_values = true, value_name = "SECONDS")]
    pub(crate) boottime: Option<i64>,
    /// A range of user ids for the user namespace; more than your own needs root
    #[arg(long, value_name = "INSIDE:OUTSIDE:COUNT")]
    pub(crate) uid_map: Vec<Range>,
    /// A range of group ids
    #[arg(long, value_name = "INSIDE:OUTSIDE:COUNT")]
    pub(crate) gid_map: Vec<Range>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            namespaces: ["pid", "mnt", "uts", "ipc", "net"].map(str::to_owned).into(),
            hostname: "step-02".into(),
            init: false,
            boottime: None,
            uid_map: Vec::new(),
            gid_map: Vec::new(),
        }
    }
}

impl Options {
    /// The flags for clone3. Errors name a kind that there is not.
    pub(crate) fn namespaces(&self, tier: Tier) -> Result<CloneFlags> {
        let mut flags = CloneFlags::empty();
        for kind in &self.namespaces {
            flags |= match kind.as_str() {
                "pid" => CloneFlags::CLONE_NEWPID,
                "mnt" | "mount" => CloneFlags::CLONE_NEWNS,
                "uts" => CloneFlags::CLONE_NEWUTS,
                "ipc" => CloneFlags::CLONE_NEWIPC,
                "net" | "network" => CloneFlags::CLONE_NEWNET,
                "user" => CloneFlags::CLONE_NEWUSER,
                "cgroup" => CloneFlags::empty(),
                "time" => return Err(unknown(kind, "a time namespace is made by --boottime SECONDS")),
                _ => return Err(unknown(kind, "there are pid, mnt, uts, ipc, net, user and cgroup")),
            };
        }
        let mapped = !self.uid_map.is_empty() || !self.gid_map.is_empty();
        if tier == Tier::User || mapped {
            flags |= CloneFlags::CLONE_NEWUSER;
        }
        Ok(flags)
    }

    /// Whether init makes a cgroup namespace.
    pub(crate) fn cgroup_namespace(&self) -> bool {
        self.namespaces.iter().any(|kind| kind == "cgroup")
    }

    /// The maps that were asked for; where none was, root inside is the caller.
    pub(crate) fn maps(&self) -> Maps {
        let own = Maps::me_as_root();
        let or_own = |asked: &Vec<Range>, own| if asked.is_empty() { own } else { asked.clone() };
        Maps { uids: or_own(&self.uid_map, own.uids), gids: or_own(&self.gid_map, own.gids) }
    }
}

fn unknown(kind: &str, known: &str) -> Error {
    Error::refused("make a namespace of kind", kind, "no such kind").advise(known)
}
