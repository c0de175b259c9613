//! The exercises: `cargo dive start, check, hint …`, and `prove`, the course's own check of itself.
//!
//! The learner owns a container. `start` copies a lesson's program to work/src/bin/container; each exercise is a
//! module beside it, with the signature of the lesson's function, and takes that function's place in `use`. `check`
//! builds the container, runs it in labs, and compares what was seen of the kernel with what the exercise expects.
//!
//! What is there: [`format`] (an exercise on disk), [`course`] (all of them), [`progress`] (how far the learner is),
//! [`work`] (the learner's files), [`compose`] and [`uses`] (a lesson's program with modules in place of functions).
//! What is done: [`build`], [`in_lab`] (one run, in a process of its own), [`facts`] (what was seen, in tokens),
//! [`judge`] (seen beside expected), [`hints`] (what fits what was seen), [`tell`]. And a file for each verb.

pub mod catchup;
pub mod check;
pub mod diff;
pub mod hint;
pub mod in_lab;
pub mod list;
pub mod own;
pub mod pack;
pub mod prove;
pub mod report;
pub mod reset;
pub mod solution;
pub mod start;
pub mod watch;

mod build;
mod compose;
mod course;
mod facts;
mod format;
mod hints;
mod judge;
mod manifest;
mod needs;
mod progress;
mod runs;
mod tell;
mod uses;
mod work;
