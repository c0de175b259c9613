//! The demonstration: the guest's report, beside the host's, told in the same order by every step.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::OwnedFd;
use std::sync::Once;

use guest::Report;
use guest::compare::{compare, namespaces};
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::{Doing, Error, Result, Tier, term};

/// What the guest is asked in a demonstration.
pub const REPORT: &[&str] = &["/bin/guest", "report", "--json"];
/// The attack that every root before lesson 04 leaves open.
pub const WALK_OUT: &[&str] = &["/bin/guest", "attack", "A1"];

/// A file without a name that takes a guest's standard output. It needs no reader while the guest writes, as
/// a pipe would, and no place in a file system.
#[derive(Debug)]
pub struct Capture(File);

impl Capture {
    /// An empty one.
    pub fn new() -> Result<Self> {
        memfd_create(c"guest's output", MFdFlags::MFD_CLOEXEC)
            .map(|fd| Self(fd.into()))
            .doing("memfd_create(2)", "")
    }

    /// What the guest shall write to.
    pub fn writer(&self) -> Result<OwnedFd> {
        self.0.try_clone().map(OwnedFd::from).doing("dup(2)", "the guest's output")
    }

    /// All that was written.
    pub fn text(&mut self) -> Result<String> {
        let mut text = String::new();
        self.0
            .rewind()
            .and_then(|()| self.0.read_to_string(&mut text))
            .doing("read", "the guest's output")?;
        Ok(text.trim_end().to_owned())
    }

    /// What was written, as a value of the guest's: a report, a load.
    pub fn parsed<T: serde::de::DeserializeOwned>(&mut self) -> Result<T> {
        let text = self.text()?;
        serde_json::from_str(&text).map_err(|error| Error::refused("read the guest's report", text, error))
    }
}

/// What a step tells.
#[derive(Debug)]
pub struct Story<'a> {
    /// `04`, and what it is about.
    pub title: (&'a str, &'a str),
    /// The calls in their order, each with what it does.
    pub done: &'a [(&'a str, &'a str)],
    /// Kinds of namespaces that the kit lent, because a later lesson teaches them.
    pub lent: &'a [&'a str],
    /// What the guest saw.
    pub guest: &'a Report,
    /// More that this lesson shows.
    pub shown: &'a [(String, String)],
    /// What is still open: an attack with its verdict, and the lesson that closes it.
    pub hole: &'a [(&'a str, String)],
    /// The exit status of the guest.
    pub status: u8,
}

/// Prints the story on standard output.
pub fn tell(story: &Story<'_>) {
    let (number, about) = story.title;
    term::title(format_args!("step {number}: {about}"));

    term::heading("what is done");
    term::pairs(story.done);

    let host = Report::of_self();
    let rows = compare(&host, story.guest);
    let (own, shared): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.own);
    if !own.is_empty() {
        let cells: Vec<_> = own.into_iter().map(|row| [row.fact, row.host, row.guest]).collect();
        term::table(["what is seen", "by this step", "by the guest"], &cells);
    }
    term::heading("namespaces");
    let lent = |token: &String| story.lent.iter().any(|kind| *token == format!("{kind}:NEW"));
    let tokens = namespaces(&host, story.guest).into_iter();
    let tokens: Vec<_> =
        tokens.map(|token| if lent(&token) { token.replace("NEW", "LENT") } else { token }).collect();
    term::line(tokens.join("  "));
    if !story.shown.is_empty() {
        term::heading("what more is seen");
        term::pairs(story.shown);
    }
    term::heading("still shared");
    let unchanged = ["parent", "zombies", "descriptors"];
    let names: Vec<_> =
        shared.iter().map(|row| row.fact.as_str()).filter(|fact| !unchanged.contains(fact)).collect();
    term::line(if names.is_empty() { "nothing that is told here".into() } else { names.join(", ") });

    term::heading("what is still open");
    term::pairs(story.hole);
    term::heading(format_args!("exit status {}", story.status));
}

/// Says aloud that the root of this run is borrowed.
pub fn say_borrowed(tier: Tier) {
    static SAID: Once = Once::new();
    if tier == Tier::User {
        SAID.call_once(|| {
            term::note(
                "you are not root here: the kit borrows root in a user namespace (lesson 02 repays it)",
            );
        });
    }
}
