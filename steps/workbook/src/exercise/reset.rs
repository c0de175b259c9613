//! `cargo dive reset`: an exercise as it was, or everything. What the learner wrote is kept.

use std::fs;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use kit::{Doing, Error, Result, term};

use super::compose;
use super::course::{Course, Id, Which};
use super::work::Work;

/// What `cargo dive reset` is asked.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The exercise (04.02); the one that was begun last, if none is named
    #[arg(value_parser = |text: &str| text.parse::<Id>(), conflicts_with = "all")]
    id: Option<Id>,
    /// Your container, all exercises and the progress
    #[arg(long)]
    all: bool,
}

/// Resets.
pub fn run(args: &Args) -> Result<u8> {
    let course = Course::find()?;
    if args.all {
        return everything(&course);
    }
    let mut work = Work::open(&course)?;
    let Which::One(id) = work.asked_or_current(args.id.map(Which::One))? else { return Ok(0) };
    let exercise = course.exercise(id)?;
    work.progress.exercise.remove(&id.to_string());
    if exercise.is_code() {
        let (module, stub) = (work.begun(exercise)?, compose::read(&exercise.stub())?);
        if compose::read(&module)? != stub {
            let kept = work.keep(std::slice::from_ref(&module))?;
            term::line(format_args!("what you wrote is kept in {}", work.shown(&kept).display()));
        }
        compose::write_if_new(&module, &stub)?;
        term::line(format_args!("{} is the stub again", work.shown(&module).display()));
    }
    work.save().map(|()| 0)
}

/// Moves all that is the learner's out of the way. The progress may be what is broken, so it is not read.
fn everything(course: &Course) -> Result<u8> {
    let work = Work::fresh(course)?;
    let bins = work.dir.join("src/bin");
    let progress = work.dir.join("progress.toml");
    let entries = fs::read_dir(&bins).into_iter().flatten().flatten().map(|entry| entry.path());
    // What git ignores there is the learner's; nothing else lies there.
    let mut own: Vec<PathBuf> = entries.collect();
    own.extend([progress].into_iter().filter(|path| path.is_file()));
    if own.is_empty() {
        term::line("there is nothing to reset");
        return Ok(0);
    }
    let kept = work.keep(&[])?;
    for path in own {
        let to = kept
            .join(path.file_name().ok_or_else(|| Error::refused("move", path.display(), "it has no name"))?);
        fs::rename(&path, &to).doing("rename(2) to", &to)?;
    }
    term::line(format_args!(
        "all that you wrote is in {}; begin with: cargo dive start",
        work.shown(&kept).display()
    ));
    Ok(0)
}
