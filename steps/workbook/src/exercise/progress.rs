//! How far the learner is: work/progress.toml, which git ignores.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use kit::{Doing, Error, Result};
use serde::{Deserialize, Serialize};

use super::course::Id;
use super::format::Exercise;

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Progress {
    /// The lesson whose program the container is.
    pub(crate) lesson: Option<u8>,
    /// The exercise that was begun last.
    pub(crate) current: Option<String>,
    /// The files of the container that were laid out, and what they said then.
    #[serde(default)]
    pub(crate) laid: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) exercise: BTreeMap<String, State>,
}

/// One exercise.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// Set when it has passed: the hash of what passed.
    pub(crate) passed: Option<String>,
    /// The tiers at which it did.
    #[serde(default)]
    pub(crate) tiers: Vec<String>,
    /// What this machine skipped then.
    #[serde(default)]
    pub(crate) skipped: Vec<String>,
    /// The solution was put there.
    #[serde(default)]
    pub(crate) given: bool,
    /// How many rungs of the ladder were shown.
    #[serde(default)]
    pub(crate) rungs: usize,
    /// How often it was checked and failed.
    #[serde(default)]
    pub(crate) failures: u32,
    /// What fitted the last failure.
    pub(crate) hint: Option<String>,
    /// An open exercise that the learner called done.
    #[serde(default)]
    pub(crate) done: bool,
}

impl Progress {
    /// Reads it; none is none yet. Errors name the file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            outcome => outcome.doing("read", path)?,
        };
        toml::from_str(&text).map_err(|error| {
            Error::refused("read", path.display(), error.to_string().trim_end())
                .advise("cargo dive reset --all begins anew, and keeps what you wrote")
        })
    }

    /// Writes it: whole, or not at all.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = toml::to_string(self).map_err(|error| Error::refused("write", path.display(), error))?;
        let text = format!("# Written by cargo dive. To begin anew: cargo dive reset --all\n{text}");
        let new = path.with_extension("toml.new");
        fs::write(&new, text).doing("write", &new)?;
        fs::rename(&new, path).doing("rename(2)", path)
    }

    pub(crate) fn state(&self, id: Id) -> State {
        self.exercise.get(&id.to_string()).cloned().unwrap_or_default()
    }

    pub(crate) fn state_mut(&mut self, id: Id) -> &mut State {
        self.exercise.entry(id.to_string()).or_default()
    }

    /// The exercise that was begun last.
    pub(crate) fn current(&self) -> Option<Id> {
        self.current.as_ref().and_then(|id| id.parse().ok())
    }
}

impl State {
    /// Whether it belongs into the containers of the lessons to come.
    pub(crate) fn solved(&self) -> bool {
        self.passed.is_some() || self.given
    }
}

/// A word that changes with what the exercise is and what the learner wrote.
pub(crate) fn hash_of(exercise: &Exercise, module: &Path) -> Result<String> {
    let mut files: Vec<PathBuf> = vec![module.to_owned(), exercise.dir.join("exercise.toml")];
    files.extend(exercise.facts());
    let expected = fs::read_dir(exercise.dir.join("expected")).into_iter().flatten().flatten();
    let mut expected: Vec<_> = expected.map(|entry| entry.path()).collect();
    expected.sort();
    files.extend(expected);
    let mut hasher = DefaultHasher::new();
    for file in files {
        fs::read(&file).doing("read", &file)?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// A word that changes with the text.
pub(crate) fn hash_of_text(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_survives_its_file_and_a_broken_one_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("progress.toml");
        let id = Id { lesson: 4, number: 2 };
        let mut progress = Progress::read(&path).expect("none is none yet");
        assert!(!progress.state(id).solved());
        progress.lesson = Some(4);
        progress.current = Some(id.to_string());
        progress.state_mut(id).passed = Some(hash_of_text("mine"));
        progress.write(&path).expect("written");
        let again = Progress::read(&path).expect("read");
        assert_eq!((again.lesson, again.current()), (Some(4), Some(id)));
        assert!(again.state(id).solved());
        fs::write(&path, "lesson = \"four\"").expect("write");
        let error = Progress::read(&path).expect_err("broken").to_string();
        assert!(error.contains("progress.toml") && error.contains("reset"), "{error}");
    }
}
