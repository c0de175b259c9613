//! `cargo dive`: the reader's instruments.

use std::process::ExitCode;

use clap::Parser;
use workbook::{attack, bench, doctor, lab, trace, view, vm};

/// The reader's instruments.
#[derive(Parser)]
#[command(name = "cargo dive", bin_name = "cargo dive")]
enum Dive {
    /// Attack the containers of the steps: who gets out, and what stops the others
    Attack(attack::Args),
    /// Measure each step beside the smallest program that makes the same calls
    Bench(bench::Args),
    /// Tell what this machine can do for each lesson, and what would mend the rest
    Doctor(doctor::Args),
    /// Run a command and tell what it leaves behind: mounts, control groups, links, processes, files
    Lab(lab::Args),
    /// Run a command in the same checkout under a kernel that allows everything
    Vm(vm::Args),
    #[command(name = vm::INSIDE, hide = true)]
    VmInside(vm::inside::Args),
    /// Show the calls that make a container, as a command makes them
    Trace(trace::Args),
    /// What about a process is contained: namespaces, ids, capabilities, limits, mounts, open descriptors
    View(view::Args),
}

fn main() -> ExitCode {
    kit::start();
    kit::finish(match Dive::parse() {
        Dive::Attack(args) => attack::run(&args),
        Dive::Bench(args) => bench::run(&args),
        Dive::Doctor(args) => doctor::run(&args),
        Dive::Lab(args) => lab::run(&args),
        Dive::Vm(args) => vm::run(&args),
        Dive::VmInside(args) => vm::inside::run(&args),
        Dive::Trace(args) => trace::run(&args),
        Dive::View(args) => view::run(&args),
    })
}
