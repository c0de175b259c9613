//! `cargo dive`: the reader's instruments.

use std::process::ExitCode;

use clap::Parser;
use workbook::exercise::{
    catchup, check, diff, hint, in_lab, list, own, pack, prove, report, reset, solution, start, watch,
};
use workbook::{attack, bench, doctor, lab, trace, view, vm};

/// The reader's instruments.
#[derive(Parser)]
#[command(name = "cargo dive", bin_name = "cargo dive")]
enum Dive {
    /// The exercises, and how far you are
    List(list::Args),
    /// Begin a lesson or an exercise: the files come to work/
    Start(start::Args),
    /// Build your container, run it, and compare what is seen with what an exercise expects
    Check(check::Args),
    /// Check again whenever you save
    Watch(watch::Args),
    /// A hint for an exercise: what fits what was seen, and one step more each time
    Hint(hint::Args),
    /// What you wrote beside the stub, the solution, or the lesson
    Diff(diff::Args),
    /// An exercise as it was; what you wrote is kept
    Reset(reset::Args),
    /// The solution of an exercise
    Solution(solution::Args),
    /// Go on with a lesson: the exercises before it are solved for you
    Catchup(catchup::Args),
    /// A runtime without a lesson in it: what your container still takes from them becomes yours
    Own(own::Args),
    /// How far you are, for who holds the workshop
    Report(report::Args),
    /// Everything for a room without a network
    Pack(pack::Args),
    /// Tell what this machine can do for each lesson, and what would mend the rest
    Doctor(doctor::Args),
    /// What about a process is contained: namespaces, ids, capabilities, limits, mounts, open descriptors
    View(view::Args),
    /// Show the calls that make a container, as a command makes them
    Trace(trace::Args),
    /// Attack the containers of the steps: who gets out, and what stops the others
    Attack(attack::Args),
    /// Run a command in the same checkout under a kernel that allows everything
    Vm(vm::Args),
    /// Measure each step beside the smallest program that makes the same calls
    Bench(bench::Args),
    /// Run a command and tell what it leaves behind: mounts, control groups, links, processes, files
    Lab(lab::Args),
    /// The course's own check: stubs fail, solutions pass, wrong answers fail and meet their hints
    Prove(prove::Args),
    #[command(hide = true)]
    InLab(in_lab::Args),
    #[command(name = vm::INSIDE, hide = true)]
    VmInside(vm::inside::Args),
}

fn main() -> ExitCode {
    kit::start();
    kit::finish(match Dive::parse() {
        Dive::List(args) => list::run(&args),
        Dive::Start(args) => start::run(&args),
        Dive::Check(args) => check::run(&args),
        Dive::Watch(args) => watch::run(&args),
        Dive::Hint(args) => hint::run(&args),
        Dive::Diff(args) => diff::run(&args),
        Dive::Reset(args) => reset::run(&args),
        Dive::Solution(args) => solution::run(&args),
        Dive::Catchup(args) => catchup::run(&args),
        Dive::Own(args) => own::run(&args),
        Dive::Report(args) => report::run(&args),
        Dive::Pack(args) => pack::run(&args),
        Dive::Doctor(args) => doctor::run(&args),
        Dive::View(args) => view::run(&args),
        Dive::Trace(args) => trace::run(&args),
        Dive::Attack(args) => attack::run(&args),
        Dive::Vm(args) => vm::run(&args),
        Dive::Bench(args) => bench::run(&args),
        Dive::Lab(args) => lab::run(&args),
        Dive::Prove(args) => prove::run(&args),
        Dive::InLab(args) => in_lab::run(&args),
        Dive::VmInside(args) => vm::inside::run(&args),
    })
}
