//! `cargo dive prove`: the course's own check of its exercises.
//!
//! A stub must compile and fail, a solution pass, a wrong answer fail and be met by the hint that is named for it, in
//! its first line: `// hint: NAME`. Each runs as a learner's answer does; see [`twin`] for where.

use std::fs;
use std::sync::Mutex;
use std::thread::{available_parallelism, scope};
use std::time::Instant;

use anstream::println;
use clap::Args as ClapArgs;
use kit::{Doing, Result, term};

use super::course::{Course, Which};
use super::facts::{LEFT, STATUS};
use super::format::Exercise;
use super::hints;
use super::judge::{self, Outcome, Verdict};
use super::runs;
use super::tell::{self, BAD, GOOD};

mod book;
mod predecessors;
mod shape;
mod twin;

use shape::named_hint;
use twin::{Answer, Part, Twin};

/// What `cargo dive prove` is asked.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Of the whole course it also proves that each lesson brings something its predecessor lacks, and that the book leads to
every exercise and every snapshot. Part of a run may be skipped here; the reason is told.
With INSTA_UPDATE=new, what a solution shows and the snapshots do not is written beside them as *.snap.new, for
`cargo insta review`.")]
pub struct Args {
    /// A lesson (04) or an exercise (04.02); the whole course, if none is named
    #[arg(value_parser = |text: &str| text.parse::<Which>())]
    which: Option<Which>,
    /// Leave out whether the book leads to everything
    #[arg(long)]
    without_book: bool,
}

/// Proves. The exit status is 1 if anything is not as it should be.
pub fn run(args: &Args) -> Result<u8> {
    let begun = Instant::now();
    let course = Course::find()?;
    let exercises = course.asked(args.which)?;
    let mut faults = answers(&course, &exercises)?;
    println!();
    if !matches!(args.which, Some(Which::One(_))) {
        let cases = predecessors::run(&course, args.which)?;
        term::line(format_args!("{} steps fail at what their successors bring", cases.passed));
        cases.skipped.iter().for_each(|skipped| term::line(format_args!("skipped: {skipped}")));
        faults.extend(cases.faults);
    }
    if args.which.is_none() && !args.without_book {
        let unreached = book::unreached(&course)?;
        if unreached.is_empty() {
            term::line("the book leads to every exercise and every snapshot");
        }
        faults.extend(unreached);
    }
    for fault in &faults {
        println!("{BAD}{fault}{BAD:#}");
    }
    let (seconds, count) = (begun.elapsed().as_secs(), exercises.len());
    if faults.is_empty() {
        println!("\n{GOOD}exercises as they should be: {count}{GOOD:#} ({seconds} s)");
        return Ok(0);
    }
    println!("\n{BAD}faults: {}{BAD:#} (exercises: {count}; {seconds} s)", faults.len());
    Ok(1)
}

/// What became of one answer.
struct Proof<'a> {
    answer: Answer<'a>,
    /// What is wrong with it.
    fault: Option<String>,
    outcomes: Vec<Outcome>,
}

/// Builds and runs every answer. The faults, a text each.
fn answers(course: &Course, exercises: &[&Exercise]) -> Result<Vec<String>> {
    let code: Vec<_> = exercises.iter().copied().filter(|exercise| exercise.is_code()).collect();
    let (mut faults, mut answers) = (Vec::new(), Vec::new());
    for exercise in exercises {
        let missing = shape::faults(exercise);
        if exercise.is_code() && exercise.stub().is_file() && exercise.solution().is_file() {
            answers.extend(Answer::all(exercise));
        }
        faults.extend(missing);
    }
    let mut lessons: Vec<_> = code.iter().map(|exercise| exercise.id.lesson).collect();
    lessons.dedup();
    term::note(format_args!("building {} answers", answers.len()));
    let twin = Twin::built(course, &answers, &lessons)?;
    if let Some(Err(said)) = lessons.last().map(|lesson| twin.owned(*lesson)) {
        faults.push(format!("what `cargo dive own` makes of the last lesson does not compile:\n{said}"));
    }
    for lesson in lessons {
        if let Err(said) = twin.whole(lesson) {
            faults.push(format!("lesson {lesson:02} with all solutions does not compile:\n{said}"));
        }
    }

    let proofs = Mutex::new(Vec::new());
    let left = Mutex::new(answers.into_iter().rev().collect::<Vec<_>>());
    let take = || left.lock().ok().and_then(|mut left| left.pop());
    scope(|threads| {
        for _ in 0..available_parallelism().map_or(1, usize::from) {
            threads.spawn(|| {
                while let Some(answer) = take() {
                    let proof = prove(&twin, answer);
                    if let Ok(mut proofs) = proofs.lock() {
                        proofs.push(proof);
                    }
                }
            });
        }
    });
    let proofs = proofs.into_inner().unwrap_or_default();
    for exercise in exercises {
        let own: Vec<_> = proofs.iter().filter(|proof| proof.answer.exercise.id == exercise.id).collect();
        told(exercise, &own);
        let named = |proof: &&Proof<'_>| {
            proof.fault.as_ref().map(|fault| format!("{} {}: {fault}", exercise.id, proof.answer.name()))
        };
        faults.extend(own.iter().filter_map(named));
    }
    Ok(faults)
}

/// What keeps an answer from being run is a fault of the exercise's: a snapshot that is missing, a program that does
/// not compile.
fn prove<'a>(twin: &Twin, answer: Answer<'a>) -> Proof<'a> {
    match proved(twin, &answer) {
        Ok((fault, outcomes)) => Proof { answer, fault, outcomes },
        Err(fault) => Proof { answer, fault: Some(fault), outcomes: vec![] },
    }
}

fn proved(twin: &Twin, answer: &Answer<'_>) -> Result<(Option<String>, Vec<Outcome>), String> {
    let programs = twin.programs(answer).map_err(|said| format!("does not compile:\n{said}"))?;
    let exercise = answer.exercise;
    let updates =
        answer.part == Part::Solution && std::env::var("INSTA_UPDATE").is_ok_and(|value| value == "new");
    let outcomes =
        if updates { updated(exercise, &programs) } else { runs::outcomes(exercise, &programs, false) };
    let outcomes = outcomes.map_err(|error| error.to_string())?;
    let fault = match answer.part {
        Part::Stub => passes(&outcomes).then(|| "the stub passes: nothing is asked".to_owned()),
        Part::Solution => solution_fault(&outcomes),
        Part::Wrong => wrong_fault(answer, &outcomes),
    };
    Ok((fault, outcomes))
}

fn passes(outcomes: &[Outcome]) -> bool {
    judge::verdict(outcomes) == Verdict::Passed
}

fn solution_fault(outcomes: &[Outcome]) -> Option<String> {
    let failed = outcomes.iter().find(|outcome| outcome.failed());
    if let Some(outcome) = failed {
        let differences: Vec<_> = outcome
            .differences
            .iter()
            .map(|difference| {
                format!(
                    "\n  {}: expected {:?}, seen {:?}",
                    difference.fact, difference.expected, difference.seen
                )
            })
            .collect();
        return Some(format!(
            "the solution fails {:?}{}\n  {}",
            outcome.run,
            differences.concat(),
            outcome.stderr
        ));
    }
    let ran =
        || outcomes.iter().filter(|outcome| outcome.skipped.is_none()).flat_map(|outcome| &outcome.facts);
    let own = ran().filter(|fact| ![STATUS, LEFT].contains(&fact.name.as_str())).count();
    if outcomes.iter().all(|outcome| outcome.skipped.is_none()) && own < 3 {
        return Some(format!("its snapshots hold {own} facts, which a constant could satisfy: at least 3"));
    }
    ran()
        .find(|fact| fact.name == LEFT && fact.value != "nothing")
        .map(|fact| format!("the solution leaks: {}", fact.value))
}

fn wrong_fault(answer: &Answer<'_>, outcomes: &[Outcome]) -> Option<String> {
    let wanted = named_hint(&answer.source).unwrap_or_default();
    match judge::verdict(outcomes) {
        Verdict::Unchecked => None,
        // Where a part was skipped, the part that tells may be among it.
        Verdict::Passed if outcomes.iter().any(|outcome| outcome.skipped.is_some()) => None,
        Verdict::Passed => Some("the wrong answer passes".to_owned()),
        Verdict::Failed => match hints::fitting(answer.exercise, outcomes) {
            Some(hint) if hint.name == wanted => None,
            other => {
                let other = other.map_or_else(|| "none".to_owned(), |hint| hint.name);
                let seen: String = outcomes
                    .iter()
                    .filter(|outcome| outcome.failed())
                    .flat_map(|outcome| {
                        let lines = outcome
                            .differences
                            .iter()
                            .map(|d| format!("\n  {} {}: seen {:?}", outcome.run, d.fact, d.seen));
                        lines.chain([format!("\n  {} said: {}", outcome.run, outcome.stderr)])
                    })
                    .collect();
                Some(format!("the hint {wanted:?} should fit, and {other:?} does{seen}"))
            }
        },
    }
}

/// Runs the solution, and writes what it shows where that is not what is expected.
fn updated(exercise: &Exercise, programs: &runs::Programs) -> Result<Vec<Outcome>> {
    for run in &exercise.about.runs {
        let ran = runs::in_lab(exercise, &run.name, programs, false)?;
        if ran.skipped.is_some()
            || judge::expected(exercise, run, &ran.by).is_ok_and(|facts| facts == ran.facts)
        {
            continue;
        }
        let path = judge::snapshot(exercise, run, &ran.by);
        let new = path.with_extension("snap.new");
        if let Some(dir) = new.parent() {
            fs::create_dir_all(dir).doing("mkdir(2)", dir)?;
        }
        fs::write(&new, judge::written(exercise, run, &ran.facts)).doing("write", &new)?;
        term::note(format_args!("wrote {}", new.display()));
    }
    runs::outcomes(exercise, programs, false)
}

fn told(exercise: &Exercise, proofs: &[&Proof<'_>]) {
    tell::title(exercise);
    if !exercise.is_code() {
        term::line("open-ended");
        return;
    }
    let rows: Vec<_> = proofs
        .iter()
        .map(|proof| {
            let verdict = match (&proof.fault, proof.answer.part) {
                (Some(_), _) => format!("{BAD}not as it should be{BAD:#}"),
                (None, Part::Solution) => tell::summary(&proof.outcomes),
                (None, _) if judge::verdict(&proof.outcomes) != Verdict::Failed => {
                    tell::skipped(&proof.outcomes).join("; ")
                }
                (None, Part::Stub) => "fails".to_owned(),
                (None, Part::Wrong) => {
                    format!("fails; hint: {}", named_hint(&proof.answer.source).unwrap_or_default())
                }
            };
            (proof.answer.name(), verdict)
        })
        .collect();
    term::pairs(&rows);
}
