//! `cargo dive`: the reader's instruments.

use std::process::ExitCode;

use clap::Parser;
use workbook::trace;

/// The reader's instruments.
#[derive(Parser)]
#[command(name = "cargo dive", bin_name = "cargo dive")]
enum Dive {
    /// Show the calls that make a container, as a command makes them
    Trace(trace::Args),
}

fn main() -> ExitCode {
    kit::start();
    kit::finish(match Dive::parse() {
        Dive::Trace(args) => trace::run(&args),
    })
}
