//! Which devices the processes of a container may use, whichever version of cgroups it is told to.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::AsFd;

use super::{Place, Version};
use crate::error::{Doing, Error, Kind, Result};
use crate::oci::resources::{DeviceRule, DeviceRuleKind};
use crate::sys::devices::{self, Access, DeviceKind, Program, Rule};

/// The field of the configuration that all of this is about.
const FIELD: &str = "linux.resources.devices";

/// What every container may use, whatever its rules say: those that are no danger. Terminals are of its own devpts.
const ALWAYS: [(u32, Option<u32>); 8] = [
    (1, Some(3)),
    (1, Some(5)),
    (1, Some(7)),
    (1, Some(8)),
    (1, Some(9)),
    (5, Some(0)),
    (5, Some(2)),
    (136, None),
];

/// Tells the kernel the rules of a configuration, and what always is allowed; all else is forbidden, also if there are
/// none. Errors: [`Kind::Unsupported`] where nothing can be told; those of the files and of bpf(2).
pub(crate) fn permit(places: &[Place], named: &[DeviceRule]) -> Result<()> {
    let rules = rules(named);
    if let Some(place) = places.iter().find(|place| place.controllers.iter().any(|name| name == "devices")) {
        return write_list(place, &rules);
    }
    let Some(place) = places.iter().find(|place| place.version() == Version::Two) else {
        let reason = "no cgroup hierarchy here knows of devices";
        return Err(Error::refused(Kind::Unsupported, "config.json", FIELD, reason));
    };
    let directory = File::open(&place.dir).doing("open(2)", &place.dir)?;
    devices::replace(directory.as_fd(), &Program::of(&rules)).doing(FIELD, "")
}

fn write_list(place: &Place, rules: &[Rule]) -> Result<()> {
    let mut opened: Option<(&str, File)> = None;
    for (name, line) in devices::version1(rules) {
        let path = place.dir.join(name);
        let mut file = match opened.take() {
            Some((last, file)) if last == name => file,
            _ => OpenOptions::new().write(true).open(&path).doing("open(2)", &path)?,
        };
        file.write_all(line.as_bytes()).doing(format_args!("write {line:?} to"), &path).doing(FIELD, "")?;
        opened = Some((name, file));
    }
    Ok(())
}

/// The configuration's rules, in their order, and behind them what always is allowed.
fn rules(named: &[DeviceRule]) -> Vec<Rule> {
    let always =
        |major, minor, access| Rule { allow: true, kind: Some(DeviceKind::Character), major, minor, access };
    let nodes = [DeviceKind::Block, DeviceKind::Character]
        .map(|kind| Rule { kind: Some(kind), ..always(None, None, Access::MAKE) });
    let usual = ALWAYS.map(|(major, minor)| always(Some(major), minor, Access::ALL));
    named.iter().map(rule).chain(nodes).chain(usual).collect()
}

fn rule(named: &DeviceRule) -> Rule {
    Rule {
        allow: named.allow,
        kind: match named.kind {
            None | Some(DeviceRuleKind::All) => None,
            Some(DeviceRuleKind::Block) => Some(DeviceKind::Block),
            Some(DeviceRuleKind::Character) => Some(DeviceKind::Character),
        },
        major: number(named.major),
        minor: number(named.minor),
        // No letter at all is how engines write "any".
        access: named.access.as_deref().and_then(Access::from_letters).unwrap_or(Access::ALL),
    }
}

/// -1 means any, as an absent one does.
fn number(number: Option<i64>) -> Option<u32> {
    number.and_then(|number| u32::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_always_is_allowed_comes_after_what_is_named() {
        let named = r#"[{"allow": false, "access": "rwm"}, {"allow": true, "type": "b", "major": 8, "minor": -1, "access": "r"}]"#;
        let named: Vec<DeviceRule> = serde_json::from_str(named).expect("rules");
        let lines = devices::version1(&rules(&named));
        let lines: Vec<_> = lines.iter().map(|(file, line)| format!("{file} {line}")).collect();
        assert_eq!(
            lines[..4],
            ["devices.deny a", "devices.allow b 8:* r", "devices.allow b *:* m", "devices.allow c *:* m"]
        );
        assert!(lines.contains(&"devices.allow c 136:* rwm".to_owned()) && lines.len() == 12, "{lines:?}");
    }

    #[test]
    fn without_rules_all_else_is_forbidden() {
        assert_eq!(devices::version1(&rules(&[]))[0], ("devices.deny", "a".to_owned()));
    }
}
