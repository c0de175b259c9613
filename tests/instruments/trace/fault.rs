//! The tracer as a library: an observer that answers in the kernel's place. The process of a case has one thread, so
//! it may trace by itself.

use std::ffi::OsString;

use nix::errno::Errno;
use workbook::trace::decode::{Decoded, Memory, decode};
use workbook::trace::tracer::{Entry, Event, Observer, Tracer, Until, Verdict, Who};

use crate::kit::{Lab, Outcome};

/// Answers each execve of one program; counts what happens.
struct Fault {
    program: &'static str,
    answer: Option<Errno>,
    replaced: Vec<i64>,
    born: usize,
    ended: usize,
}

impl Observer for Fault {
    fn entry(&mut self, who: Who, entry: &Entry) -> Verdict {
        let is_meant = |call: &Decoded| call.name == "execve" && call.subject.ends_with(self.program);
        match self.answer {
            Some(errno) if decode(entry, &Memory { tid: who.tid }).is_some_and(|call| is_meant(&call)) => {
                Verdict::Answer(-i64::from(errno as i32))
            }
            _ => Verdict::Ignore,
        }
    }

    fn exit(&mut self, _: Who, _: &Entry, result: i64) -> Option<i64> {
        self.replaced.push(result);
        None
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Born { .. } => self.born += 1,
            Event::Ended { .. } => self.ended += 1,
            Event::Executed { .. } => {}
        }
    }
}

/// A shell says 126 for a command that cannot be executed, and the file is one that can.
pub(super) fn answered(_: &Lab) -> Outcome {
    let run = |answer: Option<Errno>| {
        let mut fault = Fault { program: "/true", answer, replaced: Vec::new(), born: 0, ended: 0 };
        let mut tracer = Tracer::default();
        let command = ["sh", "-c", "/bin/true; status=$?; exit $status"].map(OsString::from);
        tracer.start(&command).map_err(|error| error.to_string())?;
        let outcome = tracer.run(&mut fault, Until::default()).map_err(|error| error.to_string())?;
        assert_eq!((fault.born, fault.ended), (1, 2), "the shell and its child");
        Ok::<_, String>((outcome.status, fault.replaced))
    };
    assert_eq!(run(None)?, (Some(0), vec![]));
    assert_eq!(run(Some(Errno::EACCES))?, (Some(126), vec![-i64::from(libc::EACCES)]));
    Ok(())
}
