//! `--only`: the calls that are asked for, and that others were made is said.

use super::{calls, traced};
use crate::kit::{Lab, Outcome};

pub(super) fn named(lab: &Lab) -> Outcome {
    let step = super::path(&lab.bin("step-00"));
    let (whole, _) = traced(lab, &[], &[&step, "run", "true"])?;
    let (part, _) = traced(lab, &["--only", "clone,clone3"], &[&step, "run", "true"])?;
    let names = |document| calls(document).filter_map(|call| call["name"].as_str()).collect::<Vec<_>>();
    assert!(names(&whole).contains(&"execve"), "or nothing was left out: {whole:#}");
    assert!(
        names(&part).iter().all(|name| name.starts_with("clone")) && !names(&part).is_empty(),
        "{part:#}"
    );
    let left_out = part["left_out"].as_u64().unwrap_or(0);
    assert_eq!(left_out + names(&part).len() as u64, names(&whole).len() as u64, "none is lost");
    assert_eq!(whole["left_out"], 0);
    for options in [&["--only", "clone"][..], &["--live", "--only", "clone"]] {
        let words = [&["trace"][..], options, &["--", &step, "run", "true"]].concat();
        let text = lab.run("dive", &words)?.stderr;
        assert!(text.contains("clone(") && !text.contains("execve("), "{text}");
        assert!(options.len() > 2 || text.contains("others are left out"), "{text}");
    }
    // A name that no call has must not look like a call that nobody made.
    lab.run("dive", &["trace", "--only", "clon", "--", "true"])?
        .ended_with(2)?
        .says(&["clon", "pivot_root"])?;
    Ok(())
}
