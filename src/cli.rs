//! From a command line to a request, and from an outcome to words and a status.
//!
//! - [`runtime`]: `dive-runtime`, which has runc's command line

pub mod runtime;
