//! The instruments of the course: what `cargo dive …` does, and what the tests are made with.
//!
//! Each module is one instrument. It exports the arguments of its verb (`Args`) and what the verb does
//! (`run`); the rest of it is there for other tools to reuse.

pub mod trace;
