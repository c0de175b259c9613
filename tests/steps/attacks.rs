//! The attacks A1 to A11 against every step: `cargo dive attack`, whose matrix is the spine of the book.

use serde_json::Value;

use super::snapshots::snapshot;
use crate::kit::{Case, Lab, Need, Outcome, case};

pub(crate) fn cases() -> Vec<Case> {
    let root = [Need::Root, Need::Cgroups, Need::Program("mkfs.ext4"), Need::Program("losetup")];
    vec![
        case("attacks: the matrix as root", &root, |lab| matrix(lab, "root")),
        case("attacks: the matrix as a user", &[Need::User, Need::Namespaces, Need::NoCgroups], |lab| {
            matrix(lab, "user")
        }),
        case("attacks: what must hold anywhere", &[Need::Namespaces], holds_anywhere),
        case("attacks: one lesson alone", &[Need::Namespaces], |lab| {
            let text = lab.run("dive", &["attack", "04"])?.succeeded()?;
            assert!(text.contains("04") && !text.contains("03"), "{text}");
            Ok(())
        }),
        case("attacks: a lesson that there is not", &[], |lab| {
            lab.run("dive", &["attack", "77"])?.ended_with(125)?.says(&["\"77\"", "01 to 07"]).map(drop)
        }),
    ]
}

fn matrix(lab: &Lab, tier: &str) -> Outcome {
    let text = lab.run("dive", &["attack"])?.succeeded()?;
    snapshot(&format!("attack.{tier}"), "cargo dive attack", &text);
    Ok(())
}

fn holds_anywhere(lab: &Lab) -> Outcome {
    let text = lab.run("dive", &["attack", "--json"])?.succeeded()?;
    let matrix: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let cells = matrix["cells"].as_array().ok_or("no cells")?;
    let of = |attack: &str, step: u64| -> Vec<String> {
        let here = cells.iter().filter(|cell| cell["attack"] == attack && cell["step"] == step);
        here.map(|cell| cell["verdict"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let expected = [
        ("A1", 1, "ESCAPED"),
        ("A1", 2, "ESCAPED"),
        ("A1", 4, "BLOCKED"),
        ("A1", 5, "BLOCKED"),
        ("A3", 2, "BLOCKED"),
        ("A2", 2, "BLOCKED"),
        ("A7", 6, "ESCAPED"),
        ("A7", 7, "BLOCKED"),
        ("A8", 5, "ESCAPED"),
        ("A10", 1, "ESCAPED"),
        ("A10", 5, "ESCAPED"),
        ("A6", 6, "BLOCKED"),
        ("A8", 6, "BLOCKED"),
        ("A9", 6, "BLOCKED"),
        ("A10", 6, "BLOCKED"),
        ("A11", 6, "BLOCKED"),
    ];
    for (attack, step, verdict) in expected {
        let found = of(attack, step);
        assert!(!found.is_empty(), "{attack} against {step} was not tried: {text}");
        assert!(
            found.iter().all(|cell| cell.starts_with(verdict)),
            "{attack} against step {step}: {found:?}"
        );
    }
    Ok(())
}
