//! What each step prints by default, as the reader sees it and as the book shows it.
//!
//! One snapshot a step and tier. Where the surroundings forbid a lesson, the screen that says so is a snapshot as well
//! (`.without-cgroups`); a plain container gets structural assertions.

use kit::Tier;

use super::{LAST, Step};
use crate::kit::{Case, Lab, Need, Outcome, Ran, case};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for step in 0..=LAST {
        let needs = |need| if step == 0 { vec![] } else { vec![Need::Namespaces, need] };
        let limited = format!("step-{step:02}: prints what it always prints");
        cases.push(case(limited, &needs(Need::Cgroups), move |lab| prints(lab, Step(step), "")));
        if step >= 3 {
            let name = format!("step-{step:02}: says what it cannot do without control groups");
            let needs = [Need::Namespaces, Need::User, Need::NoCgroups];
            cases.push(case(name, &needs, move |lab| prints(lab, Step(step), ".without-cgroups")));
        } else if step > 0 {
            let name =
                format!("step-{step:02}: prints what it always prints, to who may make no control groups");
            cases.push(case(name, &[Need::Namespaces, Need::NoCgroups], move |lab| {
                prints(lab, Step(step), "")
            }));
        }
    }
    cases.extend((0..=LAST).map(|step| {
        let name = format!("step-{step:02}: --help is told");
        case(name, &[], move |lab| help(lab, Step(step)))
    }));
    cases.extend((1..=LAST).map(|step| {
        let name = format!("step-{step:02}: says on one screen why this kernel forbids it");
        case(name, &[Need::NoNamespaces], move |lab| forbidden(lab, Step(step)))
    }));
    cases.push(case("snapshots: colour is for terminals", &[], |lab| {
        for (name, value) in [("TERM", "xterm-256color"), ("NO_COLOR", "1"), ("CLICOLOR", "1")] {
            let ran = Ran::of(lab.command("step-00").env(name, value))?.ended_with(0)?;
            assert!(!ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'), "{name}");
        }
        let forced = Ran::of(lab.command("step-00").env("CLICOLOR_FORCE", "1"))?.ended_with(0)?;
        assert!(
            forced.stdout.contains('\u{1b}'),
            "colour that is forced is missing: the check above proves nothing"
        );
        Ok(())
    }));
    cases
}

fn prints(lab: &Lab, step: Step, surroundings: &str) -> Outcome {
    let ran = lab.run(&step.name(), &[])?;
    // The screen that forbids must not pass for a demonstration.
    let refused = surroundings == ".without-cgroups" && step.0 == 3;
    let ran = ran.ended_with(if refused { 125 } else { 0 })?;
    let text = normalised(lab, &if ran.stderr.is_empty() { ran.stdout } else { ran.stderr + &ran.stdout });
    let name = format!("{}.{}{surroundings}", step.name(), Tier::of_self());
    snapshot(&name, &format!("cargo run -p {}", step.name()), &text);
    Ok(())
}

/// The screen: the call that failed, why, what would mend it, and at what cost. Nothing is shown as if it had run.
fn forbidden(lab: &Lab, step: Step) -> Outcome {
    let ran = lab.run(&step.name(), &[])?.ended_with(125)?;
    let ran = ran.says(&[": E", "\n  why     ", "\n  remedy  ", "\n  exit    125"])?;
    assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    assert!(ran.stderr.lines().count() < 24, "{}", ran.stderr);
    println!("{}", ran.stderr);
    Ok(())
}

fn help(lab: &Lab, step: Step) -> Outcome {
    let mut text = lab.run(&step.name(), &["--help"])?.succeeded()?;
    text += "\n--- run --help\n";
    text += &lab.run(&step.name(), &["run", "--help"])?.succeeded()?;
    snapshot(&format!("{}.help", step.name()), &format!("cargo run -p {} -- --help", step.name()), &text);
    Ok(())
}

/// Compares with tests/snapshots/NAME.snap, whose description is the command.
pub(crate) fn snapshot(name: &str, command: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(command);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// What is the machine's own: where the binaries lie, the names of this lab, which cgroup trees the host has.
pub(crate) fn normalised(lab: &Lab, text: &str) -> String {
    let bins = lab.bin("").display().to_string();
    let text = text.replace(&bins, "target/debug/");
    let text = without_alternatives(&text);
    let lines = text.lines().map(|line| {
        let line = match line.strip_prefix("  cgroup             ") {
            Some(_) => "  cgroup             FLAVOUR",
            None => line,
        };
        // A kernel may be built without pressure stall information, and says so; or without time namespaces.
        let line = named_groups(line).replace("not told by this kernel", "yes");
        // Or without Landlock.
        let line = line.replace("  this kernel has none", "  in /dev/shm: done, in /dev: refused");
        let timeless = line.starts_with("  mnt:") && !line.contains("  time:");
        if timeless { line + "  time:HOST" } else { line }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// After the first remedy of a refusal come others, which depend on the host: its cgroup version, its systemd.
fn without_alternatives(text: &str) -> String {
    let Some((before, rest)) = text.split_once("\n  or      ") else { return text.to_owned() };
    let after = rest.find("\n  exit    ").map_or("", |at| &rest[at..]);
    format!("{before}\n  or      …{after}")
}

/// `"/sys/fs/cgroup/…/docker-dive.ID"`, whichever tree came first.
fn named_groups(line: &str) -> String {
    let Some(start) = line.find("\"/sys/fs/cgroup") else { return line.to_owned() };
    let rest = &line[start + 1..];
    let Some(end) = rest.find('"').filter(|end| rest[..*end].contains("docker-dive.")) else {
        return line.to_owned();
    };
    format!("{}\"/sys/fs/cgroup/…/docker-dive.ID\"{}", &line[..start], &rest[end + 1..])
}
