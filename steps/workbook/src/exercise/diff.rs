//! `cargo dive diff`: the learner's file beside the stub or the solution; the container's files beside the lesson's.

use std::path::Path;

use anstream::println;
use anstyle::Style;
use clap::Args as ClapArgs;
use kit::{Result, term};
use similar::TextDiff;

use super::compose;
use super::course::{Course, Which};
use super::format::Exercise;
use super::tell::{BAD, GOOD};
use super::work::Work;

/// What `cargo dive diff` is asked.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// An exercise (04.02), or a lesson (04) for its program beside your container; the exercise that was begun last,
    /// if none is named
    #[arg(value_parser = |text: &str| text.parse::<Which>())]
    which: Option<Which>,
    /// Beside the solution instead of the stub
    #[arg(long)]
    solution: bool,
}

/// Compares. The exit status is 1 if anything differs, as diff(1) has it.
pub fn run(args: &Args) -> Result<u8> {
    let course = Course::find()?;
    let work = Work::open(&course)?;
    let differs = match work.asked_or_current(args.which)? {
        Which::One(id) => of_exercise(&work, course.exercise(id)?, args.solution)?,
        Which::Lesson(lesson) => {
            let mut differs = false;
            for (name, text) in compose::program(&course, lesson)? {
                let path = work.container().join(&name);
                let own = if path.is_file() { compose::read(&path)? } else { String::new() };
                let theirs = format!("lesson {lesson:02}: {name}");
                differs |= told(&text, &own, &theirs, &work.shown(&path));
            }
            differs
        }
    };
    Ok(u8::from(differs))
}

fn of_exercise(work: &Work, exercise: &Exercise, solution: bool) -> Result<bool> {
    let path = if solution { exercise.solution() } else { exercise.stub() };
    let name = format!("{}: {}", exercise.id, if solution { "the solution" } else { "the stub" });
    let module = work.begun(exercise)?;
    Ok(told(&compose::read(&path)?, &compose::read(&module)?, &name, &work.shown(&module)))
}

/// Prints what differs, with the lines around it. Whether anything does.
fn told(theirs: &str, own: &str, theirs_is: &str, own_is: &Path) -> bool {
    if theirs == own {
        term::line(format_args!("{} is {theirs_is}, unchanged", own_is.display()));
        return false;
    }
    let diff = TextDiff::from_lines(theirs, own);
    let own_is = own_is.display().to_string();
    for line in diff.unified_diff().context_radius(3).header(theirs_is, &own_is).to_string().lines() {
        let style = match line.as_bytes().first() {
            Some(b'+') => GOOD,
            Some(b'-') => BAD,
            Some(b'@') => Style::new().dimmed(),
            _ => Style::new(),
        };
        println!("{style}{line}{style:#}");
    }
    true
}
