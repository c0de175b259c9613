//! Signals to a container.

use nix::sys::signal::Signal;

use super::cgroup;
use super::store::Store;
use crate::error::{Error, Kind, Result};
use crate::oci::state::Status;

/// Sends a signal to the first process of a container, or to all of them. Errors: [`Kind::NotFound`], in the words that
/// engines look for, if it has ended.
pub fn kill(store: &Store, id: &str, signal: Signal, all: bool) -> Result<()> {
    let container = store.load(id)?;
    let not_running = || Error::refused(Kind::NotFound, "kill", id, "container not running");
    if all {
        return cgroup::signal_all(&container.record.cgroups, signal);
    }
    if container.status()? == Status::Stopped {
        return Err(not_running());
    }
    let held = match &container.record.init {
        Some(init) => init.hold()?,
        None => None,
    };
    match held.ok_or_else(not_running)?.send(signal) {
        Err(error) if error.kind() == Kind::NotFound => Err(not_running()),
        outcome => outcome,
    }
}

/// A signal by its number, or by its name with or without SIG, in any case. Errors: [`Kind::Invalid`].
pub fn signal(text: &str) -> Result<Signal> {
    let unknown = || Error::refused(Kind::Invalid, "unknown signal", text, "neither a name nor a number");
    if let Ok(number) = text.parse::<i32>() {
        return Signal::try_from(number).map_err(|_| unknown());
    }
    let name = text.to_ascii_uppercase();
    let name = if name.starts_with("SIG") { name } else { format!("SIG{name}") };
    name.parse().map_err(|_| unknown())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_has_a_number_and_names() {
        for text in ["15", "TERM", "SIGTERM", "term", "sigterm"] {
            assert_eq!(signal(text).expect(text), Signal::SIGTERM);
        }
        for text in ["", "0", "-1", "99999999999", "SIG", "KILLED", "SIGSIGTERM"] {
            assert_eq!(signal(text).expect_err(text).kind(), Kind::Invalid);
        }
    }
}
