//! `cargo dive list`: the exercises, and how far the learner is with each.

use anstream::println;
use clap::Args as ClapArgs;
use kit::{Result, term};

use super::course::{Course, Which};
use super::format::Exercise;
use super::own;
use super::progress::State;
use super::tell::{self, GOOD};
use super::work::Work;

/// What `cargo dive list` is asked.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// A lesson (04); all of them, if none is named
    #[arg(value_parser = |text: &str| text.parse::<Which>())]
    which: Option<Which>,
}

/// Lists.
pub fn run(args: &Args) -> Result<u8> {
    let course = Course::find()?;
    let work = Work::open(&course)?;
    let exercises = course.asked(args.which)?;
    let width = exercises.iter().map(|exercise| exercise.about.title.chars().count()).max().unwrap_or(0);
    let mut lesson = None;
    for exercise in &exercises {
        if lesson != Some(exercise.id.lesson) {
            let here =
                if work.progress.lesson == Some(exercise.id.lesson) { "  (your container)" } else { "" };
            term::heading(format_args!("lesson {:02}{here}", exercise.id.lesson));
            lesson = Some(exercise.id.lesson);
        }
        let state = work.progress.state(exercise.id);
        let style = if state.solved() || state.done { GOOD } else { anstyle::Style::new() };
        println!(
            "  {}  {:<width$}  {:>3} min  {:<8}  {style}{}{style:#}",
            exercise.id,
            exercise.about.title,
            exercise.about.minutes,
            exercise.tiers(),
            state_of(exercise, &state, &work)
        );
    }
    let solved = exercises.iter().filter(|exercise| is_settled(&work.progress.state(exercise.id))).count();
    let minutes: u32 = exercises
        .iter()
        .filter(|exercise| !is_settled(&work.progress.state(exercise.id)))
        .map(|exercise| exercise.about.minutes)
        .sum();
    println!();
    term::line(format_args!("{solved} of {} done; {minutes} minutes to go", exercises.len()));
    if args.which.is_none() {
        whose(&work);
    }
    Ok(0)
}

/// What of the learner's programs is still the lessons'.
fn whose(work: &Work) {
    let owned = work.runtime().is_dir();
    let (name, dir) = if owned { ("runtime", work.runtime()) } else { ("container", work.container()) };
    if !dir.join("main.rs").is_file() {
        return;
    }
    let takes = own::takes(&dir);
    if takes.is_empty() {
        println!();
        term::line(format_args!("your {name} takes nothing from the lessons: it is yours"));
        return;
    }
    term::heading(format_args!("what your {name} still takes from the lessons"));
    term::pairs(&takes);
    if !owned {
        println!();
        term::line("exercises replace some of it; cargo dive own makes the rest yours");
    }
}

fn is_settled(state: &State) -> bool {
    state.solved() || state.done
}

/// `passed at T1; T2 skipped: …`
pub(crate) fn state_of(exercise: &Exercise, state: &State, work: &Work) -> String {
    if !exercise.is_code() {
        return if state.done { "done" } else { "open-ended" }.to_owned();
    }
    if state.passed.is_some() {
        return tell::passed(&state.tiers, &state.skipped);
    }
    match (state.given, state.failures, work.module(exercise).is_file()) {
        (true, ..) => "the solution was given".to_owned(),
        (_, 0, true) => "begun".to_owned(),
        (_, 0, false) => String::new(),
        (_, times, _) => format!("failed {times} times"),
    }
}
