//! What the README shows of an output must be in the output.

use crate::kit::{Case, Need, Outcome, case};

/// The README, as a reader sees it.
const README: &str = include_str!("../../README.md");
/// How the excerpt begins; it is the first of the README's texts.
const FENCE: &str = "```text\n";
/// What stands for lines that were left out.
const GAP: &str = "  …";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("readme: step-04 prints what is shown of it", &[Need::User, Need::Namespaces], |lab| {
            excerpt_is_in(excerpt(README)?, &lab.run("step-04", &[])?.succeeded()?)
        }),
        case("readme: a line that is not printed is noticed", &[], |_| {
            let printed = "one\ntwo\nthree\nfour\n";
            excerpt_is_in("one\n  …\nthree\n", printed)?;
            for wrong in ["one\nthree\n", "three\n  …\none\n", "one\n  …\nfive\n"] {
                assert!(excerpt_is_in(wrong, printed).is_err(), "{wrong:?} passed");
            }
            Ok(())
        }),
    ]
}

fn excerpt(readme: &str) -> Result<&str, String> {
    let (_, rest) = readme.split_once(FENCE).ok_or("the README shows no text")?;
    rest.split_once("```").map(|(text, _)| text).ok_or_else(|| "the README's first text has no end".into())
}

/// The pieces between the gaps are in the output, whole and in their order.
fn excerpt_is_in(excerpt: &str, printed: &str) -> Outcome {
    let lines: Vec<_> = excerpt.lines().collect();
    let mut rest: Vec<_> = printed.lines().collect();
    for piece in lines.split(|line| *line == GAP).filter(|piece| !piece.is_empty()) {
        let found = rest.windows(piece.len()).position(|window| window == piece);
        let at = found.ok_or_else(|| format!("not printed, or not there: {piece:#?}"))?;
        rest.drain(..at + piece.len());
    }
    Ok(())
}
