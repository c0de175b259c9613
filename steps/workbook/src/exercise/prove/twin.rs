//! The twin of `work`: a package below target/ in which every stub, solution and wrong answer is a binary. One build
//! makes them all, and nothing of the learner's is touched.

use std::fs;
use std::path::{Path, PathBuf};

use kit::{Doing, Result};

use crate::exercise::build::{Built, Package, build};
use crate::exercise::compose::{self, Files};
use crate::exercise::course::Course;
use crate::exercise::format::Exercise;
use crate::exercise::manifest;
use crate::exercise::own;
use crate::exercise::runs::Programs;

/// An answer to an exercise: the stub, the solution, a wrong one.
#[derive(Debug, Clone)]
pub(crate) struct Answer<'a> {
    pub(crate) exercise: &'a Exercise,
    pub(crate) part: Part,
    pub(crate) source: PathBuf,
}

/// What must become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Stub,
    Solution,
    Wrong,
}

/// The package, built.
#[derive(Debug)]
pub(crate) struct Twin {
    built: Built,
}

impl<'a> Answer<'a> {
    /// All answers to an exercise that are there.
    pub(crate) fn all(exercise: &'a Exercise) -> Vec<Self> {
        let of = |part, source| Self { exercise, part, source };
        let mut answers = vec![of(Part::Stub, exercise.stub()), of(Part::Solution, exercise.solution())];
        answers.extend(exercise.wrong().into_iter().map(|source| of(Part::Wrong, source)));
        answers
    }

    /// `wrong/busy.rs`
    pub(crate) fn name(&self) -> String {
        self.source.strip_prefix(&self.exercise.dir).unwrap_or(&self.source).display().to_string()
    }

    fn binary(&self, kind: &str) -> String {
        let id = self.exercise.id;
        let stem = self.name().trim_end_matches(".rs").replace('/', "-");
        format!("{kind}-{:02}-{:02}-{stem}", id.lesson, id.number)
    }
}

impl Twin {
    /// Writes the package and builds the answers; and, for each lesson among `lessons`, its program with the solutions
    /// of all lessons up to it. Of the last one also what `cargo dive own` makes of that.
    pub(crate) fn built(course: &Course, answers: &[Answer<'_>], lessons: &[u8]) -> Result<Self> {
        let dir = course.root.join("target/dive/twin");
        manifest::write(course, &dir, "twin")?;
        let bins = dir.join("src/bin");
        let mut names = Vec::new();
        for answer in answers {
            names.extend(write(course, answer, &bins)?);
        }
        for lesson in lessons {
            let name = whole(*lesson);
            let files = with_solutions(course, *lesson)?;
            compose::write(&files, &bins.join(&name))?;
            names.push(name);
            if lessons.last() == Some(lesson) {
                compose::write(&own::owned(course, files)?, &bins.join(owned(*lesson)))?;
                names.push(owned(*lesson));
            }
        }
        remove_others(&bins, &names)?;
        Ok(Self { built: build(course, &Package::At(&dir), &names, false)? })
    }

    /// The programs of an answer, or what the compiler says of it.
    pub(crate) fn programs(&self, answer: &Answer<'_>) -> Result<Programs, String> {
        let of = |kind: &str| self.executable(&answer.binary(kind));
        Ok(Programs {
            container: if answer.exercise.runs_container() { Some(of("container")?) } else { None },
            facts: if answer.exercise.facts().is_some() { Some(of("facts")?) } else { None },
        })
    }

    /// The program of a lesson with all solutions, or what the compiler says of it.
    pub(crate) fn whole(&self, lesson: u8) -> Result<PathBuf, String> {
        self.executable(&whole(lesson))
    }

    /// The program of the last lesson when it is the learner's whole, or what the compiler says of it.
    pub(crate) fn owned(&self, lesson: u8) -> Result<PathBuf, String> {
        self.executable(&owned(lesson))
    }

    fn executable(&self, name: &str) -> Result<PathBuf, String> {
        let said =
            || self.built.refused.get(name).cloned().unwrap_or_else(|| "cargo did not build it".into());
        self.built.executables.get(name).cloned().ok_or_else(said)
    }
}

fn whole(lesson: u8) -> String {
    format!("whole-{lesson:02}")
}

fn owned(lesson: u8) -> String {
    format!("owned-{lesson:02}")
}

/// Writes the binaries of an answer, and says their names.
fn write(course: &Course, answer: &Answer<'_>, bins: &Path) -> Result<Vec<String>> {
    let exercise = answer.exercise;
    let module = format!("{}.rs", exercise.about.module);
    let text = compose::read(&answer.source)?;
    let mut names = Vec::new();
    if exercise.runs_container() {
        let mut files = compose::program(course, exercise.id.lesson)?;
        compose::place(&mut files, exercise);
        compose::declare(&mut files, &exercise.about.module, None);
        files.insert(module.clone(), text.clone());
        names.push(answer.binary("container"));
        compose::write(&files, &bins.join(answer.binary("container")))?;
    }
    if let Some(main) = exercise.facts() {
        let main = compose::facts(&main, exercise, Path::new(&module))?;
        let files = Files::from([("main.rs".to_owned(), main), (module, text)]);
        names.push(answer.binary("facts"));
        compose::write(&files, &bins.join(answer.binary("facts")))?;
    }
    Ok(names)
}

fn with_solutions(course: &Course, lesson: u8) -> Result<Files> {
    let mut files = compose::program(course, lesson)?;
    // The solutions join when all have their places: what one of them imports of a lesson stays that lesson's.
    let mut modules = Files::new();
    let of_lessons = course.exercises.iter().rev().filter(|exercise| exercise.id.lesson <= lesson);
    for exercise in of_lessons.filter(|exercise| exercise.is_code()) {
        if compose::place(&mut files, exercise) {
            modules.insert(format!("{}.rs", exercise.about.module), compose::read(&exercise.solution())?);
        }
    }
    files.extend(modules);
    Ok(files)
}

/// What an earlier run left there would be built along with a later one.
fn remove_others(bins: &Path, names: &[String]) -> Result<()> {
    for entry in fs::read_dir(bins).doing("opendir(3)", bins)?.flatten() {
        if !names.iter().any(|name| entry.file_name().to_str() == Some(name)) {
            let path = entry.path();
            fs::remove_dir_all(&path).doing("remove", &path)?;
        }
    }
    Ok(())
}
