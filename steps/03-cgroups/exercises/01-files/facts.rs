//! Exercise 03.01: what the module would write, a fact for each file.

use std::process::ExitCode;

use kit::{Error, Result};

mod limit_files;

fn main() -> ExitCode {
    kit::start();
    kit::finish(shown().map(|()| 0))
}

fn shown() -> Result<()> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let number = |index: usize| match words.get(index).map_or("-", String::as_str) {
        "-" => Ok(None),
        word => word.parse().map(Some).map_err(|_| Error::refused("read a number", word, "it is none")),
    };
    let files = limit_files::files(number(0)?, number(1)?, number(2)?, number(3)?)?;
    println!("files: {}", files.len());
    files.iter().for_each(|(file, value)| println!("{file}: {value}"));
    Ok(())
}
