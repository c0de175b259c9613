//! `cargo dive report`: how far the learner is, for whoever holds the workshop.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anstream::println;
use clap::Args as ClapArgs;
use kit::{Error, Result, term};
use serde_json::json;

use super::course::Course;
use super::list::state_of;
use super::own;
use super::work::Work;

/// What `cargo dive report` is asked.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// As JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Reports.
pub fn run(args: &Args) -> Result<u8> {
    let course = Course::find()?;
    let work = Work::open(&course)?;
    if !args.json {
        let mut rows = Vec::new();
        for exercise in &course.exercises {
            let state = work.progress.state(exercise.id);
            let told = state_of(exercise, &state, &work);
            if !told.is_empty() {
                let hints = if state.rungs == 0 { String::new() } else { format!("; {} hints", state.rungs) };
                rows.push((exercise.id.to_string(), format!("{}: {told}{hints}", exercise.about.title)));
            }
        }
        if rows.is_empty() {
            term::line("nothing is begun yet: cargo dive start");
        }
        term::pairs(&rows);
        return Ok(0);
    }
    let exercises: Vec<_> = course
        .exercises
        .iter()
        .map(|exercise| {
            let state = work.progress.state(exercise.id);
            // ANCHOR: fields
            json!({
                "id": exercise.id.to_string(),
                "title": exercise.about.title,
                "minutes": exercise.about.minutes,
                "kind": exercise.about.kind,
                "begun": work.module(exercise).is_file() && exercise.is_code(),
                "passed": state.passed.is_some(),
                "unchanged": exercise.is_code() && work.unchanged(exercise),
                "tiers": state.tiers,
                "skipped": state.skipped,
                "given": state.given,
                "done": state.done,
                "failures": state.failures,
                "hints": state.rungs,
            })
            // ANCHOR_END: fields
        })
        .collect();
    let taken = |dir: PathBuf| {
        let program = dir.join("main.rs").is_file();
        program.then(|| own::takes(&dir).into_iter().collect::<BTreeMap<_, _>>())
    };
    let report = json!({
        "lesson": work.progress.lesson,
        "exercises": exercises,
        // What the learner's programs still take from the lessons; null where there is none.
        "container takes": taken(work.container()),
        "runtime takes": taken(work.runtime()),
    });
    let text = serde_json::to_string_pretty(&report)
        .map_err(|error| Error::refused("write", "the report", error))?;
    println!("{text}");
    Ok(0)
}
