//! The runtime and engine that the lessons lead to. Its layout, as the rooms of one house:
//!
//! - [`error`]: an operation that failed, as a sentence, and as the [`Kind`](error::Kind) that callers branch on
//! - [`sys`]: the kernel's calls made safe to call: the only `unsafe` of this crate
//! - [`oci`]: the runtime specification as types, read strictly; no I/O
//! - [`runtime`]: containers as the specification knows them: bundle, create, init, start, kill, delete, state
//! - [`cli`]: command lines: that of `dive-runtime`
//!
//! These are all that exist so far. The others come with the chapters that need them, and each sees only
//! those to the right of it: `cli -> engine -> {image, storage, network, runtime} -> {oci, sys} -> error`.
//! Rooms in braces do not see each other, and nothing here imports a lesson. A test walks the source and fails
//! on an arrow that runs back.

pub mod cli;
pub mod error;
pub mod oci;
pub mod runtime;
pub mod sys;
