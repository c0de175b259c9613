//! mdBook's driver around the preprocessor, with its warnings made errors.
//!
//! The driver exits well where a tag is not closed or a footnote is missing, and only logs it; here what it would have
//! logged is heard.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, bail};
use mdbook_driver::MDBook;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::Tree;
use crate::preprocess::Dive;

/// Builds the book into a directory, which is emptied before.
pub fn build(tree: &Tree, to: &Path) -> Result<()> {
    let warnings = Warnings::default();
    let outcome = tracing::subscriber::with_default(warnings.clone(), || {
        let mut book = load(tree)?;
        book.config.build.build_dir = to.into();
        book.with_preprocessor(Dive(tree.clone()));
        book.build()
    });
    let warnings = warnings.0.lock().map(|heard| heard.join("\n")).unwrap_or_default();
    outcome.map_err(|error| anyhow::anyhow!("{}", error.root_cause()))?;
    if !warnings.is_empty() {
        bail!("{warnings}");
    }
    // mdBook copies whatever is no page; what the preprocessor has used up is of no use to a reader.
    for used in ["glossary.toml", "fig"] {
        let path = to.join(used);
        let gone = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        gone.or_else(|error| if path.exists() { Err(error) } else { Ok(()) })
            .with_context(|| format!("remove {}", path.display()))?;
    }
    Ok(())
}

/// The book as it lies in `book/src`.
pub fn load(tree: &Tree) -> Result<MDBook> {
    MDBook::load(tree.book())
}

/// What mdBook logs as a warning or worse.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message::default();
        event.record(&mut message);
        if let Ok(mut heard) = self.0.lock() {
            heard.push(message.0);
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
