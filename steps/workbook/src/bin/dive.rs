//! `cargo dive`: the reader's instruments.

use std::process::ExitCode;

use clap::Parser;
use workbook::{attack, lab, view};

/// The reader's instruments.
#[derive(Parser)]
#[command(name = "cargo dive", bin_name = "cargo dive")]
enum Dive {
    /// Attack the containers of the steps: who gets out, and what stops the others
    Attack(attack::Args),
    /// Run a command and tell what it leaves behind: mounts, control groups, links, processes, files
    Lab(lab::Args),
    /// What about a process is contained: namespaces, ids, capabilities, limits, mounts, open descriptors
    View(view::Args),
}

fn main() -> ExitCode {
    kit::start();
    kit::finish(match Dive::parse() {
        Dive::Attack(args) => attack::run(&args),
        Dive::Lab(args) => lab::run(&args),
        Dive::View(args) => view::run(&args),
    })
}
