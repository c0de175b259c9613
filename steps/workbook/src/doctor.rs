//! `cargo dive doctor`: what this machine can do for each lesson, found out by trying.
//!
//! Settings lie: on Ubuntu a user namespace can be made, and everything in it is then denied; in an outer
//! container a switch says yes and a filter no. So each thing is tried once, with the lessons' own functions and
//! in children that end with it, and nothing stays.
//!
//! - [`surroundings`]: what is read; [`probe`]: what is tried, whole lessons among it (`lesson`)
//! - [`diagnosis`]: from both to verdicts, a pure function, so that machines which are not at hand can be tested
//! - `optional`: what forbids nothing; `text`: how it is shown

use anstream::print;
use kit::{Error, Result};

pub mod diagnosis;
mod lesson;
mod optional;
pub mod probe;
pub mod surroundings;
mod text;

pub use diagnosis::Report;
pub use surroundings::Surroundings;

/// What this machine can do for each lesson, and what would mend the rest.
///
/// Tries each thing once, as whoever runs it, and changes nothing: children, mounts, control groups and
/// directories are gone when it ends. It needs a second or two.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status: 0 when every lesson runs at least in part, 1 when one is forbidden (its step then exits 125),
125 when the doctor itself failed. To learn what root could do: sudo target/debug/dive doctor")]
pub struct Args {
    /// Print the report as JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Tries, judges, prints.
pub fn run(args: &Args) -> Result<u8> {
    let report = Report::new(Surroundings::here(), probe::all());
    if args.json {
        let json = serde_json::to_string_pretty(&report);
        println!("{}", json.map_err(|error| Error::refused("write as JSON", "the report", error))?);
    } else {
        print!("{}", text::render(&report));
    }
    Ok(report.exit_status())
}

#[cfg(test)]
mod tests;
