//! The learner's own files: the package `work`, or another directory that `DIVE_WORK` names.

use std::fs;
use std::path::{Path, PathBuf};

use kit::{Doing, Error, Result};
use nix::errno::Errno;

use super::compose::{self, Files};
use super::course::{Course, Id, Which};
use super::format::Exercise;
use super::manifest;
use super::progress::{Progress, hash_of, hash_of_text};

/// The environment variable that names another directory than `work`: for a repository of the learner's own.
pub(crate) const DIR: &str = "DIVE_WORK";

/// The directory, and how far the learner is.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) dir: PathBuf,
    /// It is no member of the workspace.
    pub(crate) elsewhere: bool,
    pub(crate) progress: Progress,
}

/// What became of the container when a lesson was laid out.
#[derive(Debug, Default)]
pub(crate) struct Laid {
    /// Exercises whose modules took their places.
    pub(crate) placed: Vec<Id>,
    /// Solved exercises of which this lesson uses nothing.
    pub(crate) resting: Vec<Id>,
    /// Where files of the learner's went, if any would have been overwritten.
    pub(crate) kept: Option<PathBuf>,
}

impl Work {
    /// Finds it, and reads the progress.
    pub(crate) fn open(course: &Course) -> Result<Self> {
        let work = Self::fresh(course)?;
        let progress = Progress::read(&work.dir.join("progress.toml"))?;
        Ok(Self { progress, ..work })
    }

    /// Finds it, without a look at the progress.
    pub(crate) fn fresh(course: &Course) -> Result<Self> {
        let own = std::env::var_os(DIR).map(PathBuf::from);
        let elsewhere = own.is_some();
        let dir = own.unwrap_or_else(|| course.root.join("work"));
        if elsewhere {
            fs::create_dir_all(&dir).doing("mkdir(2)", &dir)?;
        }
        let dir = dir.canonicalize().doing("find", &dir)?;
        if elsewhere {
            manifest::write(course, &dir, "work")?;
        }
        Ok(Self { dir, elsewhere, progress: Progress::default() })
    }

    /// What was asked for, or the exercise that was begun last.
    pub(crate) fn asked_or_current(&self, which: Option<Which>) -> Result<Which> {
        which.or_else(|| self.progress.current().map(Which::One)).ok_or_else(|| {
            Error::refused("find what was begun last", "", "nothing is begun yet").advise("cargo dive start")
        })
    }

    /// The learner's answer, if there is one.
    pub(crate) fn begun(&self, exercise: &Exercise) -> Result<PathBuf> {
        let module = self.module(exercise);
        if module.is_file() {
            return Ok(module);
        }
        let error = Error::call("read", self.shown(&module).display(), Errno::ENOENT);
        Err(error.advise(format!("cargo dive start {}", exercise.id)))
    }

    pub(crate) fn container(&self) -> PathBuf {
        self.dir.join("src/bin/container")
    }

    /// What `cargo dive own` makes of the container.
    pub(crate) fn runtime(&self) -> PathBuf {
        self.dir.join("src/bin/runtime")
    }

    /// How cargo is told of the package.
    pub(crate) fn package(&self) -> String {
        if self.elsewhere {
            format!("--manifest-path {}", self.dir.join("Cargo.toml").display())
        } else {
            "-p work".to_owned()
        }
    }

    /// The learner's answer.
    pub(crate) fn module(&self, exercise: &Exercise) -> PathBuf {
        self.container().join(format!("{}.rs", exercise.about.module))
    }

    /// The program that prints facts about it.
    pub(crate) fn facts(&self, exercise: &Exercise) -> PathBuf {
        self.dir.join("src/bin").join(format!("{}.rs", facts_name(exercise.id)))
    }

    pub(crate) fn save(&self) -> Result<()> {
        self.progress.write(&self.dir.join("progress.toml"))
    }

    /// Whether it has passed as it is.
    pub(crate) fn unchanged(&self, exercise: &Exercise) -> bool {
        let state = self.progress.state(exercise.id);
        let now = hash_of(exercise, &self.module(exercise)).ok();
        state.passed.is_some() && state.passed == now
    }

    /// Makes the container that of a lesson: its program, with the modules of solved exercises and of the current
    /// one in their places. What the learner changed of the files before is kept.
    pub(crate) fn lay(&mut self, course: &Course, lesson: u8, current: Option<&Exercise>) -> Result<Laid> {
        let mut files = compose::program(course, lesson)?;
        let same = self.progress.lesson == Some(lesson);
        if let Some(exercise) = current.filter(|_| same && !self.changed(&files).is_empty()) {
            return self.place_in_changed(files, exercise);
        }
        let mut laid = Laid::default();
        for exercise in self.modules(course, current) {
            let list =
                if compose::place(&mut files, exercise) { &mut laid.placed } else { &mut laid.resting };
            list.push(exercise.id);
        }
        laid.kept = self.keep_changed(&files)?;
        for name in self.progress.laid.keys().filter(|name| !files.contains_key(*name)) {
            let _ = fs::remove_file(self.container().join(name));
        }
        compose::write(&files, &self.container())?;
        self.progress.laid = files.iter().map(|(name, text)| (name.clone(), hash_of_text(text))).collect();
        self.progress.lesson = Some(lesson);
        Ok(laid)
    }

    /// The learner works on the lesson's own files: only the module is put into them, if it is not there yet.
    fn place_in_changed(&self, mut files: Files, exercise: &Exercise) -> Result<Laid> {
        for (name, text) in &mut files {
            if let Ok(own) = fs::read_to_string(self.container().join(name)) {
                *text = own;
            }
        }
        let placed =
            compose::place(&mut files, exercise) || compose::declares(&files, &exercise.about.module);
        compose::write(&files, &self.container())?;
        let placed = if placed { vec![exercise.id] } else { vec![] };
        Ok(Laid { placed, ..Laid::default() })
    }

    /// The current exercise first: of two for one function, it is the one that is at work. Then the newest.
    fn modules<'a>(&self, course: &'a Course, current: Option<&'a Exercise>) -> Vec<&'a Exercise> {
        let others = course.exercises.iter().rev().filter(|exercise| {
            exercise.is_code()
                && current.is_none_or(|current| current.id != exercise.id)
                && self.progress.state(exercise.id).solved()
                && self.module(exercise).is_file()
        });
        current.into_iter().chain(others).collect()
    }

    fn changed(&self, new: &Files) -> Vec<String> {
        let changed = |(name, hash): &(&String, &String)| {
            let text = fs::read_to_string(self.container().join(name)).unwrap_or_default();
            !text.is_empty() && hash_of_text(&text) != **hash && new.get(*name) != Some(&text)
        };
        self.progress.laid.iter().filter(changed).map(|(name, _)| name.clone()).collect()
    }

    fn keep_changed(&self, new: &Files) -> Result<Option<PathBuf>> {
        let changed = self.changed(new);
        if changed.is_empty() {
            return Ok(None);
        }
        let paths: Vec<_> = changed.iter().map(|name| self.container().join(name)).collect();
        self.keep(&paths).map(Some)
    }

    /// Copies files to a new directory below `kept`, and says which.
    pub(crate) fn keep(&self, files: &[PathBuf]) -> Result<PathBuf> {
        let kept = self.dir.join("kept");
        fs::create_dir_all(&kept).doing("mkdir(2)", &kept)?;
        let free = (1..1000).map(|number: u32| kept.join(number.to_string())).find(|path| !path.exists());
        let dir = free.ok_or_else(|| Error::refused("keep files in", kept.display(), "it is full"))?;
        fs::create_dir(&dir).doing("mkdir(2)", &dir)?;
        for file in files {
            let to = dir.join(file.file_name().unwrap_or_default());
            fs::copy(file, &to).doing("copy to", &to)?;
        }
        Ok(dir)
    }

    /// The path as the learner knows it.
    pub(crate) fn shown(&self, path: &Path) -> PathBuf {
        let base = if self.elsewhere { Some(self.dir.as_path()) } else { self.dir.parent() };
        base.and_then(|base| path.strip_prefix(base).ok()).unwrap_or(path).to_owned()
    }
}

/// `facts-04-02`: a binary's name.
pub(crate) fn facts_name(id: Id) -> String {
    format!("facts-{:02}-{:02}", id.lesson, id.number)
}
