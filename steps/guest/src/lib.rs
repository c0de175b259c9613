//! What runs *inside*: it looks around and reports, as text for people and as JSON for tests.
//!
//! Every step's binary is also the guest: the kit copies it into the root as `/bin/guest`, and the first line
//! of every `main` hands over to [`main`] when the program was started by that name.
//!
//! - [`report`]: the whole report, read from the kernel by `report/*`
//! - [`compare`]: a report beside the host's, in tokens that hold on any machine
//! - [`attack`]: the attempts to reach what the container was to be kept from
//! - [`call`]: the calls that a capability permits, and what each is answered here
//! - [`load`]: bounded loads that show a limit at work

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod attack;
pub mod call;
pub mod capability;
pub mod compare;
pub mod load;
pub mod report;

pub use attack::{Attack, Verdict};
pub use report::Report;

/// The name under which a step's binary is the guest.
pub const NAME: &str = "guest";

/// What runs inside a container and reports what it sees.
#[derive(Parser)]
#[command(name = NAME, disable_help_subcommand = true)]
struct Guest {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Report what is seen from here: processes, users, namespaces, mounts, limits, privileges, devices
    Report {
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Try to reach what a container should be kept from; prints ESCAPED or BLOCKED(errno)
    #[command(subcommand)]
    Attack(Attack),
    /// Make each call that a capability permits, and report what it is answered
    Calls,
    /// Make one of them
    #[command(hide = true)]
    Call {
        /// Its name
        name: String,
    },
    /// Put a bounded load on a resource and report how far it got
    #[command(subcommand)]
    Load(load::Load),
    /// Leave orphans behind that end at once, and report how many stay zombies
    Orphans {
        /// How many
        #[arg(default_value_t = 3)]
        count: u32,
    },
}

/// Runs the guest's command line. A report or a verdict goes to standard output; the exit status is 0 when
/// it could be made, whatever it says, and 2 when the command line was wrong.
pub fn main() -> ExitCode {
    let printed = match Guest::parse().verb {
        Verb::Report { json: false } => Report::of_self().to_string(),
        Verb::Report { json: true } => as_json(&Report::of_self()),
        Verb::Attack(attack) => attack.run().to_string(),
        Verb::Calls => as_json(&call::all()),
        Verb::Call { name } => call::one(&name),
        Verb::Load(load) => as_json(&load.run()),
        Verb::Orphans { count } => as_json(&load::orphans(count)),
    };
    println!("{}", printed.trim_end());
    ExitCode::SUCCESS
}

fn as_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
}
