//! What a page weighs, with all that it loads.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Result;

use super::html::tags;
use super::links::{addresses, html_files};
use crate::{Finding, files, read};

/// The most that a page and what it loads may have.
pub const LIMIT: u64 = 700 << 10;

/// The faces that a page uses, by what their files are called.
const FACES: [&str; 5] =
    ["charsets-regular", "charsets-italic", "charsets-600", "charsets-700", "source-code-pro"];

/// Holds every page to it but the one for print, which is all of them in one.
pub fn check(built: &Path, findings: &mut Vec<Finding>) -> Result<()> {
    let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    let face = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        FACES.iter().any(|face| name.contains(face)) && !name.contains("00italic")
    };
    let faces: u64 =
        files(&built.join("fonts")).iter().filter(|path| face(path)).map(|path| size(path)).sum();
    for file in html_files(built).into_iter().filter(|file| !file.ends_with("print.html")) {
        let dir = file.parent().unwrap_or(built);
        let tags = tags(&read(&file)?);
        let loaded = tags.iter().flat_map(addresses).filter(|(_, is_asset)| *is_asset);
        let loaded: BTreeSet<_> =
            loaded.filter_map(|(address, _)| fs::canonicalize(dir.join(address)).ok()).collect();
        let sum = size(&file) + faces + loaded.iter().map(|path| size(path)).sum::<u64>();
        if sum > LIMIT {
            let what = format!("weighs {} KiB with what it loads, more than {}", sum >> 10, LIMIT >> 10);
            findings.push(Finding::of(file.strip_prefix(built).unwrap_or(&file), what));
        }
    }
    Ok(())
}
