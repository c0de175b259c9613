//! `cargo dive check`: builds the learner's container, runs it in labs, compares.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Args as ClapArgs;
use kit::{Result, term};

use super::build::{Package, build};
use super::compose;
use super::course::{Course, Which};
use super::format::{Exercise, Kind};
use super::hints;
use super::judge::{self, Verdict};
use super::manifest;
use super::progress::hash_of;
use super::runs::{self, Programs};
use super::tell;
use super::work::{Work, facts_name};

/// What `cargo dive check` is asked.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
What is expected lies in steps/NN-*/exercises/NN-*/expected, and is never written by a check.
Exit status: 0 if all passed, 1 if one failed or does not compile, 125 if nothing could be checked.")]
pub struct Args {
    /// A lesson (04) or an exercise (04.02); the one that was begun last, if none is named
    #[arg(value_parser = |text: &str| text.parse::<Which>())]
    which: Option<Which>,
    /// Check what has passed already and is unchanged as well
    #[arg(long)]
    again: bool,
    /// Build as yourself, and run as root
    #[arg(long)]
    sudo: bool,
    /// Call an open exercise done
    #[arg(long)]
    done: bool,
}

/// Exit status when an exercise failed.
const FAILED: u8 = 1;

/// How it is checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    pub(crate) again: bool,
    pub(crate) sudo: bool,
    pub(crate) done: bool,
}

/// Checks.
pub fn run(args: &Args) -> Result<u8> {
    let course = Course::find()?;
    let mut work = Work::open(&course)?;
    let which = work.asked_or_current(args.which)?;
    if steps_changed(&course) {
        term::note(
            "files below steps/ were changed here (git status steps): what is expected may not be the course's",
        );
    }
    let how = How { again: args.again, sudo: args.sudo, done: args.done };
    // Of a whole lesson, those that were not begun are told and are no failures.
    let named = matches!(which, Which::One(_));
    let mut status = 0;
    for (index, exercise) in course.asked(Some(which))?.into_iter().enumerate() {
        if index > 0 {
            anstream::println!();
        }
        status = match one(&course, &mut work, exercise, how, named)? {
            Verdict::Failed => FAILED,
            Verdict::Unchecked if named => kit::error::FAILED,
            _ => status,
        };
        work.save()?;
    }
    Ok(status)
}

/// Checks one, and tells it.
pub(crate) fn one(
    course: &Course,
    work: &mut Work,
    exercise: &Exercise,
    how: How,
    named: bool,
) -> Result<Verdict> {
    tell::title(exercise);
    if exercise.about.kind == Kind::Open {
        work.progress.state_mut(exercise.id).done |= how.done;
        let done = work.progress.state(exercise.id).done;
        term::line(if done {
            "open-ended; you called it done"
        } else {
            "open-ended: no check can tell. When you are content: --done"
        });
        return Ok(Verdict::Passed);
    }
    if !named && !work.module(exercise).is_file() {
        term::line(format_args!("not begun: cargo dive start {}", exercise.id));
        return Ok(Verdict::Unchecked);
    }
    let module = work.begun(exercise)?;
    if work.unchanged(exercise) && !how.again {
        let state = work.progress.state(exercise.id);
        let passed = tell::passed(&state.tiers, &state.skipped);
        term::line(format_args!("{passed} (unchanged since; --again runs it)"));
        return Ok(Verdict::Passed);
    }
    let Some(programs) = programs(course, work, exercise)? else {
        work.progress.state_mut(exercise.id).failures += 1;
        let module = work.shown(&module);
        term::line(format_args!(
            "does not compile; the compiler's words are above. {} is yours",
            module.display()
        ));
        return Ok(Verdict::Failed);
    };
    judged(work, exercise, &programs, how.sudo)
}

fn judged(work: &mut Work, exercise: &Exercise, programs: &Programs, sudo: bool) -> Result<Verdict> {
    let outcomes = runs::outcomes(exercise, programs, sudo)?;
    tell::outcomes(exercise, &outcomes);
    let verdict = judge::verdict(&outcomes);
    let hint = hints::fitting(exercise, &outcomes);
    tell::verdict(exercise, &outcomes, verdict, hint.as_ref());
    let hash = hash_of(exercise, &work.module(exercise))?;
    let state = work.progress.state_mut(exercise.id);
    match verdict {
        Verdict::Passed => {
            (state.passed, state.hint) = (Some(hash), None);
            (state.tiers, state.skipped) = (tell::tiers(&outcomes), tell::skipped(&outcomes));
        }
        Verdict::Failed => {
            (state.passed, state.hint) = (None, hint.map(|hint| hint.text));
            state.failures += 1;
        }
        Verdict::Unchecked => {}
    }
    Ok(verdict)
}

/// Builds what the exercise runs; `None` if the compiler refuses.
fn programs(course: &Course, work: &Work, exercise: &Exercise) -> Result<Option<Programs>> {
    let at_lesson = work.progress.lesson == Some(exercise.id.lesson);
    let mut bins = Vec::new();
    let (package, elsewhere);
    if at_lesson || !exercise.runs_container() {
        if let Some(main) = exercise.facts() {
            let relative = PathBuf::from("container").join(format!("{}.rs", exercise.about.module));
            compose::write_if_new(&work.facts(exercise), &compose::facts(&main, exercise, &relative)?)?;
        }
        package = if work.elsewhere { Package::At(&work.dir) } else { Package::Member };
    } else {
        // The container has gone on to another lesson; this exercise is checked in its own lesson's program.
        elsewhere = in_own_lesson(course, work, exercise)?;
        package = Package::At(&elsewhere);
    }
    if exercise.runs_container() {
        bins.push("container".to_owned());
    }
    if exercise.facts().is_some() {
        bins.push(facts_name(exercise.id));
    }
    let built = build(course, &package, &bins, true)?;
    if !built.whole {
        return Ok(None);
    }
    let of = |name: &str| built.executables.get(name).cloned();
    Ok(Some(Programs { container: of("container"), facts: of(&facts_name(exercise.id)) }))
}

/// A package with the program of the exercise's lesson, in which the learner's file stands where it lies.
fn in_own_lesson(course: &Course, work: &Work, exercise: &Exercise) -> Result<PathBuf> {
    let dir = course.root.join(format!("target/dive/lesson-{:02}", exercise.id.lesson));
    manifest::write(course, &dir, "lesson")?;
    let module = work.module(exercise);
    let mut files = compose::program(course, exercise.id.lesson)?;
    compose::place(&mut files, exercise);
    compose::declare(&mut files, &exercise.about.module, Some(&module));
    compose::write(&files, &dir.join("src/bin/container"))?;
    if let Some(main) = exercise.facts() {
        let path = dir.join("src/bin").join(format!("{}.rs", facts_name(exercise.id)));
        compose::write_if_new(&path, &compose::facts(&main, exercise, &module)?)?;
    }
    Ok(dir)
}

/// Whether the checkout's lessons and expectations are not those of its commit. Without git nobody can tell.
fn steps_changed(course: &Course) -> bool {
    let mut git = Command::new("git");
    git.current_dir(&course.root).args(["status", "--porcelain", "--", "steps"]);
    let output = git.stdin(Stdio::null()).stderr(Stdio::null()).output();
    output.is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
}
