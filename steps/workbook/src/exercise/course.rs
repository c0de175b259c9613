//! The course on disk: where it is, which lessons and exercises it has.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use kit::{Doing, Error, Result};

use super::format::Exercise;

/// The environment variable that names the checkout; without it, it is found above the working directory.
pub(crate) const ROOT: &str = "DIVE_COURSE";

/// The checkout, and every exercise in it by its number.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) root: PathBuf,
    pub(crate) exercises: Vec<Exercise>,
}

/// `04.02`: the second exercise of lesson 04.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id {
    pub(crate) lesson: u8,
    pub(crate) number: u8,
}

/// `04` or `04.02`, as a verb is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Lesson(u8),
    One(Id),
}

impl Course {
    /// Finds the checkout and reads its exercises. Errors name the file that is not as it should be.
    pub(crate) fn find() -> Result<Self> {
        Self::at(root()?)
    }

    /// Reads the exercises below a checkout.
    pub(crate) fn at(root: PathBuf) -> Result<Self> {
        let mut exercises = Vec::new();
        for (lesson, step) in numbered(&root.join("steps"))? {
            let dir = step.join("exercises");
            if !dir.is_dir() {
                continue;
            }
            for (number, dir) in numbered(&dir)? {
                exercises.push(Exercise::read(Id { lesson, number }, &dir)?);
            }
        }
        one_file_each(&exercises)?;
        Ok(Self { root, exercises })
    }

    /// The directory of a lesson.
    pub(crate) fn lesson(&self, lesson: u8) -> Result<PathBuf> {
        let steps = numbered(&self.root.join("steps"))?;
        let newest = steps.iter().map(|(number, _)| *number).max().unwrap_or(0);
        let found = steps.into_iter().find(|(number, _)| *number == lesson).map(|(_, dir)| dir);
        found.ok_or_else(|| {
            Error::refused("find the lesson", format!("{lesson:02}"), format!("there are 00 to {newest:02}"))
        })
    }

    /// One exercise. The error names those that the lesson has.
    pub(crate) fn exercise(&self, id: Id) -> Result<&Exercise> {
        self.exercises.iter().find(|exercise| exercise.id == id).ok_or_else(|| {
            let there: Vec<_> = self.of_lesson(id.lesson).map(|exercise| exercise.id.to_string()).collect();
            let there = match there.as_slice() {
                [] => "the lesson has none".to_owned(),
                some => format!("there are {}", some.join(", ")),
            };
            Error::refused("find the exercise", id, there)
        })
    }

    /// Those of a lesson.
    pub(crate) fn of_lesson(&self, lesson: u8) -> impl Iterator<Item = &Exercise> {
        self.exercises.iter().filter(move |exercise| exercise.id.lesson == lesson)
    }

    /// Those that were asked for; all of them if nothing was.
    pub(crate) fn asked(&self, which: Option<Which>) -> Result<Vec<&Exercise>> {
        match which {
            None => Ok(self.exercises.iter().collect()),
            Some(Which::One(id)) => Ok(vec![self.exercise(id)?]),
            Some(Which::Lesson(lesson)) => {
                self.lesson(lesson)?;
                let found: Vec<_> = self.of_lesson(lesson).collect();
                if found.is_empty() {
                    return Err(Error::refused(
                        "find exercises of lesson",
                        format!("{lesson:02}"),
                        "it has none",
                    ));
                }
                Ok(found)
            }
        }
    }
}

/// All modules lie beside each other in the learner's container.
fn one_file_each(exercises: &[Exercise]) -> Result<()> {
    let mut seen: BTreeMap<&str, Id> = BTreeMap::new();
    for exercise in exercises.iter().filter(|exercise| exercise.is_code()) {
        if let Some(other) = seen.insert(&exercise.about.module, exercise.id) {
            let reason = format!("{other} has a module of that name already");
            let module = format!("{} of {}", exercise.about.module, exercise.id);
            return Err(Error::refused("read the module", module, reason));
        }
    }
    Ok(())
}

fn root() -> Result<PathBuf> {
    let is_course = |dir: &Path| dir.join("steps/kit/Cargo.toml").is_file();
    if let Some(dir) = std::env::var_os(ROOT) {
        let dir = PathBuf::from(dir).canonicalize().doing(format!("find the checkout ({ROOT})"), "")?;
        return if is_course(&dir) { Ok(dir) } else { Err(no_course(&dir)) };
    }
    let here = std::env::current_dir().doing("getcwd(2)", "")?;
    let built = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let above = here.ancestors().find(|dir| is_course(dir)).map(Path::to_owned);
    let built = || built.canonicalize().ok().filter(|dir| is_course(dir));
    above.or_else(built).ok_or_else(|| no_course(&here))
}

fn no_course(dir: &Path) -> Error {
    Error::refused("find the checkout of docker-dive at", dir.display(), "there is no steps/kit")
        .advise(format!("go there, or set {ROOT}"))
}

/// The directories `NN-name` in a directory, by their numbers.
fn numbered(dir: &Path) -> Result<Vec<(u8, PathBuf)>> {
    let entries = fs::read_dir(dir).doing("opendir(3)", dir)?.flatten();
    let number = |path: &Path| -> Option<u8> {
        let (number, _) = path.file_name()?.to_str()?.split_once('-')?;
        number.parse().ok().filter(|_| number.len() == 2 && path.is_dir())
    };
    let mut found: Vec<_> =
        entries.filter_map(|entry| Some((number(&entry.path())?, entry.path()))).collect();
    found.sort();
    Ok(found)
}

impl Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}.{:02}", self.lesson, self.number)
    }
}

impl FromStr for Id {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse()? {
            Which::One(id) => Ok(id),
            Which::Lesson(_) => Err("an exercise is a lesson and a number: 04.02".into()),
        }
    }
}

impl FromStr for Which {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let digits =
                !text.is_empty() && text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse().ok().filter(|_| digits);
            number.ok_or_else(|| "a lesson is 04, an exercise 04.02".to_owned())
        };
        Ok(match text.split_once('.') {
            None => Self::Lesson(number(text)?),
            Some((lesson, exercise)) => Self::One(Id { lesson: number(lesson)?, number: number(exercise)? }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lesson_and_an_exercise_are_told_apart() {
        assert_eq!("04".parse(), Ok(Which::Lesson(4)));
        assert_eq!("4.2".parse(), Ok(Which::One(Id { lesson: 4, number: 2 })));
        assert_eq!("04.02".parse::<Id>().map(|id| id.to_string()), Ok("04.02".to_owned()));
        for wrong in ["", "04.", ".2", "four", "04.02.01", "444", "+4", "04"] {
            assert!(wrong.parse::<Id>().is_err(), "{wrong:?}");
        }
    }
}
