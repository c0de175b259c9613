//! `cargo dive solution`: shows the solution, or puts it in the learner's place.

use std::fs;

use anstream::print;
use clap::Args as ClapArgs;
use kit::{Doing, Error, Result, term};

use super::compose;
use super::course::{Course, Id, Which};
use super::format::Exercise;
use super::work::Work;

/// What `cargo dive solution` is asked.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The exercise (04.02); the one that was begun last, if none is named
    #[arg(value_parser = |text: &str| text.parse::<Id>())]
    id: Option<Id>,
    /// Put it into your container; what you wrote is kept in kept/
    #[arg(long)]
    write: bool,
}

/// Shows or writes it.
pub fn run(args: &Args) -> Result<u8> {
    let course = Course::find()?;
    let mut work = Work::open(&course)?;
    let Which::One(id) = work.asked_or_current(args.id.map(Which::One))? else { return Ok(0) };
    let exercise = course.exercise(id)?;
    if !exercise.is_code() {
        return Err(Error::refused("solve", id, "it is open-ended: there is no solution"));
    }
    if !args.write {
        print!("{}", compose::read(&exercise.solution())?);
        return Ok(0);
    }
    give(&mut work, exercise)?;
    work.lay(&course, id.lesson, Some(exercise))?;
    work.save()?;
    term::line(format_args!("{} is the solution of {id} now", work.shown(&work.module(exercise)).display()));
    Ok(0)
}

/// Puts the solution in the learner's place; what they wrote is kept.
pub(crate) fn give(work: &mut Work, exercise: &Exercise) -> Result<()> {
    let module = work.module(exercise);
    fs::create_dir_all(work.container()).doing("mkdir(2)", &work.container())?;
    let solution = compose::read(&exercise.solution())?;
    if module.is_file() {
        let own = compose::read(&module)?;
        if own != solution && own != compose::read(&exercise.stub())? {
            let kept = work.keep(std::slice::from_ref(&module))?;
            term::note(format_args!("what you wrote is kept in {}", work.shown(&kept).display()));
        }
    }
    compose::write_if_new(&module, &solution)?;
    let state = work.progress.state_mut(exercise.id);
    (state.given, state.passed) = (true, None);
    Ok(())
}
