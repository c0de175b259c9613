//! The manifest of a package that stands outside of the workspace and builds what `work` builds.
//!
//! Its dependencies and profiles are the workspace's own, so that in the same target folder each crate from a registry
//! is found compiled already, and each lesson is compiled once for all such packages.

use std::fs;
use std::path::{Path, PathBuf};

use kit::{Doing, Error, Result};
use toml::{Table, Value};

use super::compose::{read, write_if_new};
use super::course::Course;
use super::progress::hash_of_text;

/// Writes Cargo.toml and Cargo.lock of a package like `work` into a directory.
///
/// To cargo the root packages of two workspaces are the same if they are called the same, and in one target folder the
/// one would be taken for the other's, compiled already. So the name says where it lies.
pub(crate) fn write(course: &Course, dir: &Path, name: &str) -> Result<()> {
    fs::create_dir_all(dir).doing("mkdir(2)", dir)?;
    let root = table(&course.root.join("Cargo.toml"))?;
    let work = table(&course.root.join("work/Cargo.toml"))?;
    let place = hash_of_text(&dir.display().to_string());
    let manifest = standalone(&course.root, &root, &work, &format!("{name}-{}", &place[..8]));
    write_if_new(&dir.join("Cargo.toml"), &manifest)?;
    // Cargo prunes what is not needed from its copy; the versions stay.
    let (lock, own) = (course.root.join("Cargo.lock"), dir.join("Cargo.lock"));
    let newer = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    if newer(&own) < newer(&lock) {
        fs::copy(&lock, &own).doing("copy the lock file to", &own)?;
    }
    Ok(())
}

fn table(path: &Path) -> Result<Table> {
    let text = read(path)?;
    text.parse().map_err(|error: toml::de::Error| Error::refused("read", path.display(), error.message()))
}

fn standalone(course: &Path, root: &Table, work: &Table, name: &str) -> String {
    let of = |table: &Table, path: &[&str]| -> Table {
        let mut found = Some(table);
        for key in path {
            found = found.and_then(|table| table.get(*key)).and_then(Value::as_table);
        }
        found.cloned().unwrap_or_default()
    };
    let shared = of(root, &["workspace", "dependencies"]);
    let dependencies = of(work, &["dependencies"]).into_iter().map(|(name, own)| {
        let mut value = shared.get(&name).cloned().unwrap_or(own);
        if let Some(path) = value.get_mut("path") {
            let relative = path.as_str().map(PathBuf::from).unwrap_or_default();
            *path = package(&course.join(relative)).display().to_string().into();
        }
        (name, value)
    });
    let edition = of(root, &["workspace", "package"]).remove("edition").unwrap_or_else(|| "2024".into());
    let package = Table::from_iter([
        ("name".to_owned(), name.into()),
        ("version".to_owned(), "0.0.0".into()),
        ("publish".to_owned(), false.into()),
        ("edition".to_owned(), edition),
    ]);
    let manifest = Table::from_iter([
        ("workspace".to_owned(), Value::Table(Table::from_iter([("resolver".to_owned(), "3".into())]))),
        ("package".to_owned(), Value::Table(package)),
        ("dependencies".to_owned(), Value::Table(dependencies.collect())),
        ("profile".to_owned(), Value::Table(of(root, &["profile"]))),
    ]);
    format!("# Written by cargo dive.\n{manifest}")
}

/// Where the package really lies: a checkout may be made of links, and cargo knows a crate again by its path.
fn package(dir: &Path) -> PathBuf {
    let manifest = dir.join("Cargo.toml").canonicalize().ok();
    manifest.as_deref().and_then(Path::parent).unwrap_or(dir).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_the_workspaces_and_paths_are_whole() {
        let root: Table = "[workspace.package]\nedition = \"2024\"\n[workspace.dependencies]\nkit = { path = \"steps/kit\" }\nnix = { version = \"0.31\", features = [\"fs\"] }\n[profile.dev]\ndebug = 1\n"
            .parse()
            .expect("TOML");
        let work: Table =
            "[dependencies]\nkit.workspace = true\nnix.workspace = true\n".parse().expect("TOML");
        let text = standalone(Path::new("/course"), &root, &work, "twin");
        let manifest: Table = text.parse().expect("TOML");
        assert_eq!(manifest["dependencies"]["kit"]["path"].as_str(), Some("/course/steps/kit"));
        assert_eq!(manifest["dependencies"]["nix"]["features"][0].as_str(), Some("fs"));
        assert_eq!(manifest["profile"]["dev"]["debug"].as_integer(), Some(1));
        assert_eq!(manifest["package"]["edition"].as_str(), Some("2024"));
    }
    #[test]
    fn packages_at_two_places_are_two_to_cargo() {
        let course = Course { root: Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), exercises: vec![] };
        let name = || -> String {
            let dir = tempfile::tempdir().expect("a directory");
            write(&course, dir.path(), "work").expect("written");
            let manifest = table(&dir.path().join("Cargo.toml")).expect("TOML");
            manifest["package"]["name"].as_str().expect("a name").to_owned()
        };
        assert_ne!(name(), name());
    }
}
