//! `cargo dive catchup`: the container of a lesson, with every exercise before it solved.

use clap::Args as ClapArgs;
use kit::{Error, Result, term};

use super::course::{Course, Which};
use super::solution::give;
use super::start::begin_lesson;
use super::work::Work;

/// What `cargo dive catchup` is asked.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
What you solved yourself stays yours. For the other exercises before the lesson the solutions are put there, and `list`
says that they were given; what you had begun is kept in kept/.")]
pub struct Args {
    /// The lesson to go on with (04)
    #[arg(value_parser = |text: &str| text.parse::<Which>())]
    lesson: Which,
}

/// Catches up.
pub fn run(args: &Args) -> Result<u8> {
    let Which::Lesson(lesson) = args.lesson else {
        return Err(Error::refused(
            "catch up with",
            "an exercise",
            "it is a lesson that one catches up with: 04",
        ));
    };
    let course = Course::find()?;
    course.lesson(lesson)?;
    let mut work = Work::open(&course)?;
    for exercise in &course.exercises {
        let before = exercise.is_code() && exercise.id.lesson < lesson;
        if before && !work.progress.state(exercise.id).solved() {
            give(&mut work, exercise)?;
            term::line(format_args!("{}  {}: the solution", exercise.id, exercise.about.title));
        }
    }
    begin_lesson(&course, &mut work, lesson)?;
    work.save().map(|()| 0)
}
