//! `cargo run -p book -- build | serve | check`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anstream::{eprintln, println};
use anyhow::Result;
use book::{Tree, build, check, preprocess, serve};
use clap::{Parser, Subcommand};

/// The book: builds it, serves it while you write, and refuses what a page must not say.
#[derive(Parser)]
#[command(name = "cargo run -p book --", bin_name = "cargo run -p book --")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Build the book; open target/book/index.html
    Build {
        /// Where to, instead of target/book
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
    /// Serve it on this machine, and build it again whenever a page or a source changes
    Serve {
        /// The port on 127.0.0.1
        #[arg(long, default_value_t = 3000)]
        port: u16,
    },
    /// Build it, and hold it to every gate; exit status 1 if one is not met
    Check,
    /// What a stock mdBook runs: a book in JSON on standard input, the expanded one on standard output
    Preprocess {
        /// `supports html`: whether it serves this renderer
        #[arg(value_name = "WORDS")]
        words: Vec<String>,
    },
}

fn main() -> ExitCode {
    let tree = Tree::own();
    let outcome = match Cli::parse().verb {
        Verb::Build { to } => build_it(&tree, to),
        Verb::Serve { port } => serve::serve(&tree, port).map(|()| ExitCode::SUCCESS),
        Verb::Check => check_it(&tree),
        // Every renderer of Markdown is served.
        Verb::Preprocess { words } if words.first().is_some_and(|word| word == "supports") => {
            Ok(ExitCode::SUCCESS)
        }
        Verb::Preprocess { .. } => {
            preprocess::speak(std::io::stdin().lock(), std::io::stdout().lock()).map(|()| ExitCode::SUCCESS)
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("book: {error:#}");
        ExitCode::FAILURE
    })
}

fn build_it(tree: &Tree, to: Option<PathBuf>) -> Result<ExitCode> {
    let begun = Instant::now();
    let to = to.map_or_else(|| Ok(tree.built()), std::path::absolute)?;
    build::build(tree, &to)?;
    println!("{} in {:.1} s", to.join("index.html").display(), begun.elapsed().as_secs_f32());
    Ok(ExitCode::SUCCESS)
}

fn check_it(tree: &Tree) -> Result<ExitCode> {
    let report = check::check(tree)?;
    for finding in &report.findings {
        eprintln!("{finding}");
    }
    for skipped in &report.skipped {
        println!("SKIP {skipped}");
    }
    println!("{}", report.summary());
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
