//! The matrix as a table, and as JSON.

use anstream::println;
use anstyle::{AnsiColor, Style};

use super::{ATTACKS, Matrix};

const BOLD: Style = Style::new().bold();
const ESCAPED: Style = AnsiColor::Red.on_default().bold();
const BLOCKED: Style = AnsiColor::Green.on_default();
const DIM: Style = Style::new().dimmed();

/// For people: a table for each tier, a row an attack.
pub(super) fn text(matrix: &Matrix, steps: &[u8]) {
    let mut tiers: Vec<&str> = matrix.cells.iter().map(|cell| cell.tier.as_str()).collect();
    tiers.dedup();
    for (index, tier) in tiers.iter().enumerate() {
        let of = |attack: &str, step: u8| {
            let cells = matrix.cells.iter().filter(|cell| cell.tier == **tier);
            let mut here = cells.filter(|cell| cell.attack == attack && cell.step == step);
            here.next().map_or("", |cell| cell.verdict.as_str())
        };
        if index > 0 {
            println!();
        }
        println!("{BOLD}the steps as {tier}{BOLD:#}\n");
        let width = matrix.cells.iter().map(|cell| cell.verdict.chars().count()).max().unwrap_or(0);
        let head: Vec<_> = steps.iter().map(|step| format!("{:<width$}", format!("{step:02}"))).collect();
        println!("       {BOLD}{}{BOLD:#}", head.join("  ").trim_end());
        for (attack, _) in ATTACKS {
            let cells: Vec<_> = steps.iter().map(|step| coloured(of(attack, *step), width)).collect();
            println!("  {BOLD}{attack:<3}{BOLD:#}  {}", cells.join("  ").trim_end());
        }
    }
    println!();
    for (attack, what) in ATTACKS {
        println!("  {attack:<3}  {DIM}{what}{DIM:#}");
    }
}

fn coloured(verdict: &str, width: usize) -> String {
    let style = match verdict {
        "ESCAPED" => ESCAPED,
        verdict if verdict.starts_with("BLOCKED") => BLOCKED,
        _ => DIM,
    };
    format!("{style}{verdict}{style:#}{}", " ".repeat(width - verdict.chars().count()))
}

/// For programs.
pub(super) fn json(matrix: &Matrix) {
    println!(
        "{}",
        serde_json::to_string(matrix).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
    );
}
