//! `list`: all containers, as a table, as JSON, or by their names alone.

use std::io::Write;

use clap::ValueEnum;

use super::state::Shown;
use crate::error::{Doing, Error, Kind, Result};
use crate::runtime::Warn;
use crate::runtime::store::Store;

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// As what
    #[arg(short, long, default_value = "table")]
    format: Form,
    /// The names alone
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Table,
    Json,
}

impl List {
    pub(super) fn run(self, store: &Store, warn: Warn<'_>) -> Result<()> {
        let ids = store.ids()?;
        let text = if self.quiet {
            ids.into_iter().map(|id| id + "\n").collect()
        } else {
            let mut shown = Vec::new();
            for id in ids {
                match store.load(&id).and_then(|container| Shown::of(&container)) {
                    Ok(one) => shown.push(one),
                    // It was deleted meanwhile, or is no more than a name yet.
                    Err(error) => warn(&error.to_string()),
                }
            }
            match self.format {
                Form::Table => table(&shown),
                Form::Json => json(&shown)?,
            }
        };
        std::io::stdout().write_all(text.as_bytes()).doing("write", "standard output")
    }
}

fn json(shown: &[Shown]) -> Result<String> {
    // An empty list is null to whoever learnt it from programs written in Go.
    if shown.is_empty() {
        return Ok("null\n".to_owned());
    }
    let text = serde_json::to_string(shown);
    let text = text.map_err(|error| Error::refused(Kind::System, "write", "JSON", error.to_string()))?;
    Ok(text + "\n")
}

fn table(shown: &[Shown]) -> String {
    let titles = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(str::to_owned);
    let rows = shown.iter().map(|one| {
        let status = one.status.name().to_owned();
        [
            one.id.clone(),
            one.pid.to_string(),
            status,
            one.bundle.clone(),
            one.created.clone(),
            one.owner.clone(),
        ]
    });
    let rows: Vec<_> = std::iter::once(titles).chain(rows).collect();
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).max(9) + 3;
    let widths: Vec<_> = (0..5).map(width).collect();
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<String>() + &row[5] + "\n"
    };
    rows.iter().map(line).collect()
}
