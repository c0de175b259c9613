//! An exercise on disk: exercise.toml, hints.toml, the stub, the solution, wrong answers, and what is expected.

use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::fs;
use std::path::{Path, PathBuf};

use kit::{Doing, Error, Result};
use serde::{Deserialize, Serialize};

use super::course::Id;
use super::facts;

/// An exercise, with everything about it that is no program.
#[derive(Debug)]
pub(crate) struct Exercise {
    pub(crate) id: Id,
    pub(crate) dir: PathBuf,
    pub(crate) about: About,
    pub(crate) hints: Hints,
}

/// exercise.toml.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    /// What it is about, in a few words.
    pub(crate) title: String,
    /// How long it takes who has read the chapter.
    pub(crate) minutes: u32,
    /// What it needs at least, as the book's card shows it: that of its first runs.
    pub(crate) tier: Option<Tier>,
    #[serde(default)]
    pub(crate) kind: Kind,
    /// What is to be done: shown by `start`.
    pub(crate) asks: String,
    /// Where to look: a file of the lesson, a page of the manual.
    #[serde(default)]
    pub(crate) look: Vec<String>,
    /// Commands to begin with; an open exercise has some.
    #[serde(default, rename = "try")]
    pub(crate) tries: Vec<String>,
    /// The learner's file, without `.rs`.
    #[serde(default)]
    pub(crate) module: String,
    /// The functions of lessons whose place its functions take: `step_04::pivot_into`.
    #[serde(default)]
    pub(crate) replaces: Vec<String>,
    /// What `check` runs.
    #[serde(default, rename = "run")]
    pub(crate) runs: Vec<Run>,
}

/// Whether there is an answer that a program can check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A stub, a solution, and runs that tell them apart.
    #[default]
    Code,
    /// A question, with what to try and where to look.
    Open,
}

/// What a run needs of the machine, from nothing on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Tier {
    /// Nothing of the kernel.
    T0,
    /// Namespaces: as root, or in a user namespace.
    T1,
    /// Control groups that may be made.
    T2,
    /// Engines: Docker, Podman, containerd.
    T3,
}

/// One thing that `check` runs, in a lab of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Run {
    /// Names the snapshot: expected/NAME.snap, or NAME.root.snap and NAME.user.snap where who runs it matters.
    pub(crate) name: String,
    pub(crate) tier: Tier,
    /// The arguments of the learner's container; none for its demonstration.
    pub(crate) args: Option<Vec<String>>,
    /// The arguments of facts.rs, compiled with the learner's module.
    pub(crate) facts: Option<Vec<String>>,
    /// A shell script that runs `$CONTAINER` or `$FACTS`, maybe more than once.
    pub(crate) script: Option<String>,
    /// A shell script that goes before; what it makes is no leak.
    pub(crate) prepare: Option<String>,
    /// Who runs it, if that matters. A user is to be had where root is; the reverse is not so.
    #[serde(rename = "as")]
    pub(crate) by: Option<By>,
    /// Whether mounts propagate in the lab, as systemd has it on a host. Needs root.
    #[serde(default)]
    pub(crate) shared: bool,
    /// Programs of the host.
    #[serde(default)]
    pub(crate) needs: Vec<String>,
    /// When it is given up.
    #[serde(default = "ten")]
    pub(crate) seconds: u64,
    /// The facts to keep of what was seen.
    #[serde(default)]
    pub(crate) keep: Vec<String>,
}

/// Who runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum By {
    Root,
    User,
}

/// hints.toml.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hints {
    /// From a question over a page of the manual to what is almost the code.
    #[serde(default)]
    pub(crate) ladder: Vec<String>,
    /// What fits what was seen; the first that does is told.
    #[serde(default)]
    pub(crate) seen: Vec<Seen>,
}

/// A hint that waits for something to be seen. All that it names must hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seen {
    pub(crate) name: String,
    /// The run in which.
    pub(crate) run: Option<String>,
    /// The fact that is not as expected.
    pub(crate) fact: Option<String>,
    /// A piece of that fact's value; of any fact's, if none is named.
    pub(crate) has: Option<String>,
    /// A piece that is not in it.
    pub(crate) lacks: Option<String>,
    /// A piece of what standard error says.
    pub(crate) says: Option<String>,
    pub(crate) hint: String,
}

const fn ten() -> u64 {
    10
}

impl Exercise {
    /// Reads a directory `MM-name`. Errors name the file, and what is wrong in it.
    pub(crate) fn read(id: Id, dir: &Path) -> Result<Self> {
        let about: About = toml_of(&dir.join("exercise.toml"))?;
        let hints = match about.kind {
            Kind::Code => toml_of(&dir.join("hints.toml"))?,
            Kind::Open => Hints::default(),
        };
        let exercise = Self { id, dir: dir.to_owned(), about, hints };
        exercise.validated().map_err(|reason| {
            Error::refused("read the exercise", dir.join("exercise.toml").display(), reason)
        })?;
        Ok(exercise)
    }

    pub(crate) fn stub(&self) -> PathBuf {
        self.dir.join("stub.rs")
    }

    pub(crate) fn solution(&self) -> PathBuf {
        self.dir.join("solution.rs")
    }

    /// The wrong answers, in the order of their names.
    pub(crate) fn wrong(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir.join("wrong")).into_iter().flatten().flatten();
        let rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
        let mut found: Vec<_> = entries.map(|entry| entry.path()).filter(rust).collect();
        found.sort();
        found
    }

    /// The main of the program that prints facts, if it has one.
    pub(crate) fn facts(&self) -> Option<PathBuf> {
        let path = self.dir.join("facts.rs");
        path.is_file().then_some(path)
    }

    /// Whether any run is of the learner's container, or of facts.rs alone.
    pub(crate) fn runs_container(&self) -> bool {
        self.about.runs.iter().any(|run| run.facts.is_none())
    }

    /// `T1`, or `T1 T2`: what its runs need.
    pub(crate) fn tiers(&self) -> String {
        let tiers: BTreeSet<_> = self.about.runs.iter().map(|run| run.tier.to_string()).collect();
        tiers.into_iter().collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn is_code(&self) -> bool {
        self.about.kind == Kind::Code
    }

    fn validated(&self) -> Result<(), String> {
        let about = &self.about;
        if about.title.trim().is_empty() || about.asks.trim().is_empty() || about.minutes == 0 {
            return Err("title, asks and minutes say something".into());
        }
        if about.kind == Kind::Open {
            let closed = !about.runs.is_empty() || !about.module.is_empty();
            return match (closed, about.tries.is_empty() || about.look.is_empty()) {
                (true, _) => Err("an open exercise has no runs and no module".into()),
                (_, true) => Err("an open exercise has something to try, and somewhere to look".into()),
                _ => Ok(()),
            };
        }
        if !is_module(&about.module) {
            return Err(format!("module: {:?} is no name of a module", about.module));
        }
        if let Some(path) =
            about.replaces.iter().find(|path| !path.starts_with("step_") || !path.contains("::"))
        {
            return Err(format!("replaces: {path:?} is no path like step_04::pivot_into"));
        }
        if about.runs.is_empty() {
            return Err("nothing is run".into());
        }
        let least = about.runs.iter().map(|run| run.tier).min();
        if about.tier.is_some() && about.tier != least {
            return Err("tier: it is the least tier of its runs".into());
        }
        let mut names = BTreeSet::new();
        for run in &about.runs {
            if !names.insert(run.name.as_str()) {
                return Err(format!("two runs are called {:?}", run.name));
            }
            run.validated(self.facts().is_some())
                .map_err(|reason| format!("run {:?}: {reason}", run.name))?;
        }
        self.hints.validated(&names).map_err(|reason| format!("hints.toml: {reason}"))
    }
}

impl Run {
    fn validated(&self, has_facts: bool) -> Result<(), String> {
        let ways = [self.args.is_some(), self.facts.is_some(), self.script.is_some()];
        if ways.into_iter().filter(|way| *way).count() != 1 {
            return Err("it has one of args, facts, script".into());
        }
        if self.facts.is_some() && !has_facts {
            return Err("there is no facts.rs".into());
        }
        if self.args.is_some() && self.keep.is_empty() {
            return Err("keep: at least one fact".into());
        }
        if self.shared && self.by == Some(By::User) {
            return Err("shared mounts need root".into());
        }
        self.keep.iter().try_for_each(|name| facts::known(name))
    }

    /// Whether anything of it names `$NAME`.
    pub(crate) fn names(&self, name: &str) -> bool {
        let words = [&self.args, &self.facts].into_iter().flatten().flatten();
        let mut texts = words.chain(&self.script).chain(&self.prepare);
        texts.any(|text| text.contains(&format!("${name}")))
    }

    /// The command as it is told.
    pub(crate) fn shown(&self) -> String {
        let quoted =
            |word: &String| if word.contains([' ', '\'', '"']) { format!("{word:?}") } else { word.clone() };
        let words = |program: &str, words: &[String]| {
            [program.to_owned()].into_iter().chain(words.iter().map(quoted)).collect::<Vec<_>>().join(" ")
        };
        match (&self.args, &self.facts, &self.script) {
            (Some(args), ..) => words("container", args),
            (_, Some(args), _) => words("facts", args),
            (.., script) => {
                script.as_deref().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
            }
        }
    }
}

impl Hints {
    fn validated(&self, runs: &BTreeSet<&str>) -> Result<(), String> {
        if self.ladder.len() < 3 {
            return Err(
                "the ladder has three rungs: a question, a page of the manual, almost the code".into()
            );
        }
        for seen in &self.seen {
            if seen.run.as_ref().is_some_and(|run| !runs.contains(run.as_str())) {
                return Err(format!("{}: no such run", seen.name));
            }
            if seen.fact.is_none() && seen.has.is_none() && seen.says.is_none() {
                return Err(format!("{}: it would fit anything", seen.name));
            }
        }
        Ok(())
    }
}

impl Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

fn is_module(name: &str) -> bool {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(letters) && name != "main"
}

fn toml_of<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).doing("read", path)?;
    toml::from_str(&text)
        .map_err(|error| Error::refused("read", path.display(), error.to_string().trim_end()))
}

#[cfg(test)]
#[path = "format/tests.rs"]
mod tests;
