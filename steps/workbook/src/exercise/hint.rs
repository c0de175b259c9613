//! `cargo dive hint`: what fits what was seen last, then the next rung of the ladder.

use anstream::println;
use clap::Args as ClapArgs;
use kit::{Result, term};

use super::course::{Course, Id, Which};
use super::format::Kind;
use super::tell;
use super::work::Work;

/// What `cargo dive hint` is asked.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Each call shows one rung more: a question, a page of the manual, what is almost the code. What the last check saw
comes first, if a hint fits it.")]
pub struct Args {
    /// The exercise (04.02); the one that was begun last, if none is named
    #[arg(value_parser = |text: &str| text.parse::<Id>())]
    id: Option<Id>,
}

/// Hints.
pub fn run(args: &Args) -> Result<u8> {
    let course = Course::find()?;
    let mut work = Work::open(&course)?;
    let Which::One(id) = work.asked_or_current(args.id.map(Which::One))? else { return Ok(0) };
    let exercise = course.exercise(id)?;
    tell::title(exercise);
    println!();
    if exercise.about.kind == Kind::Open {
        let mut rows: Vec<_> = exercise.about.tries.iter().map(|line| ("try", line)).collect();
        rows.extend(exercise.about.look.iter().map(|place| ("look", place)));
        term::pairs(&rows);
        return Ok(0);
    }
    let state = work.progress.state_mut(id);
    if let Some(hint) = &state.hint {
        term::line("What the last check saw:");
        term::line(format_args!("  {hint}\n"));
    }
    let ladder = &exercise.hints.ladder;
    state.rungs = (state.rungs + 1).min(ladder.len());
    for (index, rung) in ladder.iter().take(state.rungs).enumerate() {
        let mut lines = rung.trim().lines();
        term::line(format_args!("{}. {}", index + 1, lines.next().unwrap_or_default()));
        lines.for_each(|line| term::line(format_args!("   {line}")));
    }
    println!();
    if state.rungs < ladder.len() {
        term::line(format_args!("{} more: cargo dive hint {id}", ladder.len() - state.rungs));
    } else {
        term::line(format_args!("that was the last: cargo dive solution {id}"));
    }
    work.save().map(|()| 0)
}
