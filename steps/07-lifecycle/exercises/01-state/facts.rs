//! Exercise 07.01: moments of a container's life, and what may be asked in each state.

use std::process::ExitCode;

use kit::Result;
use step_07::{Operation, Status};

mod state;

use state::{Process, Seen};

fn main() -> ExitCode {
    kit::start();
    let table = std::env::args().nth(1).is_some_and(|word| word == "table");
    kit::finish(if table { allowed() } else { moments() }.map(|()| 0))
}

/// What is seen at a moment: claimed, recorded, the process, waits.
const MOMENTS: [(&str, bool, bool, Process, bool); 12] = [
    ("create has made the directory", true, false, Process::Unborn, false),
    ("create was killed when it had made the directory", false, false, Process::Unborn, false),
    ("init is born", true, false, Process::Lives, true),
    ("init has ended, and create is about to say why", true, false, Process::Zombie, false),
    ("create was killed, and init with it", false, false, Process::Gone, false),
    ("create has come to its end", false, true, Process::Lives, true),
    ("start has opened the FIFO, and init is on its way", false, true, Process::Lives, true),
    ("the program has begun", false, true, Process::Lives, false),
    ("the program has ended, and its parent has not waited", false, true, Process::Zombie, false),
    ("the program has been killed, and nobody looked", false, true, Process::Gone, false),
    ("the pid is somebody else's by now", false, true, Process::Another, false),
    ("delete is at work", true, true, Process::Gone, false),
];

fn moments() -> Result<()> {
    for (name, claimed, recorded, process, waits) in MOMENTS {
        println!("{name}: {}", state::state(Seen { claimed, recorded, process, waits })?);
    }
    Ok(())
}

fn allowed() -> Result<()> {
    for status in [Status::Creating, Status::Created, Status::Running, Status::Stopped] {
        let mut answers = vec![];
        for operation in [Operation::Start, Operation::Kill, Operation::Exec, Operation::Delete] {
            let answer = if state::allows(status, operation)? { "yes" } else { "no" };
            answers.push(format!("{operation} {answer}"));
        }
        println!("{status}: {}", answers.join(", "));
    }
    Ok(())
}
