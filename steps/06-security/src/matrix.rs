//! `step-06 matrix`: capability by system call, computed live.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::Path;

use guest::call::{CALLS, Call};
use kit::demo::Capture;
use kit::{Result, Rootfs, Tier, term};
use serde_json::{Value, json};
use step_00::Program;
use step_06::spec;

use crate::container;

/// What each call was answered.
type Answers = BTreeMap<String, String>;

pub(crate) fn show() -> Result<u8> {
    let (tier, root) = (Tier::of_self(), Rootfs::at_or_assembled(None)?);
    let names: BTreeSet<_> = CALLS.iter().map(|call| call.capability).collect();
    let every: Vec<_> = names.iter().copied().collect();

    let without = ask(root.path(), &[], |_| {})?;
    let alone: BTreeMap<_, _> = names
        .iter()
        .map(|name| ask(root.path(), &[*name], |_| {}).map(|answers| (*name, answers)))
        .collect::<Result<_>>()?;
    let filter = spec::default(false)["linux"]["seccomp"].clone();
    let filtered = ask(root.path(), &every, |config| config["linux"]["seccomp"] = filter)?;
    let inside = (tier == Tier::Root).then(|| ask(root.path(), &every, in_user_namespace)).transpose()?;
    let cells = |call: &Call| -> Vec<String> {
        let columns = [Some(&without), alone.get(call.capability), Some(&filtered), inside.as_ref()];
        columns
            .into_iter()
            .flatten()
            .map(|column| column.get(call.name).cloned().unwrap_or_default())
            .collect()
    };

    term::title("capability by system call");
    println!();
    let heads = ["without it", "with it alone", "and the filter", "in a user namespace"];
    row("capability", "call", heads.iter().take(3 + inside.iter().count()));
    for call in &CALLS {
        row(call.capability, call.name, cells(call));
    }
    term::heading("what it says");
    term::line(
        "A capability is asked for by some calls, of whoever makes them. A filter is asked by every call.",
    );
    term::line(match tier {
        Tier::Root => {
            "In a user namespace root holds every capability, over what belongs to that namespace: no device, no\n  \
             limit and no priority of the machine's does."
        }
        Tier::User => {
            "You are not root, so all of this is in a user namespace: its capabilities reach what belongs to it, and\n  \
             no device, no limit and no priority of the machine's does."
        }
    });
    Ok(0)
}

/// One container, with these capabilities and no others.
fn ask(root: &Path, capabilities: &[&str], change: impl FnOnce(&mut Value)) -> Result<Answers> {
    let mut config = spec::default(Tier::of_self() == Tier::User);
    config["root"]["path"] = root.to_string_lossy().into();
    config["process"]["capabilities"] =
        json!({ "bounding": capabilities, "effective": capabilities, "permitted": capabilities });
    if let Some(linux) = config["linux"].as_object_mut() {
        linux.remove("seccomp");
    }
    // Without a group: nothing here is about limits.
    if let Some(mounts) = config["mounts"].as_array_mut() {
        mounts.retain(|mount| mount["type"] != "cgroup");
    }
    change(&mut config);
    let (bundle, confinement) = step_06::from_document(Path::new("/"), &config)?;
    let mut capture = Capture::new()?;
    let guest = Program::new(&["/bin/guest", "calls"])?.env(&bundle.config.process.env)?;
    container(&bundle, &confinement, None, &guest.stdout(capture.writer()?))?;
    capture.parsed()
}

/// Every id means itself: what is refused is not refused for want of an id.
fn in_user_namespace(config: &mut Value) {
    let map = json!([{ "containerID": 0, "hostID": 0, "size": 65536 }]);
    config["linux"]["uidMappings"] = map.clone();
    config["linux"]["gidMappings"] = map;
    if let Some(namespaces) = config["linux"]["namespaces"].as_array_mut() {
        namespaces.push(json!({ "type": "user" }));
    }
}

fn row(capability: &str, call: &str, cells: impl IntoIterator<Item = impl Display>) {
    let cells: Vec<_> = cells.into_iter().map(|cell| format!("  {cell:<14}")).collect();
    term::line(format!("{capability:<20}  {call:<27}{}", cells.concat()).trim_end());
}
