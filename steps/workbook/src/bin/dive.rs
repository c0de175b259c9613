//! `cargo dive`: the reader's instruments.

use std::process::ExitCode;

use clap::Parser;

/// The reader's instruments.
#[derive(Parser)]
#[command(name = "cargo dive", bin_name = "cargo dive")]
enum Dive {}

fn main() -> ExitCode {
    kit::start();
    kit::finish(match Dive::parse() {})
}
