//! `cargo dive watch`: checks the exercise at hand whenever a file of the learner's changes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anstream::println;
use clap::Args as ClapArgs;
use kit::{Doing, Error, Result, term};
use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::check::{self, How};
use super::course::{Course, Id, Which};
use super::judge::Verdict;
use super::progress::hash_of_text;
use super::work::Work;

/// What `cargo dive watch` is asked.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The exercise (04.02); the one that was begun last, if none is named
    #[arg(value_parser = |text: &str| text.parse::<Id>())]
    id: Option<Id>,
    /// Look at the files now and then instead of waiting for the kernel to tell: for file systems that are shared from
    /// another machine, whose changes inotify(7) does not see
    #[arg(long)]
    poll: bool,
    /// Build as yourself, and run as root
    #[arg(long)]
    sudo: bool,
}

/// How often it is looked, without the kernel's help.
const PERIOD: Duration = Duration::from_millis(300);
/// An editor writes a file in more than one step.
const MOMENT: Duration = Duration::from_millis(60);

/// Watches, until a signal ends it.
pub fn run(args: &Args) -> Result<u8> {
    let how = How { again: false, sudo: args.sudo, done: false };
    loop {
        let course = Course::find()?;
        let mut work = Work::open(&course)?;
        let Which::One(id) = work.asked_or_current(args.id.map(Which::One))? else { return Ok(0) };
        let exercise = course.exercise(id)?;
        work.begun(exercise)?;
        let bins = work.dir.join("src/bin");
        // Before the check: what changes meanwhile is a change.
        let watch = if args.poll { None } else { Some(Watch::new(&[&bins, &work.container()])?) };
        let before = Files::of(&bins);
        let verdict = check::one(&course, &mut work, exercise, how, true);
        // An error of one check may be mended by the next change: a missing snapshot, a manifest in the making.
        match verdict {
            Ok(Verdict::Passed) => term::line("next: cargo dive start"),
            Ok(_) => {}
            Err(error) => term::failure(&error),
        }
        work.save()?;
        println!("\n  watching {} (Ctrl-C ends it)\n", work.shown(&work.container()).display());
        while Files::of(&bins) == before {
            match &watch {
                Some(watch) => watch.wait()?,
                None => sleep(PERIOD),
            }
            sleep(MOMENT);
        }
    }
}

/// What the learner's files say.
#[derive(Debug, PartialEq, Eq)]
struct Files(BTreeMap<PathBuf, String>);

impl Files {
    fn of(dir: &Path) -> Self {
        let mut files = BTreeMap::new();
        let mut dirs = vec![dir.to_owned()];
        while let Some(dir) = dirs.pop() {
            for path in fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()) {
                // The programs of facts are written by the check itself.
                let written =
                    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("facts-"));
                if path.is_dir() {
                    dirs.push(path);
                } else if !written && path.extension().is_some_and(|extension| extension == "rs") {
                    files.insert(path.clone(), hash_of_text(&fs::read_to_string(&path).unwrap_or_default()));
                }
            }
        }
        Self(files)
    }
}

/// inotify(7) on the directories: an editor that renames a new file over the old one is seen as well.
struct Watch(Inotify);

impl Watch {
    fn new(dirs: &[&Path]) -> Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC).map_err(|errno| {
            Error::call("inotify_init1(2)", "", errno).advise("cargo dive watch --poll does without")
        })?;
        let flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE;
        for dir in dirs {
            inotify.add_watch(*dir, flags).doing("inotify_add_watch(2)", *dir)?;
        }
        Ok(Self(inotify))
    }

    /// Waits for anything to happen there.
    fn wait(&self) -> Result<()> {
        match self.0.read_events() {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(Error::call("read(2)", "inotify", errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_what_a_file_says_and_not_when_it_was_written() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("main.rs");
        fs::write(&file, "a").expect("write");
        let before = Files::of(dir.path());
        fs::write(&file, "a").expect("write");
        fs::write(dir.path().join("facts-01-01.rs"), "ours").expect("write");
        assert_eq!(Files::of(dir.path()), before);
        fs::write(&file, "b").expect("write");
        assert_ne!(Files::of(dir.path()), before);
    }
}
