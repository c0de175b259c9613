//! Rules about devices, as version 1 takes them: a list that each rule changes (cgroup-v1/devices of the kernel).

use super::{Write, write};
use crate::oci::resources::{DeviceRule, DeviceRuleKind};

/// What every container may do, whatever the rules say: make nodes, and use those that are no danger. Terminals are
/// those of its own devpts.
const ALWAYS: [&str; 10] = [
    "c *:* m",
    "b *:* m",
    "c 1:3 rwm",
    "c 1:5 rwm",
    "c 1:7 rwm",
    "c 1:8 rwm",
    "c 1:9 rwm",
    "c 5:0 rwm",
    "c 5:2 rwm",
    "c 136:* rwm",
];

pub(super) fn writes(rules: &[DeviceRule], list: &mut Vec<Write>) {
    if rules.is_empty() {
        return;
    }
    let field = "linux.resources.devices";
    for rule in rules {
        let file = if rule.allow { "devices.allow" } else { "devices.deny" };
        list.push(write("devices", file, text(rule), field));
    }
    list.extend(ALWAYS.iter().map(|rule| write("devices", "devices.allow", rule, field)));
}

fn text(rule: &DeviceRule) -> String {
    let number = |number: Option<i64>| match number {
        Some(number) if number >= 0 => number.to_string(),
        _ => "*".to_owned(),
    };
    let kind = match rule.kind {
        None | Some(DeviceRuleKind::All) => "a",
        Some(DeviceRuleKind::Block) => "b",
        Some(DeviceRuleKind::Character) => "c",
    };
    let access = rule.access.as_deref().filter(|access| !access.is_empty()).unwrap_or("rwm");
    format!("{kind} {}:{} {access}", number(rule.major), number(rule.minor))
}
