//! `cargo dive bench`: what a step costs beside the smallest program that makes the same calls.
//!
//! Times of one machine say little about another, and those of one minute little about the next. So the two run in
//! turns, and what is told is their ratio.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anstream::println;
use clap::Args as ClapArgs;
use kit::{Doing, Error, Result, Tier};
use serde::Serialize;
use step_03::hierarchy::{Hierarchies, Version};

use crate::lab::Lab;

/// What `cargo dive bench` is asked.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Needs root and a C compiler (cc). A step and the floor run `true` in the same root, by turns; a row is the median of each,
and the median of the ratios of neighbours. The floor makes the step's calls and nothing else: no arguments parsed, nothing
checked, nothing told. What cargo costs before a step begins is not in it.")]
pub struct Args {
    /// How many runs of each
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// As JSON, for programs
    #[arg(long)]
    json: bool,
}

/// One step beside its floor.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The step's number.
    pub step: u8,
    /// Median of the step, in milliseconds.
    pub step_ms: f64,
    /// Median of the floor, in milliseconds.
    pub floor_ms: f64,
    /// Median of step by floor, over neighbouring runs.
    pub ratio: f64,
}

const FLOOR: &str = include_str!("bench/floor.c");

/// Measures and prints.
pub fn run(args: &Args) -> Result<u8> {
    if Tier::of_self() == Tier::User {
        let error = Error::refused("measure", "the steps", "the floor makes its calls as root");
        return Err(error.advise("sudo target/debug/dive bench"));
    }
    let lab = Lab::enter()?;
    let rows = rows(&lab, args.runs)?;
    let assembled = assembling(&lab)?;
    lab.leave()?;
    if args.json {
        println!("{}", serde_json::json!({ "rows": rows, "rootfs_ms": milliseconds(assembled) }));
        return Ok(0);
    }
    println!("step   step ms  floor ms  ratio");
    for Row { step, step_ms, floor_ms, ratio } in rows {
        println!("  {step:02}  {step_ms:8.2}  {floor_ms:8.2}  {ratio:5.2}");
    }
    println!("\na root is assembled in {:.0} ms", milliseconds(assembled));
    Ok(0)
}

fn rows(lab: &Lab, runs: u32) -> Result<Vec<Row>> {
    let root = lab.dir().join("root");
    succeed(lab.command(crate::sibling("step-04")?).arg("rootfs").arg(&root))?;
    let floor = compile(lab)?;
    let trees = trees()?;
    (0..=7).map(|step| measure(lab, step, &floor, &root, &trees, runs)).collect()
}

/// By turns, so that what else the machine does falls on both.
fn measure(lab: &Lab, step: u8, floor: &Path, root: &Path, trees: &[String], runs: u32) -> Result<Row> {
    let binary = crate::sibling(&format!("step-{step:02}"))?;
    let own = || {
        let mut command = lab.command(&binary);
        command.arg("run");
        if step > 0 {
            command.arg("--rootfs").arg(root);
        }
        command.arg("/bin/true").stderr(Stdio::null());
        command
    };
    let least = || {
        let mut command = lab.command(floor);
        command.arg(step.to_string()).arg(root).arg("/bin/true").args(trees);
        command
    };
    timed(&mut own())?;
    timed(&mut least())?;
    let pairs: Vec<_> =
        (0..runs).map(|_| Ok((timed(&mut own())?, timed(&mut least())?))).collect::<Result<_>>()?;
    Ok(Row {
        step,
        step_ms: median(pairs.iter().map(|(step, _)| milliseconds(*step))),
        floor_ms: median(pairs.iter().map(|(_, floor)| milliseconds(*floor))),
        ratio: median(pairs.iter().map(|(step, floor)| step.as_secs_f64() / floor.as_secs_f64())),
    })
}

/// Static where the C library allows, as a floor should not pay for a loader.
fn compile(lab: &Lab) -> Result<PathBuf> {
    let (source, floor) = (lab.dir().join("floor.c"), lab.dir().join("floor"));
    std::fs::write(&source, FLOOR).doing("write", &source)?;
    let cc =
        |mode: &[&str]| succeed(lab.command("cc").args(mode).arg("-O2").arg("-o").arg(&floor).arg(&source));
    cc(&["-static"]).or_else(|_| cc(&[]))?;
    Ok(floor)
}

/// Where the steps make their control groups, as the floor takes it.
fn trees() -> Result<Vec<String>> {
    let trees = Hierarchies::of_self()?;
    let of = |version| if version == Version::V2 { "=" } else { "" };
    Ok(trees.all().iter().map(|tree| format!("{}{}", of(tree.version), tree.parent().display())).collect())
}

fn assembling(lab: &Lab) -> Result<Duration> {
    let step = crate::sibling("step-04")?;
    let times =
        (0..5).map(|n| timed(lab.command(&step).arg("rootfs").arg(lab.dir().join(format!("root-{n}")))));
    let times: Vec<_> = times.collect::<Result<_>>()?;
    Ok(Duration::from_secs_f64(median(times.iter().map(Duration::as_secs_f64))))
}

fn timed(command: &mut Command) -> Result<Duration> {
    let begun = Instant::now();
    succeed(command)?;
    Ok(begun.elapsed())
}

fn succeed(command: &mut Command) -> Result<()> {
    let program = PathBuf::from(command.get_program());
    let status = command.stdin(Stdio::null()).status().doing("execve(2)", &program)?;
    if status.success() { Ok(()) } else { Err(Error::refused("run", program.display(), status)) }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_one_in_the_middle() {
        assert!((median([9.0, 1.0, 2.0].into_iter()) - 2.0).abs() < f64::EPSILON);
        assert!(median(std::iter::empty()).is_nan());
    }
}
