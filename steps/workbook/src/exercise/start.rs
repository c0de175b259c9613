//! `cargo dive start`: a lesson's program becomes the learner's container, and an exercise's stub a file of theirs.

use std::fs;

use anstream::println;
use clap::Args as ClapArgs;
use kit::{Doing, Error, Result, term};

use super::compose;
use super::course::{Course, Id, Which};
use super::format::{Exercise, Kind};
use super::tell;
use super::work::{Laid, Work};

/// What `cargo dive start` is asked.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Your container is src/bin/container in work/ (DIVE_WORK names another directory). git ignores it, and a pull never
touches it. What you solved comes along to the next lesson; what you changed of a lesson's own files is kept in kept/.")]
pub struct Args {
    /// A lesson (04) or an exercise (04.02); the next one that is not solved, if none is named
    #[arg(value_parser = |text: &str| text.parse::<Which>())]
    which: Option<Which>,
}

/// Starts.
pub fn run(args: &Args) -> Result<u8> {
    let course = Course::find()?;
    let mut work = Work::open(&course)?;
    match args.which {
        Some(Which::Lesson(lesson)) => begin_lesson(&course, &mut work, lesson)?,
        Some(Which::One(id)) => begin(&course, &mut work, course.exercise(id)?)?,
        None => match next(&course, &work) {
            Some(exercise) => begin(&course, &mut work, exercise)?,
            None => term::line("every exercise is solved: cargo dive list"),
        },
    }
    work.save().map(|()| 0)
}

/// The first that is neither solved nor called done.
pub(crate) fn next<'a>(course: &'a Course, work: &Work) -> Option<&'a Exercise> {
    course.exercises.iter().find(|exercise| {
        let state = work.progress.state(exercise.id);
        !state.solved() && !state.done
    })
}

pub(crate) fn begin_lesson(course: &Course, work: &mut Work, lesson: u8) -> Result<()> {
    let laid = work.lay(course, lesson, None)?;
    println!("Your container is that of lesson {lesson:02} now.\n");
    tell_laid(work, &laid, None);
    let first = course.of_lesson(lesson).find(|exercise| !work.progress.state(exercise.id).solved());
    let mut rows = vec![("run it", format!("cargo run {} --bin container", work.package()))];
    if let Some(exercise) = first {
        rows.push(("next", format!("cargo dive start {}", exercise.id)));
    }
    term::pairs(&rows);
    Ok(())
}

fn begin(course: &Course, work: &mut Work, exercise: &Exercise) -> Result<()> {
    tell::title(exercise);
    println!();
    exercise.about.asks.trim().lines().for_each(|line| println!("{}", format!("  {line}").trim_end()));
    println!();
    let minutes = match exercise.tiers() {
        tiers if tiers.is_empty() => format!("{} minutes", exercise.about.minutes),
        tiers => format!("{} minutes, at {tiers}", exercise.about.minutes),
    };
    let look = exercise.about.look.join(", ");
    if exercise.about.kind == Kind::Open {
        work.progress.current = Some(exercise.id.to_string());
        let mut rows: Vec<_> = exercise.about.tries.iter().map(|line| ("try", line.clone())).collect();
        rows.extend([
            ("look", look),
            ("takes", minutes),
            ("then", format!("cargo dive check {} --done", exercise.id)),
        ]);
        term::pairs(&rows);
        return Ok(());
    }
    let laid = write_stub(course, work, exercise)?;
    tell_laid(work, &laid, Some(exercise));
    let module = work.shown(&work.module(exercise)).display().to_string();
    term::pairs(&[
        ("yours", module),
        ("look", look),
        ("takes", minutes),
        ("then", format!("cargo dive check {}", exercise.id)),
    ]);
    Ok(())
}

/// Puts the stub there, unless the learner has a file of that name, and the module into its place in the container.
fn write_stub(course: &Course, work: &mut Work, exercise: &Exercise) -> Result<Laid> {
    let module = work.module(exercise);
    fs::create_dir_all(work.container()).doing("mkdir(2)", &work.container())?;
    if !module.exists() {
        fs::copy(exercise.stub(), &module).doing("copy to", &module)?;
    }
    let laid = work.lay(course, exercise.id.lesson, Some(exercise))?;
    if let Some(main) = exercise.facts() {
        let relative = std::path::Path::new("container").join(format!("{}.rs", exercise.about.module));
        compose::write_if_new(&work.facts(exercise), &compose::facts(&main, exercise, &relative)?)?;
    }
    if !exercise.about.replaces.is_empty() && !laid.placed.contains(&exercise.id) {
        let replaced = exercise.about.replaces.join(", ");
        return Err(Error::refused("put in the place of", replaced, "the lesson's program does not use it"));
    }
    work.progress.current = Some(exercise.id.to_string());
    Ok(laid)
}

fn tell_laid(work: &Work, laid: &Laid, current: Option<&Exercise>) {
    if let Some(kept) = &laid.kept {
        term::note(format_args!(
            "what you changed of the lesson's own files is kept in {}",
            work.shown(kept).display()
        ));
    }
    if let Some(exercise) = current.filter(|exercise| !exercise.about.replaces.is_empty()) {
        let (replaced, module) = (exercise.about.replaces.join(", "), &exercise.about.module);
        term::line(format_args!("In your main.rs the module `{module}` stands for {replaced} now.\n"));
    }
    let is_current = |id: &Id| current.is_some_and(|current| current.id == *id);
    let lists =
        [("Solved, and part of it", &laid.placed), ("Solved, and of no use to this lesson", &laid.resting)];
    for (head, ids) in lists {
        let ids: Vec<_> = ids.iter().filter(|id| !is_current(id)).map(ToString::to_string).collect();
        if !ids.is_empty() {
            term::line(format_args!("{head}: {}\n", ids.join(", ")));
        }
    }
}
