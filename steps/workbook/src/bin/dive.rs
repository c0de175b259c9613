//! `cargo dive`: the reader's instruments.

use std::process::ExitCode;

use clap::Parser;
use workbook::exercise::{
    catchup, check, diff, hint, in_lab, list, pack, prove, report, reset, solution, start, watch,
};
use workbook::{attack, bench, lab};

/// The reader's instruments.
#[derive(Parser)]
#[command(name = "cargo dive", bin_name = "cargo dive")]
enum Dive {
    /// Attack the containers of the steps: who gets out, and what stops the others
    Attack(attack::Args),
    /// Measure each step beside the smallest program that makes the same calls
    Bench(bench::Args),
    /// Go on with a lesson: the exercises before it are solved for you
    Catchup(catchup::Args),
    /// Build your container, run it, and compare what is seen with what an exercise expects
    Check(check::Args),
    /// What you wrote beside the stub, the solution, or the lesson
    Diff(diff::Args),
    /// A hint for an exercise: what fits what was seen, and one step more each time
    Hint(hint::Args),
    /// One run of an exercise; `check` calls it
    #[command(hide = true)]
    InLab(in_lab::Args),
    /// Run a command and tell what it leaves behind: mounts, control groups, links, processes, files
    Lab(lab::Args),
    /// The exercises, and how far you are
    List(list::Args),
    /// Everything for a room without a network
    Pack(pack::Args),
    /// The course's own check: stubs fail, solutions pass, wrong answers fail and meet their hints
    Prove(prove::Args),
    /// How far you are, for who holds the workshop
    Report(report::Args),
    /// An exercise as it was; what you wrote is kept
    Reset(reset::Args),
    /// The solution of an exercise
    Solution(solution::Args),
    /// Begin a lesson or an exercise: the files come to work/
    Start(start::Args),
    /// Check again whenever you save
    Watch(watch::Args),
}

fn main() -> ExitCode {
    kit::start();
    kit::finish(match Dive::parse() {
        Dive::Attack(args) => attack::run(&args),
        Dive::Bench(args) => bench::run(&args),
        Dive::Catchup(args) => catchup::run(&args),
        Dive::Check(args) => check::run(&args),
        Dive::Diff(args) => diff::run(&args),
        Dive::Hint(args) => hint::run(&args),
        Dive::InLab(args) => in_lab::run(&args),
        Dive::Lab(args) => lab::run(&args),
        Dive::List(args) => list::run(&args),
        Dive::Pack(args) => pack::run(&args),
        Dive::Prove(args) => prove::run(&args),
        Dive::Report(args) => report::run(&args),
        Dive::Reset(args) => reset::run(&args),
        Dive::Solution(args) => solution::run(&args),
        Dive::Start(args) => start::run(&args),
        Dive::Watch(args) => watch::run(&args),
    })
}
